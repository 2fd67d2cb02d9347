"""Amounts, dates and lists as a French page shows them."""

import datetime

import pytest

from monnaie_locale.ledger.periods import Month
from monnaie_locale.web import filters
from monnaie_locale.web.paging import Page, offset_of, page_number


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_amounts():
    assert plain(filters.euros(123456)) == "1 234,56 €"


@pytest.mark.parametrize(
    ("day", "shown"),
    [(datetime.date(2026, 10, 3), "3 octobre 2026"), (datetime.date(2026, 8, 1), "1er août 2026"), (None, "—")],
)
def test_dates(day, shown):
    assert plain(filters.date_fr(day)) == shown


def test_a_moment_is_shown_on_the_clocks_of_paris():
    winter = datetime.datetime(2026, 12, 31, 23, 30, tzinfo=datetime.UTC)
    summer = datetime.datetime(2026, 7, 1, 12, 5, tzinfo=datetime.UTC)

    assert plain(filters.datetime_fr(winter)) == "1er janvier 2027 à 00:30"
    assert plain(filters.datetime_fr(summer)) == "1er juillet 2026 à 14:05"
    assert plain(filters.datetime_fr(0)) == "1er janvier 1970 à 01:00"
    assert filters.time_fr(summer) == "14:05"
    assert filters.day_time_fr(winter) == "01/01 00:30"


def test_months_and_counts():
    assert filters.month_fr(Month(2026, 10)) == "octobre 2026"
    assert [plain(filters.count_fr(n, "carte", "cartes")) for n in (0, 1, 2)] == ["0 carte", "1 carte", "2 cartes"]


@pytest.mark.parametrize(
    ("typed", "number"), [(None, 1), ("", 1), ("3", 3), ("0", 1), ("-2", 1), ("x", 1), ("9" * 99, 1_000_000)]
)
def test_a_page_number_is_always_one(typed, number):
    assert page_number(typed) == number


def test_a_page_knows_where_it_stands():
    page = Page(range(33), 3, 133)

    assert (page.first_row, page.last_row, page.last) == (101, 133, 3)
    assert (Page((), 1, 0).first_row, Page((), 1, 0).last) == (0, 1)
    assert offset_of(3) == 100
