"""A request is paid once, by one card, within five minutes; the database holds it too."""

import datetime
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants import errors
from merchants.charging.charge import find_charge
from merchants.holders.payment_requests import cancel_request, confirm_payment, request_payment
from merchants.model import PaymentRequest, Receipt
from merchants.queries import find_request
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import AmountMalformed, Refusal
from tests.factories.ledger import NOON_MS
from tests.factories.market import HOST, Market, issue, open_market
from tests.factories.merchants import NOW, chance
from wallets.model import IssuedCard


@pytest.fixture
def market(db_engine: Engine) -> Iterator[Market]:
    found = open_market(db_engine)
    yield found
    found.writer.stop()


def ask(market: Market, amount_cents: int = 840, *, seed: str = "ask") -> tuple[PaymentRequest, str]:
    return transact(
        market.engine,
        request_payment,
        territory_id=1,
        till=market.till,
        amount_cents=amount_cents,
        now=market.now,
        random_bytes=chance(seed),
    )


def confirm(market: Market, code: str, *, card: IssuedCard | None = None) -> Receipt:
    paying = card or market.card
    return confirm_payment(
        engine=market.engine,
        keyring=market.keyring,
        writer=market.writer,
        territory_id=1,
        host=HOST,
        code=code,
        card_code=paying.number,
        pin=paying.pin,
        now=market.now,
    )


def test_a_request_is_marked_by_the_entry_that_paid_it(market: Market) -> None:
    request, code = ask(market)
    receipt = confirm(market, code.lower())
    with reading(market.engine) as db:
        found = find_request(db, territory_id=1, request_id=request.id)
    assert found.entry_id == receipt.entry_id
    assert found.state(now_ms=NOON_MS) == "paid"
    assert market.owed() == 840


def test_two_cards_at_once_pay_one_request_once(market: Market) -> None:
    other = issue(market.world, market.keyring, reference="M-002")
    market.world.issue(other.wallet_id, 5_000)
    _, code = ask(market)
    answers: list[str] = []

    def pay(card: IssuedCard) -> None:
        try:
            confirm(market, code, card=card)
            answers.append("paid")
        except Refusal as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=pay, args=(card,)) for card in (market.card, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["paid", "payment_request_used"]
    assert market.owed() == 840


def test_another_card_afterwards_is_told_that_it_is_paid(market: Market) -> None:
    other = issue(market.world, market.keyring, reference="M-002")
    _, code = ask(market)
    first = confirm(market, code)
    assert confirm(market, code).entry_id == first.entry_id
    with pytest.raises(errors.PaymentRequestUsed):
        confirm(market, code, card=other)


def test_a_cancelled_request_is_not_paid_and_a_paid_one_not_cancelled(market: Market) -> None:
    request, code = ask(market)
    transact(market.engine, cancel_request, territory_id=1, till=market.till, request_id=request.id, now=NOW)
    with pytest.raises(errors.PaymentRequestCancelled):
        confirm(market, code)
    paid, code = ask(market, seed="again")
    confirm(market, code)
    with pytest.raises(errors.PaymentRequestUsed):
        transact(market.engine, cancel_request, territory_id=1, till=market.till, request_id=paid.id, now=NOW)


def test_no_key_that_a_till_chooses_meets_a_request(market: Market) -> None:
    _, code = ask(market)
    market.charge(840, key="pay")
    confirm(market, code)
    assert market.owed() == 1_680


def test_what_is_not_an_amount_is_not_asked_for(market: Market) -> None:
    with pytest.raises(AmountMalformed):
        ask(market, 8.4)  # type: ignore[arg-type]


ASK_FOR_NOTHING = """
INSERT INTO payment_requests (territory_id, id, code_digest, merchant_id, till_id, amount_cents, created_at_ms,
    expires_at_ms)
SELECT territory_id, 9, leaf_hash, 1, 1, 0, 1, 2 FROM journal_entries WHERE id = 1
"""
ATTACKS = {
    "use it twice": ("UPDATE payment_requests SET entry_id = 1 WHERE id = 1", "payment_request_used"),
    "free it": ("UPDATE payment_requests SET entry_id = NULL WHERE id = 1", "payment_request_used"),
    "forget it": ("DELETE FROM payment_requests WHERE id = 1", "payment_request_frozen"),
    "raise the amount": ("UPDATE payment_requests SET amount_cents = 9 WHERE id = 2", "payment_request_frozen"),
    "ask for nothing": (ASK_FOR_NOTHING, "ck_payment_requests_amount"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_raw_sql_cannot_use_a_request_twice(name: str, market: Market) -> None:
    _, code = ask(market)
    confirm(market, code)
    ask(market, seed="other")
    statement, reason = ATTACKS[name]
    with pytest.raises(DBAPIError) as refused, market.engine.connect() as db:
        db.execute(text(statement))
    assert reason in str(refused.value.orig)


def test_the_same_sql_on_an_open_request_passes(market: Market) -> None:
    receipt = market.charge(100)
    ask(market)
    with market.engine.connect() as db:
        assert db.execute(text(f"UPDATE payment_requests SET entry_id = {receipt.entry_id}")).rowcount == 1


def test_weeks_later_a_paid_request_answers_nothing_to_whoever_kept_its_address(market: Market) -> None:
    _, code = ask(market)
    first = confirm(market, code)
    again = confirm(market, code)
    assert (again.entry_id, again.remaining_cents) == (first.entry_id, first.remaining_cents)
    market.clock[0] += datetime.timedelta(days=30)

    with pytest.raises(errors.PaymentRequestUsed):
        confirm(market, code)


def test_asking_again_for_a_charge_does_not_tell_what_the_holder_received_since(market: Market) -> None:
    first = market.charge(500, key="k9")
    market.world.issue(market.card.wallet_id, 5_000)

    found = find_charge(market.engine, territory_id=1, till=market.till, idempotency_key="k9")

    assert found is not None
    assert found.remaining_cents == first.remaining_cents
