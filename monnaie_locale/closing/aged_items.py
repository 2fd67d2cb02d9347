"""What the books hold for a while at the end of a month, with its age: transfers in transit, bank lines to explain."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.closing.facts import in_transit
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.queries import waiting_through

LAST_DAY = datetime.date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedItem:
    """One amount that waits: since when, what for. A transfer in transit is what the bank has not debited yet.

    `suspense_cents` is what a bank line brought (or took, below 0) that nothing explains yet.
    """

    since: datetime.date
    nature_fr: str
    reference: str
    explanation_fr: str
    transit_cents: int = 0
    suspense_cents: int = 0


def aged_items(db: Connection, *, territory_id: int, month: Month) -> list[AgedItem]:
    """Return what waits at the end of a month by the accounting dates, the oldest first."""
    items = [
        AgedItem(
            since=each.ordered_on,
            nature_fr="Virement en cours",
            reference=each.end_to_end_id,
            explanation_fr="Ordonné, pas encore débité par la banque",
            transit_cents=each.amount_cents,
        )
        for each in in_transit(db, territory_id=territory_id, month=month)
    ]
    matches = waiting_through(db, territory_id=territory_id, through_on=month.last_day)
    numbers = sorted({each.entry_id for each in matches if each.entry_id})
    days = {
        posted.entry.entry_id: posted.entry.accounted_on
        for posted in entries_by_number(db, territory_id=territory_id, entry_ids=numbers)
    }
    items += [
        AgedItem(
            since=match.booked_on,
            nature_fr="Mouvement bancaire à classer",
            reference=match.end_to_end_id or match.bank_reference,
            explanation_fr=match.reason_fr,
            suspense_cents=match.waiting_cents,
        )
        for match in matches
        # A line imported after its month was closed waits in the month that took it.
        if days.get(match.entry_id or 0, LAST_DAY) <= month.last_day
    ]
    return sorted(items, key=lambda item: (item.since, item.reference))
