"""Gather what the books and the bank say at the end of a month, for the checklist to judge."""

import datetime

from sqlalchemy import Connection

from merchants.queries import lines_undebited
from monnaie_locale.closing.differences import open_differences
from monnaie_locale.closing.model import Facts, InTransit
from monnaie_locale.journal.period_balances import Counted, count_month
from monnaie_locale.journal.periods import span_of
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.model import DistributionState
from monnaie_locale.programmes.queries import distributions_of
from monnaie_locale.reconciliation.queries import bank_position


def facts_of(
    db: Connection,
    *,
    territory_id: int,
    month: Month,
    verdict: Verdict,
    carried_reason: str = "",
    as_of_ms: int | None = None,
    counted: Counted | None = None,
) -> Facts:
    """Return the facts of a month.

    Args:
        db: a connection.
        territory_id: whose books.
        month: the month to close.
        verdict: of `journal.verify`, read before any lock is taken: it reads every entry.
        carried_reason: why a suspense may stay open, in a few words; empty when none may.
        as_of_ms: what the bank had said and people had settled by then, milliseconds UTC: for a month closed earlier.
        counted: what the books hold at its end, when it was counted before a lock; None counts it here.

    """
    counted = counted or count_month(db, territory_id=territory_id, month=month)
    position = bank_position(db, territory_id=territory_id, day=month.last_day, as_of_ms=as_of_ms)
    return Facts(
        month=month,
        bank_through=None if position is None else position.through_on,
        bank_cents=None if position is None else position.balance_cents,
        kinds_cents={kind: balance.net_credit_cents for kind, balance in counted.kinds.items()},
        held_cents=counted.held_cents,
        in_transit=in_transit(db, territory_id=territory_id, month=month),
        unresolved=open_differences(db, territory_id=territory_id, month=month, as_of_ms=as_of_ms),
        half_posted=tuple(
            f"{each.label} : {each.posted_through_line} lignes versées sur {each.line_count}"
            for each in distributions_of(db, territory_id=territory_id, state=DistributionState.APPROVED)
            if each.posted_through_line
        ),
        faults=tuple(f"{finding.subject} : {finding.french}" for finding in verdict.findings),
        carried_reason=carried_reason,
    )


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
