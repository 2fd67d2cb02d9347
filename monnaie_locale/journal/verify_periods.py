"""Verify the closed months: they follow each other, and hold no entry recorded after their close.

A month that was reopened took entries again from that instant on, and none between its first close and its reopening.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, String, select, type_coerce

from monnaie_locale.journal.tables import closed_periods, journal_entries, reopened_periods
from monnaie_locale.journal.verify_log import Finding
from monnaie_locale.journal.verify_rows import ROWS_PER_READ, UNREADABLE, as_date, raw_columns


@dataclass(frozen=True, slots=True)
class _Period:
    """A closed period, and the last entry there was at its close."""

    starts_on: datetime.date
    ends_on: datetime.date
    last_entry_id: int


def check_periods(db: Connection, *, territory_id: int, after: int = 0) -> Iterator[Finding]:
    """Yield what is wrong with the closed months; each day of the books is looked at once.

    `after`: only entries numbered above it are looked at.
    """
    periods: list[_Period] = []
    rows = db.execute(
        select(*raw_columns(closed_periods))
        .where(closed_periods.c.territory_id == territory_id)
        .order_by(closed_periods.c.ends_on)
    )
    for row in rows:
        try:
            period = _Period(as_date(row.starts_on), as_date(row.ends_on), row.last_entry_id)
        except UNREADABLE:
            yield Finding("row_unreadable", f"period {row.ends_on}", f"Le mois arrêté « {row.ends_on} » est illisible.")
            continue
        if periods and (period.starts_on - periods[-1].ends_on).days != 1:
            yield Finding(
                "period_gap", f"period {period.starts_on}", f"Il manque un arrêté avant le {period.starts_on}."
            )
        periods.append(period)
    yield from _intruders_after(db, territory_id, periods, after) if after else _intruders(db, territory_id, periods)
    yield from _intruders_before_reopening(db, territory_id)


def _intruders_before_reopening(db: Connection, territory_id: int) -> Iterator[Finding]:
    """Yield the entries recorded in a month while it was closed, although it was reopened later."""
    rows = db.execute(select(*raw_columns(reopened_periods)).where(reopened_periods.c.territory_id == territory_id))
    for row in rows.all():
        try:
            ends_on = as_date(row.ends_on)
        except UNREADABLE:
            yield Finding(
                "row_unreadable", f"period {row.ends_on}", f"Le mois rouvert « {row.ends_on} » est illisible."
            )
            continue
        while_closed = select(journal_entries.c.id).where(
            journal_entries.c.territory_id == territory_id,
            journal_entries.c.id > row.last_entry_id,
            journal_entries.c.id <= row.reopened_entry_id,
            journal_entries.c.accounted_on <= ends_on,
        )
        for entry_id in db.scalars(while_closed):
            yield Finding(
                "entry_in_closed_period",
                f"entry {entry_id}",
                f"L’écriture n° {entry_id} est datée d’un mois arrêté avant elle, et rouvert seulement après.",
            )


def _intruders_after(db: Connection, territory_id: int, periods: list[_Period], number: int) -> Iterator[Finding]:
    """Yield the same of the entries above a number, read by their numbers and not by their days."""
    rows = db.execution_options(yield_per=ROWS_PER_READ).execute(
        select(journal_entries.c.id, type_coerce(journal_entries.c.accounted_on, String).label("accounted_on")).where(
            journal_entries.c.territory_id == territory_id, journal_entries.c.id > number
        )
    )
    for row in rows:
        try:
            day = as_date(row.accounted_on)
        except UNREADABLE:
            # Named with its entry.
            continue
        closed_at = min((each.last_entry_id for each in periods if day <= each.ends_on), default=row.id)
        if row.id > closed_at:
            yield _intruder(row.id)


def _intruders(db: Connection, territory_id: int, periods: list[_Period]) -> Iterator[Finding]:
    after: datetime.date | None = None
    for place, period in enumerate(periods):
        # A day is closed by its own month and by all later ones: the earliest of their closes counts.
        closed_at = min(each.last_entry_id for each in periods[place:])
        query = select(journal_entries.c.id).where(
            journal_entries.c.territory_id == territory_id,
            journal_entries.c.accounted_on <= period.ends_on,
            journal_entries.c.id > closed_at,
        )
        if after is not None:
            query = query.where(journal_entries.c.accounted_on > after)
        yield from map(_intruder, db.scalars(query))
        after = period.ends_on


def _intruder(entry_id: int) -> Finding:
    return Finding(
        "entry_in_closed_period",
        f"entry {entry_id}",
        f"L’écriture n° {entry_id} est datée d’un mois arrêté avant elle.",
    )
