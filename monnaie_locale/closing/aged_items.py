"""What the books hold for a while at the end of a month, with its age: transfers in transit, bank lines to explain."""

import datetime
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from merchants.queries import lines_undebited
from monnaie_locale.closing.model import AgedItem, InTransit
from monnaie_locale.closing.wording import waits_fr
from monnaie_locale.journal.periods import span_of
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.differences.facts import part_of
from monnaie_locale.reconciliation.differences.model import Difference
from monnaie_locale.reconciliation.differences.wording import told
from monnaie_locale.reconciliation.queries import waiting_through

LAST_DAY = datetime.date.max
DECIDED_LATER = "En attente à la fin du mois ; une décision du mois suivant l’explique."


def aged_items(
    db: Connection,
    *,
    territory_id: int,
    month: Month,
    transit: Sequence[InTransit],
    differences: Sequence[Difference],
) -> list[AgedItem]:
    """Return what waits at the end of a month by the accounting dates, the oldest first, as its differences tell it.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        month: the month.
        transit: of `in_transit`.
        differences: of `differences.open_differences`, for the same month.

    """
    known = {each.subject: each for each in differences}
    items = [
        AgedItem(
            since=each.ordered_on,
            nature_fr="Virement en cours",
            reference=each.end_to_end_id,
            explanation_fr=_explained(
                known, f"transfer:{each.end_to_end_id}", "Ordonné, pas encore débité par la banque."
            ),
            transit_cents=each.amount_cents,
        )
        for each in transit
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
            explanation_fr=_explained(known, part_of(match).subject, DECIDED_LATER),
            suspense_cents=match.waiting_cents,
        )
        for match in matches
        # A line imported after its month was closed waits in the month that took it.
        if days.get(match.entry_id or 0, LAST_DAY) <= month.last_day
    ]
    return sorted(items, key=lambda item: (item.since, item.reference))


def in_transit(db: Connection, *, territory_id: int, month: Month) -> tuple[InTransit, ...]:
    """Return the transfers ordered and not yet debited at the end of a month, by the dates of their entries."""
    # A line that was debited before the first entry of a later month was debited by the end of this one.
    later = span_of(
        db,
        territory_id=territory_id,
        first_day=month.last_day + datetime.timedelta(days=1),
        last_day=datetime.date.max,
    )
    lines = lines_undebited(
        db, territory_id=territory_id, settled_from_entry_id=later.first_entry_id if later.entry_count else None
    )
    numbers = {number for line in lines for number in (line.order_entry_id, line.ended_entry_id) if number}
    days = {
        posted.entry.entry_id: posted.entry.accounted_on
        for posted in entries_by_number(db, territory_id=territory_id, entry_ids=sorted(numbers))
    }
    return tuple(
        InTransit(
            end_to_end_id=line.end_to_end_id,
            ordered_on=days[line.order_entry_id],
            amount_cents=line.amount_cents,
        )
        for line in lines
        if line.order_entry_id is not None
        and days[line.order_entry_id] <= month.last_day
        and (line.ended_entry_id is None or days[line.ended_entry_id] > month.last_day)
    )


def _explained(known: Mapping[str, Difference], subject: str, without: str) -> str:
    """Return what its difference tells of an item and why it waits, or these words when none is about it."""
    difference = known.get(subject)
    return without if difference is None else f"{told(difference).known} {waits_fr(difference)}"
