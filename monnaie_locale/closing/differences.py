"""The differences still open at the end of a month, with their age: the one place where the close asks for them."""

import datetime

from sqlalchemy import Connection

from monnaie_locale.closing.model import OpenDifference
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.queries import unresolved


def open_differences(
    db: Connection, *, territory_id: int, month: Month, as_of_ms: int | None = None
) -> tuple[OpenDifference, ...]:
    """Return what the bank and the books did not yet agree on at the end of a month, the oldest first.

    Args:
        db: a connection.
        territory_id: whose books.
        month: the month.
        as_of_ms: what people had settled by then, milliseconds UTC; None is now.

    """
    found = unresolved(db, territory_id=territory_id, through_on=month.last_day, as_of_ms=as_of_ms)
    return tuple(
        OpenDifference(
            booked_on=each.booked_on,
            age_days=_age_days(each.booked_on, month),
            amount_cents=each.waiting_cents,
            reason_fr=each.reason_fr,
        )
        for each in sorted(found, key=lambda match: (match.booked_on, match.bank_statement_id, match.line_no))
    )


def _age_days(booked_on: datetime.date, month: Month) -> int:
    return (month.last_day - booked_on).days
