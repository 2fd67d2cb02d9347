"""Find the wallet of each line of a distribution's file, a few lines at a time, and keep sixteen bytes of each."""

import itertools
from array import array
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import IO

from sqlalchemy import Connection

from monnaie_locale.programmes.csv_table import LINES_MAX, read_amounts
from monnaie_locale.programmes.errors import CsvLineInvalid
from monnaie_locale.programmes.wallet_directory import WalletDirectory

LINES_PER_LOOKUP = 2_000


@dataclass(slots=True)
class Allocations:
    """What each wallet receives, in the order of the file; the first line is line 1."""

    wallet_ids: "array[int]" = field(default_factory=lambda: array("q"))
    amounts_cents: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.wallet_ids)

    @property
    def total_cents(self) -> int:
        """Return the sum of the lines."""
        return sum(self.amounts_cents)

    def lines(self, *, after_line: int = 0, limit: int | None = None) -> Iterator[tuple[int, int, int]]:
        """Yield (line number, wallet id, cents) of `limit` lines after a line."""
        last = len(self) if limit is None else min(len(self), after_line + limit)
        for position in range(after_line, last):
            yield position + 1, self.wallet_ids[position], self.amounts_cents[position]


def read_allocations(
    db: Connection, *, territory_id: int, file: IO[bytes], directory: WalletDirectory, lines_max: int = LINES_MAX
) -> Allocations:
    """Return what a `reference;montant` file gives to each wallet.

    Refuses csv_unreadable, csv_too_large, csv_line_invalid (an unknown household too, with its line).
    """
    found = Allocations()
    # Closed here: left half read, it would let go of the file after its owner did.
    with closing(read_amounts(file, lines_max=lines_max)) as lines:
        while chunk := list(itertools.islice(lines, LINES_PER_LOOKUP)):
            wallets = directory.wallets_by_reference(
                db, territory_id=territory_id, references=[line.reference for line in chunk]
            )
            for line in chunk:
                if line.reference not in wallets:
                    reason = f"aucun porte-monnaie ouvert pour « {line.reference} »."
                    raise CsvLineInvalid(line=line.line, column="reference", reason=reason)
                found.wallet_ids.append(wallets[line.reference])
                found.amounts_cents.append(line.amount_cents)
    return found
