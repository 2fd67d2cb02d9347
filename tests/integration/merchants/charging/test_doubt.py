"""A charge whose answer was lost ends as paid or as never paid, whatever arrives when."""

import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants.charging.doubt import resolve_charge
from merchants.errors import ChargeAbandoned
from merchants.model import Receipt
from tests.factories.market import Market, open_market
from tests.factories.merchants import paired
from wallets.model import UNPINNED_COUNT_MAX


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine)
    yield opened
    opened.writer.stop()


def resolve(market: Market, key: str = "k1", **more: object) -> Receipt | None:
    asked = {"till": market.till, "now": market.now} | more
    return resolve_charge(market.engine, territory_id=1, idempotency_key=key, **asked)  # type: ignore[arg-type]


def test_a_key_that_has_paid_gives_its_receipt_and_stays_alive(market: Market) -> None:
    done = market.charge(1_250)
    found = resolve(market)
    assert found is not None
    assert (found.entry_id, found.amount_cents) == (done.entry_id, 1_250)
    assert market.charge(1_250).replayed


def test_a_late_packet_does_not_pay_after_the_shop_was_told_not_paid(market: Market) -> None:
    assert resolve(market) is None
    assert resolve(market) is None
    with pytest.raises(ChargeAbandoned):
        market.charge(1_250)
    assert market.owed() == 0
    # The control: another key of the same till, and the same key of another till, pay as ever.
    assert market.charge(1_250, key="k2").amount_cents == 1_250
    neighbour = paired(market.world, market.merchant, label="Caisse 2")
    assert market.charge(500, till=neighbour).amount_cents == 500


def test_a_packet_that_races_the_question_is_paid_or_dead_and_both_are_told_the_same(market: Market) -> None:
    # No more than a card pays without PIN, should every packet win.
    for turn in range(UNPINNED_COUNT_MAX):
        told: list[object] = []

        # By the writer's batch, and by the way of a PIN; five without PIN in a row would be refused for that.
        pin = market.card.pin if turn % 3 else None

        def pay(key: str = f"race{turn}", told: list[object] = told, pin: str | None = pin) -> None:
            try:
                told.append(market.charge(10, key=key, pin=pin).entry_id)
            except ChargeAbandoned:
                told.append(None)

        late = threading.Thread(target=pay)
        late.start()
        found = resolve(market, f"race{turn}")
        late.join()
        assert told == [None if found is None else found.entry_id]


def test_the_database_itself_keeps_what_was_given_up(market: Market) -> None:
    resolve(market)
    market.charge(100, key="k2")
    with market.engine.connect() as db:
        for statement in (
            "DELETE FROM abandoned_keys",
            "UPDATE abandoned_keys SET abandoned_at_ms = 1",
            "INSERT INTO abandoned_keys SELECT 1, key_digest, 1, 1 FROM journal_entries WHERE kind = 3",
        ):
            with pytest.raises(DBAPIError, match=r"append_only|abandoned_key_has_paid"):
                db.execute(text(statement))
            db.rollback()
