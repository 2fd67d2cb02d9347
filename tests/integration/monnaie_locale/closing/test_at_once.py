"""Two people do the same thing in the same instant: it is done once, and the other is told why."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

from sqlalchemy import Engine, text

from monnaie_locale.closing import desk
from monnaie_locale.closing.errors import MonthAlreadyClosed
from monnaie_locale.closing.model import Close
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.period_balances import kept_of
from monnaie_locale.journal.periods import balances_through
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posted
from monnaie_locale.reconciliation.errors import StatementAlreadyImported
from monnaie_locale.runtime import Runtime
from tests.factories.ledger import posting
from tests.factories.month import CARRIED_REASON, CHECKER, MAKER, OCTOBER, moment, open_month

CALLERS = 4
CHARGES_PER_TILL_MAX = 5_000


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
    charges = [lambda n=n: month.world.charge(7, shop, 100 + n, key=f"late-{n}") for n in range(12)]

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


def test_shops_charge_all_through_a_close_and_none_is_refused(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    month.world.now_ms = instant_ms(moment(2, 11))
    rt = Runtime(
        engine=db_engine, keyring=month.keyring, territory_id=1, base_url="", clock=lambda: moment(2, 11)
    )  # fmt: skip
    is_over = Event()
    purse, shop = month.world.purse(7), month.world.shop(month.shops[0].id)

    def charge(till: int, number: int) -> Posted:
        draw = Draw((purse,), shop, 1)
        return rt.writer.submit(posting(EntryKind.CHARGE, draw, key=f"till-{till}-{number}"))

    def charge_on(till: int) -> list[Posted]:
        paid = [charge(till, 0)]
        # The purse holds this much for all of them.
        while not is_over.is_set() and len(paid) < CHARGES_PER_TILL_MAX:
            paid.append(charge(till, len(paid)))
        is_over.wait()
        return [*paid, charge(till, len(paid))]

    with ThreadPoolExecutor(CALLERS) as pool:
        tills = [pool.submit(charge_on, till) for till in range(CALLERS)]
        try:
            close = desk.prepare(rt, month=OCTOBER, actor=MAKER, now=moment(3, 11), carried_reason=CARRIED_REASON)
            closed = desk.approve(rt, close_id=close.close_id, actor=CHECKER, now=moment(3, 11, hour=10))
        finally:
            is_over.set()
        paid = [each for till in tills for each in till.result()]
    rt.writer.stop()

    # Every one was accepted, in November: also those that the close found before it and those that came after.
    assert {each.entry.accounted_on for each in paid} == {moment(2, 11).date()}
    with reading(db_engine) as db:
        cut = db.scalar(text("SELECT last_entry_id FROM closed_periods"))
        kept = kept_of(db, territory_id=1, ends_on=OCTOBER.last_day, closed_at_ms=closed.closed_at_ms or 0)
        assert kept == balances_through(db, territory_id=1, last_day=OCTOBER.last_day)
    assert min(each.entry.entry_id for each in paid) < cut < max(each.entry.entry_id for each in paid)
    assert month.verdict().ok
