"""Accounting months, and the date in Paris of an instant."""

import calendar
import datetime
import functools
from dataclasses import dataclass
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
MS_PER_HOUR = 3_600_000
MONTHS_FR = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
MILLISECONDS_PER_SECOND = 1000
DECEMBER = 12
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MILLISECOND = datetime.timedelta(milliseconds=1)


def instant_ms(moment: datetime.datetime) -> int:
    """Return an aware moment as milliseconds UTC since 1970; exact, no float."""
    return (moment - EPOCH) // MILLISECOND


def moment_of(instant: int) -> datetime.datetime:
    """Return the aware UTC moment of `instant` milliseconds since 1970."""
    return EPOCH + datetime.timedelta(milliseconds=instant)


def paris_date(instant: int) -> datetime.date:
    """Return the calendar date in Paris of `instant` milliseconds UTC: a month ends at midnight in Paris."""
    return _date_of_hour(instant // MS_PER_HOUR)


@functools.lru_cache(maxsize=10_000)
def _date_of_hour(hour: int) -> datetime.date:
    """Return the date in Paris of a whole hour since 1970: its offset has been one of whole hours since 1911."""
    return moment_of(hour * MS_PER_HOUR).astimezone(PARIS).date()


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, the accounting period of the close."""

    year: int
    number: int

    @classmethod
    def of(cls, day: datetime.date) -> "Month":
        """Return the month that holds `day`."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Return the month written "2026-10"; ValueError when it is not one."""
        return cls.of(datetime.date.fromisoformat(f"{text}-01"))

    @property
    def first_day(self) -> datetime.date:
        """Return the first day of the month."""
        return datetime.date(self.year, self.number, 1)

    @property
    def last_day(self) -> datetime.date:
        """Return the last day of the month."""
        return datetime.date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def label_fr(self) -> str:
        """Return the month in French: "octobre 2026"."""
        return f"{MONTHS_FR[self.number - 1]} {self.year}"

    @property
    def genitive_fr(self) -> str:
        """Return the month after "le mois": "d’octobre 2026", "de mars 2026"."""
        return f"d’{self.label_fr}" if self.label_fr[0] in "ao" else f"de {self.label_fr}"

    def next(self) -> "Month":
        """Return the month after."""
        return Month(self.year + 1, 1) if self.number == DECEMBER else Month(self.year, self.number + 1)

    def __str__(self) -> str:
        """Return the month as "2026-10"."""
        return f"{self.year:04d}-{self.number:02d}"
