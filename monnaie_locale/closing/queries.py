"""Read the closes of a territory, and how they were reopened."""

import json

from sqlalchemy import Connection, RowMapping, select

from monnaie_locale.closing.errors import CloseUnknown
from monnaie_locale.closing.model import Check, Close, CloseState, Reopening, Run, Stage
from monnaie_locale.closing.tables import close_reopenings, close_runs, closes
from monnaie_locale.ledger.periods import Month


def closes_of(db: Connection, *, territory_id: int) -> list[Close]:
    """Return every close, the newest month first; of a month, the newest close first, then those reopened."""
    rows = db.execute(
        select(closes)
        .where(closes.c.territory_id == territory_id)
        .order_by(closes.c.period_ends_on.desc(), closes.c.id.desc())
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
    """Return the close of a month, prepared or closed, or None; one that was reopened is another."""
    row = (
        db.execute(
            select(closes).where(
                closes.c.territory_id == territory_id,
                closes.c.period_ends_on == month.last_day,
                closes.c.state != CloseState.REOPENED.value,
            )
        )
        .mappings()
        .first()
    )
    return None if row is None else _as_close(row)


def reopened_closes(db: Connection, *, territory_id: int, month: Month) -> list[Close]:
    """Return the closes of a month that were reopened, the newest first."""
    rows = db.execute(
        select(closes)
        .where(
            closes.c.territory_id == territory_id,
            closes.c.period_ends_on == month.last_day,
            closes.c.state == CloseState.REOPENED.value,
        )
        .order_by(closes.c.id.desc())
    ).mappings()
    return [_as_close(row) for row in rows]


def reopenings_of(db: Connection, *, territory_id: int) -> dict[int, Reopening]:
    """Return every reopening, asked for or approved, by its close."""
    rows = db.execute(
        select(close_reopenings)
        .where(close_reopenings.c.territory_id == territory_id)
        .order_by(close_reopenings.c.close_id)
    ).mappings()
    return {row["close_id"]: _as_reopening(row) for row in rows}


def reopening_of(db: Connection, *, territory_id: int, close_id: int) -> Reopening | None:
    """Return the reopening of a close, asked for or approved, or None."""
    query = select(close_reopenings).where(
        close_reopenings.c.territory_id == territory_id, close_reopenings.c.close_id == close_id
    )
    row = db.execute(query).mappings().first()
    return None if row is None else _as_reopening(row)


def run_of(db: Connection, *, territory_id: int, run_id: int) -> Run:
    """Return a close under way or ended; refuses close_unknown."""
    query = select(close_runs).where(close_runs.c.territory_id == territory_id, close_runs.c.id == run_id)
    row = db.execute(query).mappings().first()
    if row is None:
        raise CloseUnknown(run_id=run_id)
    return Run(
        run_id=row["id"],
        month=Month.of(row["period_ends_on"]),
        step=row["step"],
        started_by=row["started_by"],
        stage=Stage(row["stage"], row["done"], row["total"]),
        told_at_ms=row["told_at_ms"],
        ended_at_ms=row["ended_at_ms"],
        refusal_fr=row["refusal_fr"],
    )


def checks_to_text(checks: tuple[Check, ...]) -> str:
    """Return the checklist as it is stored."""
    return json.dumps(
        [
            {"code": check.code, "ok": check.ok, "sentence": check.sentence_fr, "details": list(check.details)}
            for check in checks
        ],
        ensure_ascii=False,
    )


def _as_reopening(row: RowMapping) -> Reopening:
    return Reopening(**{name: value for name, value in row.items() if name != "territory_id"})


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
