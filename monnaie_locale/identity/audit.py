"""The audit trail: who did what, when, on what. The database refuses to change a line."""

import datetime
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity.tables import audit_events
from monnaie_locale.ledger.periods import instant_ms


def record(
    db: Connection,
    *,
    territory_id: int,
    at: datetime.datetime,
    actor: str,
    action: str,
    target: str,
    detail: Mapping[str, str | int | bool] | None = None,
) -> None:
    """Write one line, in the transaction of what it tells.

    Args:
        db: the transaction of the action itself.
        territory_id: whose books.
        at: the moment, aware UTC.
        actor: a caller, "staff:3"; never a name.
        action: what was done, "card.block".
        target: on what, "card:12"; never a name.
        detail: a few facts; never an identity, a token or a PIN.

    """
    record_all(db, territory_id=territory_id, at=at, actor=actor, action=action, lines=[(target, detail or {})])


def record_all(
    db: Connection,
    *,
    territory_id: int,
    at: datetime.datetime,
    actor: str,
    action: str,
    lines: Sequence[tuple[str, Mapping[str, str | int | bool]]],
) -> None:
    """Write one line for each (target, detail), all of one action of one person; as `record` does for one."""
    if not lines:
        return
    first_id = next_id(db, audit_events, territory_id=territory_id)
    db.execute(
        insert(audit_events),
        [
            {
                "territory_id": territory_id,
                "id": event_id,
                "at_ms": instant_ms(at),
                "actor": actor,
                "action": action,
                "target": target,
                "detail": json.dumps(dict(detail), ensure_ascii=False, sort_keys=True),
            }
            for event_id, (target, detail) in enumerate(lines, start=first_id)
        ],
    )
