"""A shop's day and month, read from the journal: what it took, gave back, paid and was paid."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Connection

from merchants.charging.receipts import guaranteed_cents
from merchants.model import Movement
from merchants.queries import merchant_accounts, refunded_of
from monnaie_locale.journal.account_history import entries_touching, numbers_touching
from monnaie_locale.journal.queries import entries_by_number, numbers_accounted
from monnaie_locale.ledger.entries import EntryKind, JournalEntry
from monnaie_locale.ledger.periods import Month, paris_date

ENTRIES_PER_READ = 500


def day_movements(db: Connection, *, territory_id: int, merchant_id: int, day: datetime.date) -> list[Movement]:
    """Return what was recorded at a shop on a day (Paris), newest first, with what may still be refunded."""
    found = [
        movement
        for movement in _movements(db, territory_id=territory_id, merchant_id=merchant_id, recorded_from=day)
        if paris_date(movement.recorded_at_ms) == day
    ]
    return with_refundable(db, territory_id=territory_id, movements=found)


def month_movements(db: Connection, *, territory_id: int, merchant_id: int, month: Month) -> list[Movement]:
    """Return what is accounted in a month at a shop, oldest first."""
    own = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)
    bounds = numbers_accounted(db, territory_id=territory_id, first_day=month.first_day, last_day=month.last_day)
    if bounds is None:
        return []
    lowest, highest = bounds
    numbers = numbers_touching(db, territory_id=territory_id, account_ids=own, above=lowest - 1, below=highest + 1)
    return [
        as_movement(posted.entry, own_account_ids=own)
        for posted in entries_by_number(db, territory_id=territory_id, entry_ids=numbers)
        # Between the first and the last of the month lie some of its neighbours, recorded late or accounted ahead.
        if Month.of(posted.entry.accounted_on) == month
    ]


def charged_cents(movements: list[Movement]) -> int:
    """Return the charges less the refunds of a list, in cents: what the shop redeems."""
    kinds = {EntryKind.CHARGE, EntryKind.REFUND, EntryKind.MERCHANT_PAYMENT}
    return sum(movement.amount_cents for movement in movements if movement.kind in kinds)


def with_refundable(db: Connection, *, territory_id: int, movements: list[Movement]) -> list[Movement]:
    """Return the movements with what may still be refunded of each charge."""
    charges = {movement.entry_id for movement in movements if movement.kind is EntryKind.CHARGE}
    refunded = refunded_of(db, territory_id=territory_id, charge_entry_ids=charges)
    return [
        replace(movement, refundable_cents=movement.amount_cents - refunded.get(movement.entry_id, 0))
        if movement.entry_id in charges
        else movement
        for movement in movements
    ]


def _movements(
    db: Connection, *, territory_id: int, merchant_id: int, recorded_from: datetime.date
) -> Iterator[Movement]:
    own = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)
    before: int | None = None
    while True:
        page = entries_touching(
            db, territory_id=territory_id, account_ids=own, before_entry_id=before, limit=ENTRIES_PER_READ
        )
        yield from (as_movement(posted.entry, own_account_ids=own) for posted in page)
        # Not at the first one recorded before: a clock that was wrong for a moment would cut the month there.
        is_past = all(paris_date(posted.entry.recorded_at_ms) < recorded_from for posted in page)
        if is_past or len(page) < ENTRIES_PER_READ:
            return
        before = page[-1].entry.entry_id


def as_movement(entry: JournalEntry, *, own_account_ids: tuple[int, ...]) -> Movement:
    """Return what an entry changed in what the shop is owed: credits of its accounts less debits."""
    amount_cents = sum(
        line.amount_cents * ((line.credit_account_id in own_account_ids) - (line.debit_account_id in own_account_ids))
        for line in entry.transfers
    )
    return Movement(
        entry_id=entry.entry_id,
        kind=entry.kind,
        amount_cents=amount_cents,
        happened_at_ms=entry.happened_at_ms,
        recorded_at_ms=entry.recorded_at_ms,
        accounted_on=entry.accounted_on,
        reference=entry.reference,
        guaranteed_cents=guaranteed_cents(entry),
    )
