"""Months and dates in Paris, at the nights where they are easy to get wrong."""

import datetime

import pytest

from monnaie_locale.ledger.periods import Month, instant_ms, moment_of, paris_date


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2026-10-31T22:59:59+00:00", "2026-10-31"),
        ("2026-10-31T23:00:00+00:00", "2026-11-01"),
        ("2026-07-31T21:59:59+00:00", "2026-07-31"),
        ("2026-07-31T22:00:00+00:00", "2026-08-01"),
        ("2026-10-25T00:30:00+00:00", "2026-10-25"),
        ("2026-03-29T01:00:00+00:00", "2026-03-29"),
        ("2026-12-31T23:00:00+00:00", "2027-01-01"),
    ],
)
def test_the_day_is_the_one_of_paris(utc: str, day: str) -> None:
    assert paris_date(instant_ms(datetime.datetime.fromisoformat(utc))).isoformat() == day


def test_an_instant_is_kept_to_the_millisecond() -> None:
    moment = datetime.datetime(2026, 10, 25, 1, 2, 3, 456_000, tzinfo=datetime.UTC)
    assert moment_of(instant_ms(moment)) == moment


def test_a_month_knows_its_ends_its_name_and_the_next() -> None:
    february = Month.parse("2028-02")
    assert february.last_day == datetime.date(2028, 2, 29)
    assert february.label_fr == "février 2028"
    assert Month(2026, 12).next() == Month(2027, 1)
    assert str(Month(2026, 3)) == "2026-03"
    with pytest.raises(ValueError, match="month"):
        Month.parse("2026-13")


def test_every_month_is_followed_by_the_next() -> None:
    year = [Month(2026, number) for number in range(1, 13)]
    assert [month.next() for month in year] == [*year[1:], Month(2027, 1)]
    assert Month(2026, 8).genitive_fr == "d’août 2026"
    assert Month(2026, 3).genitive_fr == "de mars 2026"


def test_an_instant_is_an_integer_cut_to_the_millisecond() -> None:
    moment = datetime.datetime(2026, 10, 25, 1, 2, 3, 456_999, tzinfo=datetime.UTC)
    assert instant_ms(moment) == 1_792_890_123_456
    assert type(instant_ms(moment)) is int
