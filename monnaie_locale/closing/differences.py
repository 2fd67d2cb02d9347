"""What does not agree at the end of a month, and what is carried over it: the one place where the close asks for it."""

from sqlalchemy import Connection

from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.decisions import By, record
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceState, Tills
from monnaie_locale.reconciliation.differences.queries import differences
from monnaie_locale.reconciliation.model import DecisionKind


def open_differences(
    db: Connection, *, territory_id: int, month: Month, as_of_ms: int | None = None, tills: Tills | None = None
) -> tuple[Difference, ...]:
    """Return what does not agree at the end of a month and is not explained, the oldest first; arguments as there.

    A closed month is seen as at its close.
    """
    found = differences(db, territory_id, month, as_of_ms=as_of_ms, tills=tills)
    return tuple(each for each in found if each.state is not DifferenceState.EXPLAINED)


def carry_the_rest(db: Connection, *, by: By, month: Month, tills: Tills | None = None) -> None:
    """Carry with one reason each difference that still needs a person; refuses decision_period_closed."""
    for each in open_differences(db, territory_id=by.territory_id, month=month, tills=tills):
        if each.needs_a_person:
            record(db, by=by, kind=DecisionKind.CARRY, period=month, subject=each.key)
