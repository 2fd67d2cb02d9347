"""Since when a shop is owed: found in the month in which it came, by the balances that the closes kept or without."""

import datetime

import pytest
from sqlalchemy import Connection, Engine

from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.sheets import month_books
from monnaie_locale.database.transaction import reading
from monnaie_locale.exports.sheets.shops import payables_sheet
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.month import NOVEMBER, Month2026, moment, open_month
from tests.factories.vandal import run, take_the_guards_down


def owed_in_november(db: Connection) -> list[tuple[object, ...]]:
    said = said_of(db, territory_id=1, month=NOVEMBER, close=None)
    books = month_books(db, said=said, month=NOVEMBER, close=None, head=None, created_at=moment(1, 12))
    return [(row[0], *row[3:]) for row in payables_sheet(books.scope).rows()]


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Return October closed, one shop owed since its last days and paid nothing in November, the other since then."""
    month = open_month(db_engine)
    month.live()
    first, second = month.shops
    for at, shop, cents in ((moment(29), first, 300), (moment(30), first, 200)):
        month.world.now_ms = instant_ms(at)
        month.world.charge(7, shop.id, cents)
    month.approve(month.prepare())
    for at, shop, cents in ((moment(5, 11), first, 100), (moment(6, 11), second, 50)):
        month.world.now_ms = instant_ms(at)
        month.world.charge(7, shop.id, cents)
    return month


def test_an_old_debt_has_its_day_with_or_without_what_the_closes_kept(month: Month2026) -> None:
    with reading(month.engine) as db:
        found = owed_in_november(db)
    expected = {
        "C0001": (datetime.date(2026, 10, 29), 32, 600),
        "C0002": (datetime.date(2026, 11, 6), 24, 50),
    }
    assert {row[0]: row[1:] for row in found} == expected

    take_the_guards_down(month.engine)
    run(month.engine, "DELETE FROM period_balances")
    with reading(month.engine) as db:
        assert owed_in_november(db) == found
