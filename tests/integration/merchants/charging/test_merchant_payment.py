"""A shop pays a shop from what it is owed, and never more."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from merchants import errors
from merchants.charging.merchant_payment import pay_merchant
from merchants.model import Merchant, Receipt
from merchants.queries import merchant_accounts
from merchants.shops.operations import suspend_merchant
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import IdempotencyKeyReused, InsufficientFunds, Refusal
from monnaie_locale.ledger.posting import Draw
from tests.factories.market import Market, open_market
from tests.factories.merchants import MANAGER, NOW, admit
from tests.factories.vandal import run


@pytest.fixture
def market(db_engine: Engine) -> Iterator[Market]:
    found = open_market(db_engine)
    found.charge(1_000, key="first")
    yield found
    found.writer.stop()


@pytest.fixture
def garage(market: Market) -> Merchant:
    return admit(market.world, 2, category="transport")


def pay(market: Market, to: Merchant, amount_cents: int, *, key: str = "p1") -> Receipt:
    return pay_merchant(
        engine=market.engine,
        writer=market.writer,
        territory_id=1,
        till=market.till,
        to_code=to.code,
        amount_cents=amount_cents,
        idempotency_key=key,
        now=market.now,
    )


def test_what_one_shop_is_owed_becomes_the_other_s(market: Market, garage: Merchant) -> None:
    receipt = pay(market, garage, 400)
    assert (receipt.kind, receipt.amount_cents, receipt.remaining_cents) == (EntryKind.MERCHANT_PAYMENT, 400, 600)
    assert (market.owed(), market.cents(market.world.shop(garage.id))) == (600, 400)


def test_cheques_that_are_not_certified_pay_no_other_shop_which_would_redeem_them(
    market: Market, garage: Merchant
) -> None:
    run(market.engine, "UPDATE programmes SET legal_basis = 'cap' WHERE id = 1")
    with pytest.raises(InsufficientFunds):
        pay(market, garage, 1)
    # 6 € of another aid come in: they may be paid, also by two payments at once, and no more.
    market.world.do(EntryKind.FUNDING, Draw((market.world.single(AccountKind.RESERVE),), market.world.funds(2), 600))
    market.world.do(EntryKind.DISTRIBUTION, Draw((market.world.funds(2),), market.world.purse(7, 2), 600))
    market.world.do(EntryKind.CHARGE, Draw((market.world.purse(7, 2),), market.world.shop(market.merchant.id), 600))
    answers: list[object] = []

    def pay_or_be_refused(number: int) -> None:
        try:
            answers.append(pay(market, garage, 400, key=f"at-once-{number}").amount_cents)
        except InsufficientFunds as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=pay_or_be_refused, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, answers)) == ["400", *["insufficient_funds"] * 3]
    assert market.owed() == 1_200


def test_the_same_key_pays_once(market: Market, garage: Merchant) -> None:
    first = pay(market, garage, 400)
    assert pay(market, garage, 400).entry_id == first.entry_id
    with pytest.raises(IdempotencyKeyReused):
        pay(market, garage, 401)
    assert market.owed() == 600


def test_a_shop_pays_neither_itself_nor_more_than_it_has_nor_a_suspended_shop(market: Market, garage: Merchant) -> None:
    with pytest.raises(errors.PaymentToItself):
        pay(market, market.merchant, 100)
    with pytest.raises(InsufficientFunds):
        pay(market, garage, 1_001)
    transact(
        market.engine,
        suspend_merchant,
        territory_id=1,
        merchant_id=garage.id,
        reason="fermeture",
        actor=MANAGER,
        now=NOW,
    )
    with pytest.raises(errors.MerchantSuspended):
        pay(market, garage, 100)
    assert market.owed() == 1_000


def test_ten_payments_at_once_spend_what_there_is_and_no_more(market: Market, garage: Merchant) -> None:
    answers: list[str] = []

    def spend(number: int) -> None:
        try:
            pay(market, garage, 300, key=f"t{number}")
            answers.append("paid")
        except Refusal as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count("paid"), answers.count("insufficient_funds"), market.owed()) == (3, 7, 100)


def test_a_shop_does_not_pay_a_friend_with_what_it_owes(market: Market, garage: Merchant) -> None:
    own, debt = merchant_accounts_of(market)
    market.world.do(EntryKind.REFUND, Draw((debt,), market.world.purse(9, 1), 700))

    with pytest.raises(InsufficientFunds) as caught:
        pay(market, garage, 301)

    assert caught.value.details["available_cents"] == 300
    assert pay(market, garage, 300).amount_cents == 300
    assert market.cents(own) == 700


def merchant_accounts_of(market: Market) -> tuple[int, int]:
    with reading(market.engine) as db:
        return merchant_accounts(db, territory_id=1, merchant_id=market.merchant.id)
