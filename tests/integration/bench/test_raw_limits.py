"""The limits beside the engine write whole postings, and one that lost or invented money would have no figures."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from bench.bare_ledgers import BareLedger, BarePostgresql, Payment, open_bare, prepare_bare
from bench.measure import Figures
from bench.raw_cases import BareGroup, BareWrong, _check

PAYMENTS = [Payment(1, 3, 500), Payment(2, 3, 250), Payment(1, 4, 1)]


@pytest.fixture
def ledger(empty_engine: Engine) -> Iterator[BareLedger]:
    prepare_bare(empty_engine.url, accounts=4)
    ledger = open_bare(empty_engine.url)
    yield ledger
    ledger.close()


def acknowledged(count: int) -> Figures:
    return Figures(per_second=1, p50_ms=1, p99_ms=1, worst_ms=1, counted=count, acknowledged=count)


def test_a_batch_is_whole(ledger: BareLedger) -> None:
    ledger.post_many(PAYMENTS)
    ledger.post_many(PAYMENTS)
    _check(ledger, acknowledged(2 * len(PAYMENTS)))


def test_a_posting_alone_is_whole_by_statements_and_by_the_servers_function(ledger: BareLedger) -> None:
    # SQLite has no functions.
    ways = [ledger.post_one, ledger.post_by_function] if isinstance(ledger, BarePostgresql) else [ledger.post_one]
    for post in ways:
        for payment in PAYMENTS:
            post(payment)
    _check(ledger, acknowledged(len(ways) * len(PAYMENTS)))


@pytest.mark.parametrize("gathers", [False, True])
def test_everyone_who_was_answered_is_in_the_books(ledger: BareLedger, *, gathers: bool) -> None:
    group = BareGroup(ledger, gathers=gathers)
    callers = [threading.Thread(target=group.submit, args=(payment,)) for payment in PAYMENTS * 5]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    group.stop()
    _check(ledger, acknowledged(len(callers)))


def test_an_answer_without_a_posting_is_seen(ledger: BareLedger) -> None:
    ledger.post_many(PAYMENTS)
    with pytest.raises(BareWrong):
        _check(ledger, acknowledged(len(PAYMENTS) + 1))


def test_a_cent_from_nowhere_is_seen(ledger: BareLedger, empty_engine: Engine) -> None:
    ledger.post_many(PAYMENTS)
    with empty_engine.begin() as db:
        db.execute(text("UPDATE bare_balances SET balance_cents = balance_cents + 1 WHERE account_id = 3"))
        db.execute(text("UPDATE bare_balances SET balance_cents = balance_cents - 1 WHERE account_id = 4"))
    with pytest.raises(BareWrong):
        _check(ledger, acknowledged(len(PAYMENTS)))
