"""Read charges, refunds and days in bulk, for what is looked for among many entries."""

import datetime
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from monnaie_locale.journal.queries import numbers_accounted
from monnaie_locale.journal.tables import accounts, journal_entries, transfers
from monnaie_locale.ledger.entries import EntryKind

LOOKUP_MAX = 500


class ChargeEvent(NamedTuple):
    """A charge in cents: which wallet, which shop's account, when, and the first day on which a purse of it expires."""

    entry_id: int
    wallet_id: int
    shop_account_id: int
    amount_cents: int
    happened_at_ms: int
    accounted_on: datetime.date
    purse_expires_on: datetime.date


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """A refund of a charge, in cents."""

    entry_id: int
    charge_entry_id: int
    amount_cents: int
    happened_at_ms: int
    accounted_on: datetime.date


def days_of(db: Connection, *, territory_id: int, entry_ids: Collection[int]) -> dict[int, datetime.date]:
    """Return the day on which each of these entries is accounted."""
    found: dict[int, datetime.date] = {}
    wanted = sorted(set(entry_ids))
    columns = journal_entries.c
    for start in range(0, len(wanted), LOOKUP_MAX):
        rows = db.execute(
            select(columns.id, columns.accounted_on).where(
                columns.territory_id == territory_id, columns.id.in_(wanted[start : start + LOOKUP_MAX])
            )
        )
        found.update({row[0]: row[1] for row in rows})
    return found


def charges_between(
    db: Connection, *, territory_id: int, first_day: datetime.date, last_day: datetime.date
) -> Iterator[ChargeEvent]:
    """Yield the charges accounted between two days, both included, in the order of their numbers; one query."""
    bounds = numbers_accounted(db, territory_id=territory_id, first_day=first_day, last_day=last_day)
    if bounds is None:
        return
    entries, moves = journal_entries.c, transfers.c
    rows = db.execute(
        select(
            entries.id,
            func.min(accounts.c.wallet_id),
            func.min(moves.credit_account_id),
            func.sum(moves.amount_cents),
            entries.happened_at_ms,
            entries.accounted_on,
            func.min(accounts.c.expires_on),
        )
        .join(transfers, (moves.territory_id == entries.territory_id) & (moves.entry_id == entries.id))
        .join(accounts, (accounts.c.territory_id == moves.territory_id) & (accounts.c.id == moves.debit_account_id))
        .where(
            entries.territory_id == territory_id,
            entries.id.between(*bounds),
            entries.kind == int(EntryKind.CHARGE),
            entries.accounted_on.between(first_day, last_day),
        )
        .group_by(entries.id, entries.happened_at_ms, entries.accounted_on)
        .order_by(entries.id)
    )
    for row in rows:
        yield ChargeEvent(row[0], row[1], row[2], int(row[3]), row[4], row[5], row[6])


def is_touched_after(db: Connection, *, territory_id: int, entry_id: int, last_day: datetime.date) -> bool:
    """Return whether an entry came after this one that is accounted until a day, or that reverses another."""
    columns = journal_entries.c
    touches = (columns.accounted_on <= last_day) | columns.reverses_entry_id.is_not(None)
    later = select(columns.id).where(columns.territory_id == territory_id, columns.id > entry_id, touches).limit(1)
    return db.scalar(later) is not None


def refunds_after(
    db: Connection, *, territory_id: int, after_entry_id: int, last_day: datetime.date
) -> Iterator[RefundEvent]:
    """Yield the refunds numbered after an entry and accounted until a day, in the order of their numbers."""
    entries, moves = journal_entries.c, transfers.c
    rows = db.execute(
        select(
            entries.id, entries.reference, func.sum(moves.amount_cents), entries.happened_at_ms, entries.accounted_on
        )
        .join(transfers, (moves.territory_id == entries.territory_id) & (moves.entry_id == entries.id))
        .where(
            entries.territory_id == territory_id,
            entries.id > after_entry_id,
            entries.kind == int(EntryKind.REFUND),
            entries.accounted_on <= last_day,
        )
        .group_by(entries.id, entries.reference, entries.happened_at_ms, entries.accounted_on)
        .order_by(entries.id)
    )
    for row in rows:
        number = row[1].rpartition(":")[2]
        yield RefundEvent(row[0], int(number) if number.isdecimal() else 0, int(row[2]), row[3], row[4])
