"""How amounts, dates and moments are written on a French page. Pure."""

import datetime

from monnaie_locale.ledger.money import NO_BREAK_SPACE, format_euros
from monnaie_locale.ledger.periods import MONTHS_FR, PARIS, Month, moment_of
from monnaie_locale.web.columns import in_columns


def euros(amount_cents: int) -> str:
    """Return 123456 as "1 234,56 €"."""
    return format_euros(amount_cents)


def date_fr(day: datetime.date | None) -> str:
    """Return a date as "3 octobre 2026", the first of a month as "1er"; nothing gives a dash."""
    if day is None:
        return "—"
    ordinal = "1er" if day.day == 1 else str(day.day)
    return f"{ordinal}{NO_BREAK_SPACE}{MONTHS_FR[day.month - 1]} {day.year}"


def datetime_fr(moment: datetime.datetime | int | None) -> str:
    """Return an aware moment, or milliseconds UTC, as "3 octobre 2026 à 14:05" on the clocks of Paris."""
    if moment is None:
        return "—"
    aware = moment_of(moment) if isinstance(moment, int) else moment
    local = aware.astimezone(PARIS)
    return f"{date_fr(local.date())} à{NO_BREAK_SPACE}{local:%H:%M}"


def time_fr(moment: datetime.datetime | int) -> str:
    """Return the time of day in Paris: "14:05"."""
    aware = moment_of(moment) if isinstance(moment, int) else moment
    return f"{aware.astimezone(PARIS):%H:%M}"


def day_time_fr(moment: datetime.datetime | int) -> str:
    """Return a moment in Paris, short, where the year is said elsewhere: "03/10 14:05"."""
    aware = moment_of(moment) if isinstance(moment, int) else moment
    return f"{aware.astimezone(PARIS):%d/%m %H:%M}"


def month_fr(month: Month) -> str:
    """Return a month as "octobre 2026"."""
    return month.label_fr


def count_fr(number: int, singular: str, plural: str) -> str:
    """Return "1 carte", "2 cartes", "0 carte": in French, zero is singular."""
    return f"{number}{NO_BREAK_SPACE}{singular if abs(number) <= 1 else plural}"


FILTERS = {
    "euros": euros,
    "date_fr": date_fr,
    "datetime_fr": datetime_fr,
    "time_fr": time_fr,
    "day_time_fr": day_time_fr,
    "month_fr": month_fr,
    "count_fr": count_fr,
    "in_columns": in_columns,
}
