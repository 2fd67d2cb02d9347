"""The rows of the books as an auditor's export says them: as they are stored, read in order, memory flat."""

import datetime
from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, select

from monnaie_locale.journal.log import heads_of
from monnaie_locale.journal.tables import accounts, closed_periods, journal_entries, reopened_periods, transfers
from monnaie_locale.journal.verify_rows import raw_columns

ROWS_PER_READ = 10_000
ExportRow = dict[str, object]


def head_rows(db: Connection, *, territory_id: int) -> Iterator[ExportRow]:
    """Yield every signed head of the log, the smallest first."""
    for head in heads_of(db, territory_id=territory_id):
        yield {
            "size": head.size,
            "root": head.root.hex(),
            "accounts_size": head.accounts_size,
            "accounts_root": head.accounts_root.hex(),
            "sealed_at_ms": head.sealed_at_ms,
            "signature": head.signature.hex(),
        }


def period_rows(db: Connection, *, territory_id: int) -> Iterator[ExportRow]:
    """Yield every closed period, the oldest first."""
    query = select(*raw_columns(closed_periods)).where(closed_periods.c.territory_id == territory_id)
    for row in db.execute(query.order_by(closed_periods.c.ends_on)):
        yield {
            "starts_on": _said(row.starts_on),
            "ends_on": _said(row.ends_on),
            "last_entry": row.last_entry_id,
            "closed_at_ms": row.closed_at_ms,
        }


def reopening_rows(db: Connection, *, territory_id: int) -> Iterator[ExportRow]:
    """Yield every reopening of a closed period, the oldest first."""
    query = select(*raw_columns(reopened_periods)).where(reopened_periods.c.territory_id == territory_id)
    for row in db.execute(query.order_by(reopened_periods.c.ends_on, reopened_periods.c.closed_at_ms)):
        yield {
            "starts_on": _said(row.starts_on),
            "ends_on": _said(row.ends_on),
            "last_entry": row.last_entry_id,
            "closed_at_ms": row.closed_at_ms,
            "reopened_entry": row.reopened_entry_id,
            "reopened_at_ms": row.reopened_at_ms,
        }


def account_rows(db: Connection, *, territory_id: int) -> Iterator[ExportRow]:
    """Yield every account as it was opened, by number."""
    columns = raw_columns(accounts)
    after = 0
    while True:
        query = select(*columns).where(accounts.c.territory_id == territory_id, accounts.c.id > after)
        rows = db.execute(query.order_by(accounts.c.id).limit(ROWS_PER_READ)).all()
        for row in rows:
            yield {
                "number": row.id,
                "kind": row.kind,
                "programme": row.programme_id,
                "wallet": row.wallet_id,
                "merchant": row.merchant_id,
                "expires_on": _said(row.expires_on),
                "opened_at_ms": row.opened_at_ms,
                "leaf_hash": _said(row.leaf_hash),
            }
        if not rows:
            return
        after = rows[-1].id


def entry_rows(db: Connection, *, territory_id: int) -> Iterator[ExportRow]:
    """Yield every entry with its transfers, by number."""
    columns = raw_columns(journal_entries)
    after = 0
    while True:
        query = select(*columns).where(journal_entries.c.territory_id == territory_id, journal_entries.c.id > after)
        rows = db.execute(query.order_by(journal_entries.c.id).limit(ROWS_PER_READ)).all()
        if not rows:
            return
        lines = _lines(db, territory_id, rows[0].id, rows[-1].id)
        for row in rows:
            yield {
                "number": row.id,
                "kind": row.kind,
                "happened_at_ms": row.happened_at_ms,
                "recorded_at_ms": row.recorded_at_ms,
                "accounted_on": _said(row.accounted_on),
                "caller": _said(row.caller),
                "key_digest": _said(row.key_digest),
                "request_digest": _said(row.request_digest),
                "reverses": row.reverses_entry_id,
                "reference": _said(row.reference),
                "transfers": lines[row.id],
                "leaf_hash": _said(row.leaf_hash),
            }
        after = rows[-1].id


def _lines(db: Connection, territory_id: int, first: int, last: int) -> dict[int, list[tuple[int, int, int]]]:
    lines: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    found = db.execute(
        select(
            transfers.c.entry_id,
            transfers.c.debit_account_id,
            transfers.c.credit_account_id,
            transfers.c.amount_cents,
        )
        .where(transfers.c.territory_id == territory_id, transfers.c.entry_id.between(first, last))
        .order_by(transfers.c.entry_id, transfers.c.line_no)
    )
    for entry_id, debit, credit, cents in found:
        lines[entry_id].append((debit, credit, cents))
    return lines


def _said(value: object) -> object:
    """Return a raw value as JSON says it; one of a wrong type as it is, for the auditor to see."""
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime.date) else value
