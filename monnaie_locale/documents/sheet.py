"""A document that is a table: one model for the PDF, the CSV and the spreadsheet, so that a new one is a few lines.

A sheet says what it holds (columns, rows), for what (period, closed or not, head of the log) and what it must add up
to: control totals found another way than the rows, which every writer counts again while it writes.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from monnaie_locale.documents.errors import ControlTotalsDiffer
from monnaie_locale.documents.model import Issuer, LogHead
from monnaie_locale.documents.wording import day_short, moment_short
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS

Cell = str | int | datetime.date | None
Row = tuple[Cell, ...]


class Subtotal(tuple[Cell, ...]):
    """A row that sums up rows above it, "Total du compte 467500": shown apart, in no control total and no count."""

    __slots__ = ()


class PartSubtotal(Subtotal):
    """The same of a part of what another subtotal sums up, such as one third party of an account: marked less."""

    __slots__ = ()


class Kind(StrEnum):
    """What a column holds: each writer shows it in its own way. CENTS columns are added up, AMOUNT ones are not.

    A COUNT says how many, "1 920"; a NUMBER says which one, "1920".
    """

    TEXT = "text"
    DAY = "day"
    COUNT = "count"
    NUMBER = "number"
    CENTS = "cents"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its French heading, what it holds, and its share of the width of a page (0: as narrow as it can)."""

    title: str
    kind: Kind = Kind.TEXT
    share: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What every document says of itself: for whom, for which period, whether it is closed, which head was signed.

    `period` is short and sorts ("2026-10", "2026"); `closed_at` is None while the period is open.
    """

    issuer: Issuer
    currency_name: str
    period: str
    period_label: str
    closed_at: datetime.datetime | None
    created_at: datetime.datetime
    head: LogHead | None
    is_demo: bool = False

    @property
    def state_fr(self) -> str:
        """Return in French whether what is printed may still change."""
        if self.closed_at is None:
            return "Provisoire : la période n’est pas arrêtée, les chiffres peuvent encore changer."
        return f"Définitif : période arrêtée le {moment_short(self.closed_at)}."


@dataclass(frozen=True, slots=True)
class Control:
    """What the rows must add up to: how many they are, and the cents of each CENTS column, by its title."""

    row_count: int
    sums_cents: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A document; `rows` gives its rows again each time it is called, so that a long one is never all in memory.

    `notes` are sentences printed below the table, `signatures` the roles that sign, `empty` what an empty table says.
    `sums_up` is what a centralised table stands for ("Centralisé par jour : …"), "" when every line is there;
    `is_wide` says that what is written in it is too long for an upright page.
    """

    name: str
    title: str
    standing: Standing
    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Row]]
    control: Control
    notes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    empty: str = "Rien à signaler."
    sums_up: str = ""
    is_wide: bool = False

    def counted_rows(self) -> Iterator[Row]:
        """Yield the rows, counting them; refuses control_totals_differ after the last one.

        A writer that streams gives nothing after the refusal: the file lacks its control totals, and is seen as cut.
        """
        cents = {column.title: place for place, column in enumerate(self.columns) if column.kind is Kind.CENTS}
        sums = dict.fromkeys(cents, 0)
        count = 0
        for row in self.rows():
            if isinstance(row, Subtotal):
                yield row
                continue
            count += 1
            for title, place in cents.items():
                value = row[place]
                if isinstance(value, int):
                    sums[title] += value
            yield row
        if count != self.control.row_count:
            raise ControlTotalsDiffer(
                name=self.title, what="le nombre de lignes", counted=count, announced=self.control.row_count
            )
        for title, sum_cents in sums.items():
            announced_cents = self.control.sums_cents[title]
            if sum_cents != announced_cents:
                raise ControlTotalsDiffer(
                    name=self.title,
                    what=title,
                    counted=format_euros(sum_cents),
                    announced=format_euros(announced_cents),
                )

    def totals(self) -> Row:
        """Return the control totals as a last row: the word, then the sum of each CENTS column."""
        return (
            "Total",
            *(self.control.sums_cents[column.title] if column.kind is Kind.CENTS else None
              for column in self.columns[1:]),
        )  # fmt: skip

    def control_facts(self) -> list[tuple[str, Cell, Kind]]:
        """Return what the document says of itself, line by line: label, value and what it is."""
        standing = self.standing
        facts: list[tuple[str, Cell, Kind]] = [
            ("Document", self.title, Kind.TEXT),
            ("Période", standing.period_label, Kind.TEXT),
            ("État", standing.state_fr, Kind.TEXT),
            ("Émetteur", standing.issuer.name, Kind.TEXT),
            ("Au nom et pour le compte de", standing.issuer.on_behalf_of, Kind.TEXT),
            ("Établi le", day_short(standing.created_at.astimezone(PARIS).date()), Kind.TEXT),
            ("Nombre de lignes", self.control.row_count, Kind.COUNT),
            *((f"Total {column.title}", self.control.sums_cents[column.title], Kind.CENTS)
              for column in self.columns if column.kind is Kind.CENTS),
        ]  # fmt: skip
        if self.sums_up:
            facts.append(("Présentation", self.sums_up, Kind.TEXT))
        if standing.head is not None:
            facts += [
                ("Écritures scellées", standing.head.entry_count, Kind.COUNT),
                ("Empreinte des comptes", standing.head.root.hex(), Kind.TEXT),
                ("Clé de signature", standing.head.public_key_fingerprint, Kind.TEXT),
            ]
        return [*facts, *(("Mention", note, Kind.TEXT) for note in self.notes)]


def control_of(columns: tuple[Column, ...], rows: list[Row]) -> Control:
    """Return the control totals of rows that have no other source and no subtotals: a list of people or of dates."""
    sums: dict[str, int] = {}
    for place, column in enumerate(columns):
        if column.kind is Kind.CENTS:
            sums[column.title] = sum(value for row in rows if isinstance(value := row[place], int))
    return Control(len(rows), sums)
