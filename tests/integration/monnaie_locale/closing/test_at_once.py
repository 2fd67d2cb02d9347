"""Two people do the same thing in the same instant: it is done once, and the other is told why."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine, text

from monnaie_locale.closing.errors import MonthAlreadyClosed
from monnaie_locale.closing.model import Close
from monnaie_locale.database.transaction import reading
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.reconciliation.errors import StatementAlreadyImported
from tests.factories.month import moment, open_month

CALLERS = 4


def at_once(actions: Sequence[Callable[[], object]]) -> list[object]:
    """Start every action in the same instant; return each result, or its refusal."""
    start = Barrier(len(actions))

    def one(action: Callable[[], object]) -> object:
        start.wait()
        try:
            return action()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(one, actions))


def test_a_statement_imported_four_times_at_once_is_in_the_books_once(db_engine: Engine) -> None:
    month = open_month(db_engine)
    content = month.first_statement()

    results = at_once([lambda: month.import_(content)] * CALLERS)

    assert sum(isinstance(each, StatementAlreadyImported) for each in results) == CALLERS - 1
    with reading(db_engine) as db:
        assert db.scalar(text("SELECT count(*) FROM bank_statements")) == 1
        assert db.scalar(text("SELECT count(*) FROM journal_entries")) == 1


def test_a_month_approved_by_four_people_at_once_is_closed_once(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.prepare()

    results = at_once([lambda n=n: month.approve(close, actor=f"staff:{n}") for n in range(11, 11 + CALLERS)])

    assert sum(isinstance(each, Close) for each in results) == 1
    assert sum(isinstance(each, MonthAlreadyClosed) for each in results) == CALLERS - 1
    with reading(db_engine) as db:
        assert db.scalar(text("SELECT count(*) FROM closed_periods")) == 1
        assert db.scalar(text("SELECT count(*) FROM log_heads")) == 1


def test_charges_made_while_the_month_is_closed_are_all_there_and_none_in_it(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.prepare()
    shop = month.shops[0].id
    # The shop's tablet still lives in October when the close goes through.
    month.world.now_ms = instant_ms(moment(31, 10, hour=21))
    month.world.charge(7, shop, 1)
    charges = [lambda n=n: month.world.charge(7, shop, 100, key=f"late-{n}") for n in range(12)]

    results = at_once([lambda: month.approve(close), *charges])

    assert not [each for each in results if isinstance(each, Refusal)]
    assert month.verdict().ok
    with reading(db_engine) as db:
        last, count = db.execute(
            text(
                "SELECT max(c.last_entry_id), count(e.id) FROM closed_periods c LEFT JOIN journal_entries e"
                " ON e.accounted_on <= c.ends_on AND e.id > c.last_entry_id"
            )
        ).one()
        assert db.scalar(text("SELECT count(*) FROM journal_entries")) == 9 + 1 + 12
    assert last >= 10
    assert count == 0
