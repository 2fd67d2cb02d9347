"""What the books hold for a while at the end of a month, with its age: transfers in transit, bank lines to explain."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.closing.facts import in_transit
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.queries import suspense_matches


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
    matches = suspense_matches(db, territory_id=territory_id, through_on=month.last_day)
    numbers = {each.entry_id for each in matches if each.entry_id}
    numbers |= {each.resolved.reversal_entry_id or each.resolved.entry_id for each in matches if each.resolved}
    days = {
        posted.entry.entry_id: posted.entry.accounted_on
        for posted in entries_by_number(
            db, territory_id=territory_id, entry_ids=sorted(number for number in numbers if number)
        )
    }
    for match in matches:
        cleared = match.resolved and days.get(match.resolved.reversal_entry_id or match.resolved.entry_id or 0)
        booked = days.get(match.entry_id or 0)
        if booked is None or booked > month.last_day or (cleared and cleared <= month.last_day):
            continue
        items.append(
            AgedItem(
                since=match.booked_on,
                nature_fr="Mouvement bancaire à classer",
                reference=match.end_to_end_id or match.bank_reference,
                explanation_fr=match.reason_fr,
                suspense_cents=match.amount_cents,
            )
        )
    return sorted(items, key=lambda item: (item.since, item.reference))
