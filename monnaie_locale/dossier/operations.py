"""Print names: who had the état nominatif of which distribution, and when, stays in the audit trail."""

import datetime

from sqlalchemy import Connection

from monnaie_locale.identity import audit


def record_named_aid(
    db: Connection, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime
) -> None:
    """Write in the audit trail that somebody had the names of a distribution.

    Args:
        db: the transaction.
        territory_id: whose names.
        distribution_id: of which distribution; it is there and approved.
        actor: who asked, "staff:3".
        now: aware UTC.

    """
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="aid.names", target=f"distribution:{distribution_id}"
    )
