"""Hold the log against heads kept elsewhere: printed on a certificate or a statement, they cannot be taken back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from monnaie_locale.journal.log import leaf_hashes
from monnaie_locale.journal.queries import head_of
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.merkle import Frontier


@dataclass(frozen=True, slots=True)
class KeptHead:
    """How many entries, and the root of their log, as a document shows them."""

    size: int
    root: bytes


def check_kept_heads(db: Connection, *, territory_id: int, kept: Sequence[KeptHead]) -> Iterator[Finding]:
    """The log had each of these roots at its size; one that is shorter now has lost its tail."""
    if not kept:
        return
    last_entry_id = head_of(db, territory_id=territory_id).last_entry_id
    frontier = Frontier()
    reachable = sorted((each for each in kept if each.size <= last_entry_id), key=lambda each: each.size)
    leaves = leaf_hashes(db, territory_id=territory_id, size=reachable[-1].size if reachable else 0)
    for each in reachable:
        frontier = frontier.extended(islice(leaves, each.size - frontier.size))
        if (frontier.size, frontier.root()) != (each.size, each.root):
            yield Finding(
                "kept_head_differs",
                f"log head {each.size}",
                f"Le journal n’est pas la suite de celui dont l’empreinte à {each.size} écritures a été gardée.",
            )
    for each in kept:
        if each.size > last_entry_id:
            yield Finding(
                "kept_head_missing",
                f"log head {each.size}",
                f"Le journal n’a plus que {last_entry_id} écritures ; l’empreinte gardée en couvre {each.size}.",
            )
