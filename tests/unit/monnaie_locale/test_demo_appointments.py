"""The demonstration's first month may be any: its days stay those of banks and shops, its story stays in order."""

import datetime

import pytest

from monnaie_locale.demo.appointments import Appointments, day_of, first_of_months
from monnaie_locale.demo.drawing import draw_plan
from monnaie_locale.demo.plan import Charge, Refund
from monnaie_locale.demo.run import first_month
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.model import Category

SATURDAY, SUNDAY = 5, 6
# Every month of three years, one of them a leap year.
MONTHS = [Month(year, number) for year in (2026, 2027, 2028) for number in range(1, 13)]


@pytest.mark.parametrize("month", MONTHS, ids=str)
def test_banks_work_on_their_days_and_the_market_is_a_late_sunday(month):
    days = Appointments(month)
    at_the_bank = (days.funded_on, days.payout_on, days.returned_on, days.last_bank_day)
    assert all(day.weekday() < SATURDAY and Month.of(day) == month for day in at_the_bank)
    assert days.market_at.weekday() == SUNDAY
    assert list(at_the_bank) == sorted(at_the_bank)
    told = (
        days.installed_at, days.enrolled_at, days.first_statement_at, days.distributed_at, days.market_at,
        days.network_lost_at, days.goods_back_at, days.merged_at, days.payout_prepared_at, days.payout_approved_at,
        days.second_statement_at, days.third_statement_at, days.close_prepared_at, days.close_approved_at,
    )  # fmt: skip
    assert list(told) == sorted(told)


@pytest.mark.parametrize("month", MONTHS[:12], ids=str)
def test_nobody_shops_on_a_sunday_nor_before_the_aid_is_there(month):
    days = Appointments(month)
    plan = draw_plan(seed=1, days=days, households=12, categories=(*Category, Category.FOOD), charges=60)
    moments = [step.at for step in plan.steps]
    assert moments == sorted(moments)
    shopped = {day_of(step.at) for step in plan.steps if isinstance(step, Charge | Refund)}
    assert all(day.weekday() != SUNDAY and Month.of(day) == month for day in shopped)
    assert moments[0] > days.distributed_at


@pytest.mark.parametrize(
    ("count", "today", "first"),
    [
        (12, datetime.date(2026, 11, 26), Month(2025, 11)),
        (12, datetime.date(2027, 1, 1), Month(2026, 1)),
        (2, datetime.date(2027, 1, 31), Month(2026, 11)),
        (1, datetime.date(2026, 3, 1), Month(2026, 2)),
    ],
)
def test_the_last_of_the_months_is_the_last_one_that_is_over(count, today, first):
    assert first_of_months(count, today=today) == first


def test_one_month_alone_is_the_one_of_the_documentation():
    now = datetime.datetime(2031, 5, 1, tzinfo=datetime.UTC)
    assert first_month(1, now=now) == Month(2026, 10)
    assert first_month(3, now=now) == Month(2031, 2)
