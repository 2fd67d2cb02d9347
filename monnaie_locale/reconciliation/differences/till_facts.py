"""Gather the charges and refunds of a month, as the rules look at them.

It is the one long reading: a close does it before it takes the posting lock.
"""

import datetime
from collections import defaultdict

from sqlalchemy import Connection

from monnaie_locale.journal.event_queries import RefundEvent, charges_between, is_touched_after, refunds_after
from monnaie_locale.journal.queries import entries_by_number, head_of
from monnaie_locale.journal.reversals import reversals_of
from monnaie_locale.ledger.periods import Month, paris_date
from monnaie_locale.reconciliation.differences.model import Charge, Refund, Tills

# Those of the month before are looked at too: what nobody settled is still there.
LOOK_BACK = datetime.timedelta(days=31)


def look_at_tills(db: Connection, *, territory_id: int, month: Month, as_of_ms: int | None = None) -> Tills:
    """Return the charges of the month and of the one before, and the refunds that stand, with what came before each.

    Args:
        db: a connection that sees one state of the books; no lock is needed.
        territory_id: whose books.
        month: the month at whose end one looks.
        as_of_ms: what was reversed by then, milliseconds UTC: for a month closed earlier; None is now.

    """
    first_day = month.first_day - LOOK_BACK
    events = list(charges_between(db, territory_id=territory_id, first_day=first_day, last_day=month.last_day))
    amounts = {event.entry_id: event.amount_cents for event in events}
    refunds = _refunds(db, territory_id, month, known=amounts, first_day=first_day)
    numbers = [event.entry_id for event in events] + [refund.entry_id for refund in refunds]
    undone = reversals_of(db, territory_id=territory_id, entry_ids=numbers, as_of_ms=as_of_ms)
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
    # The fields of an event are the first ones of a charge, in the same order.
    charges = tuple(Charge(*event, given_back_by.get(event.entry_id)) for event in events)
    head = head_of(db, territory_id=territory_id)
    return Tills(month=month, through_entry_id=head.last_entry_id, charges=charges, refunds=tuple(standing))


def tills_further(db: Connection, *, territory_id: int, tills: Tills) -> Tills:
    """Return the same under the posting lock: read again only when an entry of the month or a reversal came since."""
    last_day = tills.month.last_day
    if is_touched_after(db, territory_id=territory_id, entry_id=tills.through_entry_id, last_day=last_day):
        return look_at_tills(db, territory_id=territory_id, month=tills.month)
    return tills


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
