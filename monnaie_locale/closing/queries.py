"""Read the closes of a territory."""

import json

from sqlalchemy import Connection, RowMapping, select

from monnaie_locale.closing.errors import CloseUnknown
from monnaie_locale.closing.model import Check, Close, CloseState
from monnaie_locale.closing.tables import closes
from monnaie_locale.ledger.periods import Month


def closes_of(db: Connection, *, territory_id: int) -> list[Close]:
    """Return every close, the newest month first."""
    rows = db.execute(
        select(closes).where(closes.c.territory_id == territory_id).order_by(closes.c.period_ends_on.desc())
    ).mappings()
    return [_as_close(row) for row in rows]


def close_of(db: Connection, *, territory_id: int, close_id: int, lock: bool = False) -> Close:
    """Return one close, locked when asked; refuses close_unknown."""
    query = select(closes).where(closes.c.territory_id == territory_id, closes.c.id == close_id)
    row = db.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise CloseUnknown(close_id=close_id)
    return _as_close(row)


def close_of_month(db: Connection, *, territory_id: int, month: Month) -> Close | None:
    """Return the close of a month, prepared or closed, or None."""
    row = (
        db.execute(
            select(closes).where(closes.c.territory_id == territory_id, closes.c.period_ends_on == month.last_day)
        )
        .mappings()
        .first()
    )
    return None if row is None else _as_close(row)


def checks_to_text(checks: tuple[Check, ...]) -> str:
    """Return the checklist as it is stored."""
    return json.dumps(
        [
            {"code": check.code, "ok": check.ok, "sentence": check.sentence_fr, "details": list(check.details)}
            for check in checks
        ],
        ensure_ascii=False,
    )


def _as_close(row: RowMapping) -> Close:
    return Close(
        close_id=row["id"],
        month=Month.of(row["period_ends_on"]),
        state=CloseState(row["state"]),
        prepared_by=row["prepared_by"],
        approved_by=row["approved_by"],
        carried_reason=row["carried_reason"],
        checks=tuple(
            Check(each["code"], each["ok"], each["sentence"], tuple(each["details"]))
            for each in json.loads(row["checklist"])
        ),
        certificate=row["certificate"],
        prepared_at_ms=row["prepared_at_ms"],
        closed_at_ms=row["closed_at_ms"],
    )
