"""What went from kind to kind of account by the end of a closed month, per programme: kept at its close, as balances.

A later month adds its own entries to it, and never reads the earlier ones again.
"""

import datetime
from collections.abc import Iterable

from sqlalchemy import Connection, select

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.journal.periods import Flow, flows_through
from monnaie_locale.journal.tables import closed_periods, period_flows
from monnaie_locale.ledger.accounts import AccountKind

Flows = tuple[Flow, ...]
ONE_DAY = datetime.timedelta(days=1)


def flows_at_end(db: Connection, *, territory_id: int, last_day: datetime.date) -> Flows:
    """Return what moved by the end of a day, per programme and pair of kinds: kept flows, then the later entries."""
    kept_on, kept = _latest_kept(db, territory_id=territory_id, last_day=last_day)
    if kept_on == last_day:
        return kept
    first_day = None if kept_on is None else kept_on + ONE_DAY
    return added(kept, flows_through(db, territory_id=territory_id, first_day=first_day, last_day=last_day))


def keep_flows(db: Connection, *, territory_id: int, ends_on: datetime.date, flows: Flows, closed_at_ms: int) -> None:
    """Keep what moved by the end of a month that has just been locked."""
    rows = [
        (
            territory_id, ends_on, closed_at_ms, flow.programme_id, int(flow.debit_kind), int(flow.credit_kind),
            flow.amount_cents,
        )
        for flow in flows
    ]  # fmt: skip
    insert_rows(db, period_flows, rows)


def kept_flows(db: Connection, *, territory_id: int, ends_on: datetime.date, closed_at_ms: int) -> Flows:
    """Return what a close kept; nothing when it kept none."""
    columns = period_flows.c
    said = (columns.programme_id, columns.debit_kind, columns.credit_kind)
    rows = db.execute(
        select(*said, columns.amount_cents)
        .where(
            columns.territory_id == territory_id,
            columns.ends_on == ends_on,
            columns.closed_at_ms == closed_at_ms,
        )
        .order_by(*said)
    )
    return tuple(Flow(row[0], AccountKind(row[1]), AccountKind(row[2]), row[3]) for row in rows)


def added(some: Iterable[Flow], more: Iterable[Flow]) -> Flows:
    """Return the sums of both, in the order of programmes and kinds."""
    sums: dict[tuple[int, AccountKind, AccountKind], int] = {}
    for flow in (*some, *more):
        key = (flow.programme_id, flow.debit_kind, flow.credit_kind)
        sums[key] = sums.get(key, 0) + flow.amount_cents
    return tuple(Flow(*key, cents) for key, cents in sorted(sums.items()))


def _latest_kept(db: Connection, *, territory_id: int, last_day: datetime.date) -> tuple[datetime.date | None, Flows]:
    """Return the last flows kept of a month locked by then, with its last day; None and nothing when none was."""
    locked = (
        select(closed_periods.c.ends_on, closed_periods.c.closed_at_ms)
        .where(closed_periods.c.territory_id == territory_id, closed_periods.c.ends_on <= last_day)
        .order_by(closed_periods.c.ends_on.desc())
    )
    for ends_on, closed_at_ms in db.execute(locked).all():
        found = kept_flows(db, territory_id=territory_id, ends_on=ends_on, closed_at_ms=closed_at_ms)
        # A month closed by an older version kept none: the one before it may have.
        if found:
            return ends_on, found
    return None, ()
