"""The fixed days of the demonstration's first month, whichever month it is. Pure.

The story was written for October 2026, where the market's Sunday is the day of the long hour too.
"""

import datetime
from dataclasses import dataclass

from monnaie_locale.ledger.periods import DECEMBER, PARIS, Month

DEFAULT_MONTH = Month(2026, 10)
SATURDAY, SUNDAY = 5, 6
DAY = datetime.timedelta(days=1)
GRACE_DAYS = 3
SHORT_EXPIRY_DAY = 15
# The CCAS decided so long before the month; the last week of the month is for the shops' transfers.
DECIDED_BEFORE = datetime.timedelta(days=16)
DAYS_AFTER_MARKET = 6
SEASONS_FR = ("hiver", "printemps", "été", "automne")
MONTHS_PER_SEASON = 3


def day_of(moment: datetime.datetime) -> datetime.date:
    """Return the day in Paris of an aware moment."""
    return moment.astimezone(PARIS).date()


def on(date: datetime.date, hour: int, minute: int = 0, second: int = 0) -> datetime.datetime:
    """Return a moment of a day by the clocks of Paris, in UTC."""
    return datetime.datetime.combine(date, datetime.time(hour, minute, second), PARIS).astimezone(datetime.UTC)


def weekday_from(day: datetime.date) -> datetime.date:
    """Return that day, or the Monday after when it is at the end of a week."""
    while day.weekday() >= SATURDAY:
        day += DAY
    return day


def first_of_months(count: int, *, today: datetime.date) -> Month:
    """Return the first of so many months of which the last one is over, and was the last to end, on a day."""
    last = today.year * DECEMBER + today.month - 2
    year, before = divmod(last - count + 1, DECEMBER)
    return Month(year, before + 1)


@dataclass(frozen=True, slots=True)
class Appointments:
    """What happens on which day of a month, and at what time, by the clocks of Paris."""

    month: Month = DEFAULT_MONTH

    def at(self, day: int, hour: int, minute: int = 0, second: int = 0) -> datetime.datetime:
        """Return a moment of the month in UTC; day 0 is the day before it, and a day beyond its end is in the next."""
        return on(self.month.first_day + (day - 1) * DAY, hour, minute, second)

    def open_day(self, day: int) -> int:
        """Return that day, or the next one when it is a Sunday: shops are closed."""
        return day + 1 if (self.month.first_day + (day - 1) * DAY).weekday() == SUNDAY else day

    @property
    def decided_on(self) -> datetime.date:
        """Return when the CCAS decided about the aid."""
        return self.month.first_day - DECIDED_BEFORE

    @property
    def installed_at(self) -> datetime.datetime:
        """Return when the service is installed."""
        return self.at(-2, 9)

    @property
    def enrolled_at(self) -> datetime.datetime:
        """Return when the households come in."""
        return self.at(0, 9)

    @property
    def funded_on(self) -> datetime.date:
        """Return when the CCAS's money is on the account."""
        return weekday_from(self.month.first_day)

    @property
    def given_day(self) -> int:
        """Return the day on which the statement shows the money, and the aid is given out."""
        return self.funded_on.day + 1

    @property
    def first_statement_at(self) -> datetime.datetime:
        """Return when the statement that shows the money is imported."""
        return self.at(self.given_day, 8, 30)

    @property
    def distributed_at(self) -> datetime.datetime:
        """Return when the first distribution is prepared."""
        return self.at(self.given_day, 9)

    @property
    def short_expiry(self) -> datetime.date:
        """Return the last day of the exceptional aid: it ends in the month, so that the month shows an expiry."""
        return self.month.first_day + (SHORT_EXPIRY_DAY - 1) * DAY

    @property
    def end_of_year(self) -> datetime.date:
        """Return the last day of the food aid, as the law of its vouchers has it."""
        return datetime.date(self.month.year, DECEMBER, 31)

    @property
    def end_of_next_year(self) -> datetime.date:
        """Return the last day of the mobility aid."""
        return datetime.date(self.month.year + 1, DECEMBER, 31)

    @property
    def season_fr(self) -> str:
        """Return the season of the month: "automne 2026"."""
        return f"{SEASONS_FR[self.month.number % DECEMBER // MONTHS_PER_SEASON]} {self.month.year}"

    @property
    def expiry_at(self) -> datetime.datetime:
        """Return when the nightly job empties the purses whose grace is over."""
        return self.at(SHORT_EXPIRY_DAY + GRACE_DAYS + 1, 2, 30)

    @property
    def market_day(self) -> int:
        """Return a late Sunday: the other shops are closed, so that nothing happens between two scenes."""
        last = self.month.last_day - DAYS_AFTER_MARKET * DAY
        return last.day - (last.weekday() - SUNDAY) % 7

    @property
    def market_at(self) -> datetime.datetime:
        """Return when the market opens."""
        return self.at(self.market_day, 8, 40)

    @property
    def network_lost_at(self) -> datetime.datetime:
        """Return when the market loses the network."""
        return self.at(self.market_day, 11, 10)

    @property
    def goods_back_at(self) -> datetime.datetime:
        """Return when somebody comes back with the receipt."""
        return self.at(self.market_day + 2, 10, 15)

    @property
    def merged_at(self) -> datetime.datetime:
        """Return when two households become one."""
        return self.at(self.market_day + 3, 8, 30)

    @property
    def payout_prepared_at(self) -> datetime.datetime:
        """Return when what the shops are paid is prepared, on a Wednesday."""
        return self.at(self.market_day + 3, 20)

    @property
    def payout_approved_at(self) -> datetime.datetime:
        """Return when it is approved, on the Thursday."""
        return self.at(self.market_day + 4, 8, 15)

    @property
    def payout_on(self) -> datetime.date:
        """Return when the bank debits it."""
        return day_of(self.payout_approved_at)

    @property
    def returned_on(self) -> datetime.date:
        """Return when one transfer comes back."""
        return self.payout_on + DAY

    @property
    def last_bank_day(self) -> datetime.date:
        """Return the month's last day on which banks work."""
        day = self.month.last_day
        while day.weekday() >= SATURDAY:
            day -= DAY
        return day

    @property
    def second_statement_at(self) -> datetime.datetime:
        """Return when the statement of the debits is imported, in the next month."""
        return self._after(8, 30)

    @property
    def third_statement_at(self) -> datetime.datetime:
        """Return when the statement of the return is imported."""
        return self._after(8, 40)

    @property
    def close_prepared_at(self) -> datetime.datetime:
        """Return when the close is prepared."""
        return self._after(10)

    @property
    def close_approved_at(self) -> datetime.datetime:
        """Return when the close is approved."""
        return self._after(14)

    def _after(self, hour: int, minute: int = 0) -> datetime.datetime:
        """Return a moment of the second day of the next month."""
        return self.at(self.month.last_day.day + 2, hour, minute)
