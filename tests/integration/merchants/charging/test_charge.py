"""The charge: once, in order, within what the card has, and never with a PIN too many."""

import datetime
import threading

import pytest
from sqlalchemy import Engine, text

from merchants import errors
from merchants.charging.charge import find_charge
from merchants.shops.operations import suspend_merchant, unpair_till
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entry_of, head_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import (
    AmountMalformed,
    AmountNotPositive,
    AmountTooLarge,
    IdempotencyKeyReused,
    InsufficientFunds,
    Refusal,
)
from monnaie_locale.programmes.model import PinRule
from tests.factories.market import Market, open_market
from tests.factories.merchants import MANAGER, NOW, admit, paired
from wallets.errors import CardMalformed, CardOfAnotherTown, CardRefused, MerchantNotEligible, PinLocked, PinRequired
from wallets.operations.cards import block_card


@pytest.fixture
def market(db_engine: Engine):
    found = open_market(db_engine)
    yield found
    found.writer.stop()


def entries_of(market: Market) -> int:
    with reading(market.engine) as db:
        return head_of(db, territory_id=1).last_entry_id


def test_a_charge_moves_units_from_the_purse_to_the_shop(market: Market) -> None:
    receipt = market.charge(1_250)
    assert (receipt.amount_cents, receipt.remaining_cents, receipt.replayed) == (1_250, 8_750, False)
    assert (market.purse(), market.owed()) == (8_750, 1_250)
    with reading(market.engine) as db:
        posted = entry_of(db, territory_id=1, entry_id=receipt.entry_id)
    assert posted.entry.kind is EntryKind.CHARGE
    assert posted.entry.reference == f"CARD:{market.card.card_id}"
    assert posted.entry.caller == f"till:{market.till.id}"
    assert receipt.entry_hash == posted.leaf_hash.hex()


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (0, AmountNotPositive),
        (-100, AmountNotPositive),
        (12.5, AmountMalformed),
        (100.0, AmountMalformed),
        (True, AmountMalformed),
        ("100", AmountMalformed),
        (2**53, AmountTooLarge),
        (2**53 - 1, InsufficientFunds),
    ],
)
def test_what_is_not_an_amount_is_refused_and_leaves_no_trace(
    market: Market, amount: int, refusal: type[Refusal]
) -> None:
    before = entries_of(market)
    pin = market.card.pin if refusal is InsufficientFunds else None
    with pytest.raises(refusal):
        market.charge(amount, pin=pin)
    assert entries_of(market) == before


@pytest.mark.parametrize("code", ["", "xyz", "1234567890", "HTTPS://AILLEURS.FR/W/X", "<script>", "9" * 5000])
def test_what_is_not_a_card_is_refused(market: Market, code: str) -> None:
    with pytest.raises((CardMalformed, CardOfAnotherTown)):
        market.charge(100, card_code=code)


def test_the_same_key_thirty_times_charges_once(market: Market) -> None:
    receipts: list[int] = []
    threads = [threading.Thread(target=lambda: receipts.append(market.charge(1_000).entry_id)) for _ in range(30)]
    before = entries_of(market)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 30
    assert len(set(receipts)) == 1
    assert (entries_of(market) - before, market.owed()) == (1, 1_000)


def test_a_retry_needs_no_pin_and_tells_the_same(market: Market) -> None:
    first = market.charge(6_000, pin=market.card.pin)
    again = market.charge(6_000, pin="0000")
    assert (again.entry_id, again.replayed) == (first.entry_id, True)
    with market.engine.connect() as db:
        assert db.scalar(text("SELECT tries_left FROM cards")) == 5


@pytest.mark.parametrize("change", [{"amount_cents": 999}, {"partial": True}])
def test_a_key_does_not_carry_another_request(market: Market, change: dict[str, object]) -> None:
    market.charge(1_000)
    with pytest.raises(IdempotencyKeyReused):
        market.charge(**({"amount_cents": 1_000} | change))


def test_sixteen_tills_spend_the_last_euro_once(db_engine: Engine) -> None:
    market = open_market(db_engine, cents=100)
    answers: list[str] = []

    def spend(number: int) -> None:
        try:
            market.charge(100, key=f"t{number}")
            answers.append("paid")
        except InsufficientFunds:
            answers.append("short")

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    market.writer.stop()
    assert (answers.count("paid"), answers.count("short")) == (1, 15)
    assert (market.purse(), market.owed()) == (0, 100)


def test_too_little_is_refused_with_what_is_left_and_taken_when_asked(db_engine: Engine) -> None:
    market = open_market(db_engine, cents=800)
    with pytest.raises(InsufficientFunds) as refused:
        market.charge(1_000)
    assert "8,00" in refused.value.sentence()
    receipt = market.charge(1_000, key="k2", partial=True)
    assert (receipt.amount_cents, receipt.remaining_cents, market.purse()) == (800, 0, 0)
    with pytest.raises(InsufficientFunds):
        market.charge(1_000, key="k3", partial=True)
    market.writer.stop()


def test_a_shop_outside_the_programme_is_refused(market: Market) -> None:
    shop = admit(market.world, 2, category="sport")
    with pytest.raises(MerchantNotEligible):
        market.charge(100, till=paired(market.world, shop))


def test_above_fifty_euros_the_pin_is_asked_for(market: Market) -> None:
    with pytest.raises(PinRequired):
        market.charge(5_001)
    assert market.charge(5_001, pin=market.card.pin).amount_cents == 5_001


def test_the_number_alone_needs_the_pin(market: Market) -> None:
    with pytest.raises(PinRequired):
        market.charge(100, card_code=market.card.number)
    assert market.charge(100, card_code=market.card.number, pin=market.card.pin).amount_cents == 100


def test_five_wrong_pins_lock_the_card(db_engine: Engine) -> None:
    market = open_market(db_engine, pin_rule=PinRule.ALWAYS)
    wrong = "1379" if market.card.pin != "1379" else "1378"
    for number in range(5):
        with pytest.raises(CardRefused):
            market.charge(100, key=f"k{number}", pin=wrong)
    with pytest.raises(PinLocked):
        market.charge(100, key="k9", pin=market.card.pin)
    market.writer.stop()
    assert market.owed() == 0


def test_a_blocked_card_is_refused(market: Market) -> None:
    transact(
        market.engine, block_card, territory_id=1, card_id=market.card.card_id, actor=MANAGER, now=NOW, reason="lost"
    )
    with pytest.raises(CardRefused):
        market.charge(100)


def test_a_suspended_shop_and_an_unpaired_till_take_nothing(market: Market) -> None:
    other = paired(market.world, market.merchant, label="Caisse 2")
    transact(market.engine, unpair_till, territory_id=1, till_id=other.id, actor=MANAGER, now=NOW)
    with pytest.raises(errors.TillUnpaired):
        market.charge(100, till=other)
    done = market.charge(100)
    transact(market.engine, suspend_merchant, territory_id=1, merchant_id=1, reason="fermeture", actor=MANAGER, now=NOW)
    with pytest.raises(errors.MerchantSuspended):
        market.charge(100, key="k2")
    # What was taken before stays taken, and its receipt is still given.
    assert market.charge(100).entry_id == done.entry_id


def test_a_late_charge_keeps_its_own_date_and_is_flagged(market: Market) -> None:
    happened_at = NOW - datetime.timedelta(hours=71)
    receipt = market.charge(500, happened_at=happened_at)
    assert receipt.is_late
    with reading(market.engine) as db:
        entry = entry_of(db, territory_id=1, entry_id=receipt.entry_id).entry
    assert entry.happened_at_ms < entry.recorded_at_ms
    assert entry.accounted_on == datetime.date(2026, 10, 5)
    assert not market.charge(500, key="k2").is_late


def test_neither_the_future_nor_last_week_is_charged(market: Market) -> None:
    with pytest.raises(errors.ChargeInFuture):
        market.charge(500, happened_at=NOW + datetime.timedelta(minutes=6))
    with pytest.raises(errors.ChargeTooLate):
        market.charge(500, happened_at=NOW - datetime.timedelta(hours=73))


def test_a_till_learns_what_became_of_a_lost_answer(market: Market) -> None:
    assert find_charge(market.engine, territory_id=1, till=market.till, idempotency_key="k1") is None
    receipt = market.charge(100)
    found = find_charge(market.engine, territory_id=1, till=market.till, idempotency_key="k1")
    assert found is not None
    assert (found.entry_id, found.replayed) == (receipt.entry_id, True)
