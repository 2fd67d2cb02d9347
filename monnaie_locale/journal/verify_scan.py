"""Read a span of entries fast, as plain tuples, and say what is in it when every row is what it must be.

It finds nothing itself: a span with anything wrong in it is None, and the verifier reads that span again row by row,
carefully, to name what is wrong. So the fast way only has to recognise what is right.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from monnaie_locale.ledger.canonical import Line, entry_bytes
from monnaie_locale.ledger.entries import EntryKind, JournalEntry
from monnaie_locale.ledger.merkle import LEAF_PREFIX, Frontier, frontiers_at

# A power of two, so that a span is a subtree of the log, hashed apart and joined.
SPAN_ENTRIES = 2**14
KINDS = frozenset(int(kind) for kind in EntryKind)
CHARGE = int(EntryKind.CHARGE)
# What a row that is not as it should be makes of the reading.
UNFIT = (TypeError, ValueError, AttributeError, IndexError, KeyError, OverflowError)
END = (None,) * 8
ENTRIES = """
SELECT id, kind, happened_at_ms, recorded_at_ms, accounted_on, caller, key_digest, request_digest, reverses_entry_id,
  reference, leaf_hash
FROM journal_entries WHERE territory_id = {territory_id} AND id BETWEEN {first} AND {last} ORDER BY id
"""
TRANSFERS = """
SELECT entry_id, debit_kind, credit_kind, debit_account_id, credit_account_id, amount_cents, debit_previous_id,
  credit_previous_id
FROM transfers WHERE territory_id = {territory_id} AND entry_id BETWEEN {first} AND {last} ORDER BY entry_id, line_no
"""
RawRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """An entry that is no charge, as those ask who hold other tables against the journal."""

    entry_id: int
    kind: EntryKind
    amount_cents: int
    caller: str
    request_digest: bytes
    reverses_entry_id: int | None
    reference: str
    first_credit_account_id: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """A span of entries that are all as they must be: its part of the log, the sums of its transfers, its events.

    `marks` are the parts of the log up to each signed size inside the span. Of each account, `previous` is the entry
    that its first transfer of the span names, `last` the entry of its last one: between them the chain holds.
    """

    entries: int
    part: Frontier
    marks: dict[int, Frontier]
    debits: dict[int, int]
    credits: dict[int, int]
    previous: dict[int, int]
    last: dict[int, int]
    events: list[Event]


def scan_span(
    db: Connection, *, territory_id: int, first: int, last: int, kinds: bytes, sizes: Iterable[int]
) -> Scanned | None:
    """Return what the entries of a span hold, or None when a careful reading must say what is wrong.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        first: the first entry's number; the span begins a subtree of the log as large as itself.
        last: the last entry's number.
        kinds: the kind of each account, by its number; 0 where there is none.
        sizes: the sizes at which the log was signed inside the span, in order.

    """
    span = {"territory_id": int(territory_id), "first": int(first), "last": int(last)}
    try:
        found = _Reading(territory_id, kinds)
        entries = raw_rows(db, ENTRIES.format_map(span))
        found.read(first, entries, raw_rows(db, TRANSFERS.format_map(span)))
    except UNFIT:
        return None
    if not found.is_sound or len(found.leaves) != last - first + 1:
        return None
    part, marks = _folded(found.leaves, first - 1, sizes)
    return Scanned(
        len(found.leaves), part, marks, found.debits, found.credits, found.previous, found.last, found.events
    )


class _Reading:
    """The rows of one span, looked at one by one; `is_sound` once all of them were what they must be."""

    def __init__(self, territory_id: int, kinds: bytes) -> None:
        self.territory_id = territory_id
        self.kinds = kinds
        self.leaves: list[bytes] = []
        self.debits: dict[int, int] = defaultdict(int)
        self.credits: dict[int, int] = defaultdict(int)
        self.previous: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.events: list[Event] = []
        self.is_sound = False

    def read(self, first: int, entries: Sequence[RawRow], lines: Sequence[RawRow]) -> None:
        """Look at every row; stops at the first that is not sound, or raises one of UNFIT."""
        territory_id, kinds, debits, credits_, append = (
            self.territory_id, self.kinds, self.debits, self.credits, self.leaves.append,
        )  # fmt: skip
        iso_days: dict[object, str] = {}
        rest = iter(lines)
        line = next(rest, END)
        # Whatever is added to it must be a number; and a sum of integers is an integer only if all of them are.
        total: Any = 0
        for expected, row in enumerate(entries, start=first):
            number, kind, happened, recorded, day, caller, key, request, reverses, reference, leaf = row
            moved: list[Line] = []
            named: list[tuple[int, int]] = []
            while line[0] == number:
                _, debit_kind, credit_kind, debit, credit, cents, debit_previous, credit_previous = line
                if cents <= 0 or not 0 < debit != credit > 0:
                    return
                if not kinds[debit] == debit_kind > 0 or not kinds[credit] == credit_kind > 0:
                    return
                moved.append((debit, credit, cents))
                debits[debit] += cents
                credits_[credit] += cents
                total += cents
                named += ((debit, debit_previous), (credit, credit_previous))
                line = next(rest, END)
            content = entry_bytes(
                territory_id, number, kind, happened, recorded, iso_days.get(day) or _remembered(iso_days, day),
                caller, key, request, reverses, reference, moved,
            )  # fmt: skip
            if sha256(LEAF_PREFIX + content).digest() != leaf or number != expected or kind not in KINDS:
                return
            if not self._follows(number, named):
                return
            total += happened + recorded
            append(leaf)
            if kind != CHARGE:
                self._note(row, moved)
        # A line that is left belongs to no entry.
        self.is_sound = line is END and type(total) is int

    def _follows(self, number: int, named: Sequence[tuple[int, int]]) -> bool:
        """Continue the chains; return whether there are transfers, and each names what moved its account before."""
        touched = dict(named)
        # All transfers of an entry name what came before the entry.
        if len(named) > len(touched) and any(touched[account_id] != previous_id for account_id, previous_id in named):
            return False
        last = self.last
        for account_id, previous_id in touched.items():
            known = last.get(account_id)
            if known is None:
                self.previous[account_id] = previous_id
            elif known != previous_id:
                return False
            last[account_id] = number
        return bool(named)

    def _note(self, row: RawRow, moved: Sequence[Line]) -> None:
        number, kind, _, _, _, caller, _, request, reverses, reference, _ = row
        whole(reverses or 0)
        cents = sum(line[2] for line in moved)
        self.events.append(Event(number, EntryKind(kind), cents, caller, request, reverses, reference, moved[0][1]))


def event_of(entry: JournalEntry) -> Event:
    """Return an entry as the event that a scan would have given."""
    return Event(
        entry.entry_id,
        entry.kind,
        entry.amount_cents,
        entry.caller,
        entry.request_digest,
        entry.reverses_entry_id,
        entry.reference,
        entry.transfers[0].credit_account_id if entry.transfers else 0,
    )


def whole(value: object) -> int:
    """Return an integer that is one; TypeError for 1.5, which SQLite would keep in an integer column."""
    if type(value) is not int:
        message = f"{value!r} is not an integer"
        raise TypeError(message)
    return value


def raw_rows(db: Connection, statement: str) -> list[RawRow]:
    """Return the rows of a SELECT as the driver gives them: SQLAlchemy's own rows would cost as much as the hashing."""
    cursor = db.connection.cursor()
    try:
        if db.dialect.name == "postgresql":
            cursor.execute(statement, binary=True)  # type: ignore[call-arg] # psycopg's own: no text to parse
        else:
            cursor.execute(statement)
        rows: list[RawRow] = cursor.fetchall()  # type: ignore[assignment]
    finally:
        cursor.close()
    return rows


def spans(*, through: int, after: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the first and last numbers of each span up to an entry; `after` is where one ended."""
    for start in range(after, through, SPAN_ENTRIES):
        yield start + 1, min(start + SPAN_ENTRIES, through)


def iso_day(day: object) -> str:
    """Return a raw date as "2026-10-05"; ValueError when it is none."""
    return (day if isinstance(day, datetime.date) else datetime.date.fromisoformat(str(day))).isoformat()


def _remembered(iso_days: dict[object, str], day: object) -> str:
    iso_days[day] = iso_day(day)
    return iso_days[day]


def _folded(leaves: Sequence[bytes], offset: int, sizes: Iterable[int]) -> tuple[Frontier, dict[int, Frontier]]:
    """Return the span's part of the log, and that part at each signed size."""
    inside = list(sizes)
    *marks, part = frontiers_at(leaves, [*(size - offset for size in inside), len(leaves)])
    return part, dict(zip(inside, marks, strict=True))
