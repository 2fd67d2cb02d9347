"""Gather the charges and refunds of a month, as the rules look at them."""

import datetime
from collections import defaultdict

from sqlalchemy import Connection

from monnaie_locale.journal.event_queries import RefundEvent, charges_between, refunds_after
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.journal.reversals import reversals_of
from monnaie_locale.ledger.periods import Month, paris_date
from monnaie_locale.reconciliation.differences.model import Charge, Refund

# Those of the month before are looked at too: what nobody settled is still there.
LOOK_BACK = datetime.timedelta(days=31)


def charges_and_refunds(
    db: Connection, *, territory_id: int, month: Month
) -> tuple[tuple[Charge, ...], tuple[Refund, ...]]:
    """Return the charges of the month and of the one before, and the refunds that stand, with what came before each."""
    first_day = month.first_day - LOOK_BACK
    events = list(charges_between(db, territory_id=territory_id, first_day=first_day, last_day=month.last_day))
    amounts = {event.entry_id: event.amount_cents for event in events}
    refunds = _refunds(db, territory_id, month, known=amounts, first_day=first_day)
    numbers = [event.entry_id for event in events] + [refund.entry_id for refund in refunds]
    undone = reversals_of(db, territory_id=territory_id, entry_ids=numbers)
    given_back: dict[int, int] = defaultdict(int)
    given_back_by = dict(undone)
    standing = []
    for refund in refunds:
        if refund.entry_id in undone:
            continue
        charged_cents, before_cents = amounts.get(refund.charge_entry_id, 0), given_back[refund.charge_entry_id]
        given_back[refund.charge_entry_id] += refund.amount_cents
        if before_cents + refund.amount_cents >= charged_cents:
            given_back_by.setdefault(refund.charge_entry_id, refund.entry_id)
        if refund.accounted_on >= first_day:
            standing.append(_refund(refund, charged_cents, before_cents))
    charges = tuple(
        Charge(
            entry_id=event.entry_id,
            wallet_id=event.wallet_id,
            shop_account_id=event.shop_account_id,
            amount_cents=event.amount_cents,
            happened_at_ms=event.happened_at_ms,
            accounted_on=event.accounted_on,
            purse_expires_on=event.purse_expires_on,
            given_back_by=given_back_by.get(event.entry_id),
        )
        for event in events
    )
    return charges, tuple(standing)


def _refunds(
    db: Connection, territory_id: int, month: Month, *, known: dict[int, int], first_day: datetime.date
) -> list[RefundEvent]:
    """Return the refunds since the first charge that matters; add to `known` the charges older than the months read."""
    after = min(known) - 1 if known else 0
    found = list(refunds_after(db, territory_id=territory_id, after_entry_id=after, last_day=month.last_day))
    recent = {refund.charge_entry_id for refund in found if refund.accounted_on >= first_day}
    elsewhere = sorted(recent - known.keys() - {0})
    for posted in entries_by_number(db, territory_id=territory_id, entry_ids=elsewhere):
        known[posted.entry.entry_id] = posted.entry.amount_cents
    if not elsewhere:
        return found
    # Of an older charge, what was refunded before counts too.
    return list(refunds_after(db, territory_id=territory_id, after_entry_id=elsewhere[0] - 1, last_day=month.last_day))


def _refund(event: RefundEvent, charged_cents: int, before_cents: int) -> Refund:
    return Refund(
        entry_id=event.entry_id,
        amount_cents=event.amount_cents,
        charged_cents=charged_cents,
        before_cents=before_cents,
        happened_on=paris_date(event.happened_at_ms),
    )
