"""Read rows for the verifier as they are: what cannot be read is a finding, never a crash."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, String, Table, select, type_coerce

from monnaie_locale.journal.directory import StoredRow
from monnaie_locale.journal.queries import as_entry, as_transfer
from monnaie_locale.journal.tables import journal_entries, transfers
from monnaie_locale.journal.verify_scan import whole
from monnaie_locale.ledger.entries import JournalEntry, Transfer

ROWS_PER_READ = 10_000
# Below any number: a row that somebody numbered -5 is read too.
BELOW_ALL = -(2**63)
ABOVE_ALL = 2**63 - 1
# SQLite keeps a value of any type in any column.
VALUES = {
    "recorded_at_ms": int,
    "happened_at_ms": int,
    "caller": str,
    "reference": str,
    "key_digest": bytes,
    "request_digest": bytes,
}
UNREADABLE = (ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as its rows say it, or None when they cannot be read."""

    entry_id: int
    entry: JournalEntry | None
    leaf_hash: bytes


def raw_columns(table: Table) -> list[ColumnElement[Any]]:
    """Return the table's columns, dates as the database gives them: SQLite's text may be no date."""
    return [
        type_coerce(column, String).label(column.name) if isinstance(column.type, Date) else column
        for column in table.columns
    ]


def as_date(value: object) -> datetime.date:
    """Return the date that a raw value says; ValueError when it is none."""
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(str(value))


def as_leaf(value: object) -> bytes:
    """Return the leaf hash that a raw value says; nothing, which is the hash of no entry, when it is no hash."""
    return value if isinstance(value, bytes) else b""


def stored_entries(
    db: Connection, *, territory_id: int, after: int = BELOW_ALL, through: int = ABOVE_ALL
) -> Iterator[StoredEntry]:
    """Yield the entries with their transfers, in the order of the numbers; memory stays flat.

    `after` and `through` are numbers: those above the one, up to the other.
    """
    while True:
        rows = (
            db.execute(
                select(*raw_columns(journal_entries))
                .where(
                    journal_entries.c.territory_id == territory_id,
                    journal_entries.c.id > after,
                    journal_entries.c.id <= through,
                )
                .order_by(journal_entries.c.id)
                .limit(ROWS_PER_READ)
            )
            .mappings()
            .all()
        )
        if not rows:
            return
        lines = _lines(db, territory_id, rows)
        for row in rows:
            yield StoredEntry(row["id"], _readable(row, lines[row["id"]]), as_leaf(row["leaf_hash"]))
        after = rows[-1]["id"]


def _lines(db: Connection, territory_id: int, rows: Sequence[StoredRow]) -> dict[int, list[StoredRow]]:
    lines: dict[int, list[StoredRow]] = {row["id"]: [] for row in rows}
    found = db.execute(
        select(transfers)
        .where(transfers.c.territory_id == territory_id, transfers.c.entry_id.between(rows[0]["id"], rows[-1]["id"]))
        .order_by(transfers.c.entry_id, transfers.c.line_no)
    ).mappings()
    for line in found:
        if line["entry_id"] in lines:
            lines[line["entry_id"]].append(dict(line))
    return lines


def _readable(row: StoredRow, lines: Sequence[StoredRow]) -> JournalEntry | None:
    try:
        read: tuple[Transfer, ...] = tuple(as_transfer(line) for line in lines)
        for line in read:
            whole(line.amount_cents)
        for column, wanted in VALUES.items():
            if type(row[column]) is not wanted:
                raise TypeError(column)
        return as_entry(dict(row) | {"accounted_on": as_date(row["accounted_on"])}, read)
    except UNREADABLE:
        return None
