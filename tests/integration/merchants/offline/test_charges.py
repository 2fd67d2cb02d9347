"""What a till took offline: signed, bounded, in order, answered once; a refusal is kept, a replay is harmless."""

import datetime
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from merchants import errors
from merchants.model import OfflineAnswer
from merchants.offline.charges import acknowledge, refused_offline, take_offline
from merchants.offline.signing import SignedCharge, register_till_key
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.market import HOST, Market, open_market
from tests.factories.merchants import paired
from tests.factories.till_device import Device
from wallets.codes.card_token import card_url

HOUR = datetime.timedelta(hours=1)
# An offline charge is looked for when it comes in, then again in the transaction that keeps its answer.
BEFORE_IT_IS_KEPT = 2


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine, cents=3_000)
    yield opened
    opened.writer.stop()


@pytest.fixture
def device(market: Market) -> Device:
    made = Device(market.till)
    register(market, made)
    return made


def register(market: Market, device: Device) -> None:
    transact(
        market.engine,
        register_till_key,
        territory_id=1,
        till=device.till,
        public_key=device.public_key,
        now=market.now,
    )


def card(market: Market) -> str:
    return card_url(host=HOST, token=market.card.token)


def send(market: Market, signed: SignedCharge, **more: object) -> OfflineAnswer:
    asked = {"till": market.till, "now": market.now} | more
    return take_offline(
        engine=market.engine,
        keyring=market.keyring,
        writer=market.writer,
        territory_id=1,
        host=HOST,
        signed=signed,
        **asked,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_charge_answered_while_it_comes_in_again_gets_the_same_answer(market: Market, device: Device):
    """What two requests at once may do: the other one is answered between two looks of this one, before it is kept."""
    signed, looks, others = device.sign(card(market), 3_001, at=market.now - HOUR), [], []

    def answer_the_other(_db, _cursor, statement, *_more):
        if "FROM offline_charges" not in statement or "key_digest = " not in statement or others:
            return
        looks.append(statement)
        if len(looks) == BEFORE_IT_IS_KEPT:
            others.append(None)
            others[0] = send(market, signed)

    event.listen(market.engine, "after_cursor_execute", answer_the_other)
    assert send(market, signed) == others[0]
    assert len(refused(market)) == 1


def refused(market: Market) -> list[tuple[int, bool]]:
    with reading(market.engine) as db:
        found = refused_offline(db, territory_id=1, merchant_id=1)
    return [(each.amount_cents, each.acknowledged_at_ms is not None) for each in found]


def test_an_offline_day_comes_in_once_with_its_own_hours_however_often_it_is_sent(market: Market, device: Device):
    day = [device.sign(card(market), 700, at=market.now - 3 * HOUR + number * HOUR / 4) for number in range(3)]
    first = [send(market, signed) for signed in day]
    again = [send(market, signed) for signed in [*day, *reversed(day)]]
    assert market.owed() == 2_100
    numbers = [answer.receipt.entry_id for answer in first if answer.receipt]
    assert [answer.receipt.entry_id for answer in again if answer.receipt] == [*numbers, *reversed(numbers)]
    with reading(market.engine) as db:
        entry = entry_of(db, territory_id=1, entry_id=numbers[0]).entry
    assert entry.happened_at_ms == day[0].happened_at_ms < entry.recorded_at_ms


def test_a_short_purse_is_refused_for_good_and_kept_until_it_is_read(market: Market, device: Device):
    for number in range(2):
        market.charge(1_000, key=f"before{number}")
    late = device.sign(card(market), 1_500, at=market.now - HOUR)
    answer = send(market, late)
    assert (answer.receipt, answer.refusal_code) == (None, "offline_guarantee_short")
    # Money that comes later does not pay what the shop was told is not paid, by this way or any other.
    market.world.issue(market.card.wallet_id, 5_000)
    assert send(market, late) == answer
    with pytest.raises(errors.ChargeAbandoned):
        market.charge(1_500, key=late.idempotency_key)
    assert refused(market) == [(1_500, False)]
    told = {"territory_id": 1, "till": market.till, "now": market.now}
    for _ in range(2):
        transact(market.engine, acknowledge, idempotency_key=late.idempotency_key, **told)
    assert refused(market) == [(1_500, True)]
    with pytest.raises(errors.ChargeUnknown):
        transact(market.engine, acknowledge, idempotency_key="never", **told)


def test_the_packet_that_was_thought_lost_and_its_offline_twin_are_one_payment(market: Market, device: Device):
    market.charge(1_000, key="twin")
    twin = device.sign(card(market), 1_000, at=market.now - HOUR, once="twin")
    assert send(market, twin).receipt is not None
    assert market.owed() == 1_000
    assert market.charge(1_000, key="twin").replayed


def test_nothing_comes_in_unsigned_or_changed_or_signed_by_another(market: Market, device: Device):
    signed = device.sign(card(market), 500, at=market.now - HOUR)
    neighbour = paired(market.world, market.merchant, label="Caisse 2")
    stranger = Device(market.till).sign(card(market), 500, at=market.now - HOUR)
    for forged in (
        replace(signed, text=signed.text.replace(b"500", b"501")),
        replace(signed, signature=bytes(64)),
        replace(signed, signature=b""),
        stranger,
    ):
        with pytest.raises(errors.OfflineSignatureInvalid):
            send(market, forged)
    with pytest.raises(errors.TillKeyMissing):
        send(market, signed, till=neighbour)
    with pytest.raises(errors.TillKeyTaken):
        register(market, Device(market.till))
    register(market, device)
    assert send(market, signed).receipt is not None  # the control
    assert market.owed() == 500


def test_neither_number_nor_hour_goes_back(market: Market, device: Device):
    assert send(market, device.sign(card(market), 100, at=market.now - HOUR, sequence=5)).receipt
    back = send(market, device.sign(card(market), 100, at=market.now - 2 * HOUR, sequence=6))
    ahead = send(market, device.sign(card(market), 100, at=market.now, sequence=4))
    assert [back.refusal_code, ahead.refusal_code] == ["offline_order_broken"] * 2
    with pytest.raises(errors.OfflineOrderBroken):
        send(market, device.sign(card(market), 100, at=market.now, sequence=5, once="other"))
    # The control: one that was held up on its way comes in at its place.
    assert send(market, device.sign(card(market), 100, at=market.now - 2 * HOUR, sequence=3)).receipt
    assert market.owed() == 200


def test_the_caps_hold_here_too(market: Market, device: Device):
    over = send(market, device.sign(card(market), 2_001, at=market.now))
    assert over.refusal_code == "offline_cap_reached"
    market.world.issue(market.card.wallet_id, 5_000)
    fits = [send(market, device.sign(card(market), 2_000, at=market.now)) for _ in range(3)]
    assert [answer.refusal_code for answer in fits] == [None, None, "offline_cap_reached"]
    too_late = send(market, device.sign(card(market), 100, at=market.now + 73 * HOUR), now=market.now + 147 * HOUR)
    assert too_late.refusal_code == "charge_too_late"
    assert instant_ms(market.now)


def test_the_caps_hold_for_charges_sent_at_once(market: Market, device: Device):
    market.world.issue(market.card.wallet_id, 5_000)
    at = market.now - HOUR
    day = [device.sign(card(market), 1_500, at=at) for _ in range(3)]
    # Two charges of one number: one of them is the device's, the other was never taken.
    day.append(device.sign(card(market), 1_500, at=at, sequence=day[0].sequence, once="twice"))

    def sent(signed: SignedCharge) -> str:
        try:
            return send(market, signed).refusal_code or "paid"
        except errors.OfflineOrderBroken as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(day)) as pool:
        answers = list(pool.map(sent, day))
    assert answers.count("paid") == 2
    assert market.owed() == 3_000
    with market.engine.connect() as db:
        paid = db.scalar(text("SELECT count(*) FROM offline_charges WHERE entry_id IS NOT NULL"))
    assert paid == 2


def test_a_device_whose_clock_is_fast_is_paid_and_its_days_to_come_are_no_way_round_the_caps(
    market: Market, device: Device
):
    market.world.issue(market.card.wallet_id, 9_000)
    fast = [device.sign(card(market), 2_000, at=market.now + 24 * days * HOUR) for days in (1, 2, 3)]
    answers = [send(market, signed) for signed in fast]
    assert [answer.refusal_code for answer in answers] == [None, None, "offline_cap_reached"]
    with reading(market.engine) as db:
        entry = entry_of(db, territory_id=1, entry_id=answers[0].receipt.entry_id).entry
    assert entry.happened_at_ms == instant_ms(market.now)
    # The control: the next day has caps of its own.
    tomorrow = market.now + 24 * HOUR
    assert send(market, device.sign(card(market), 2_000, at=market.now + 96 * HOUR), now=tomorrow).receipt


def test_the_database_itself_keeps_the_answers(market: Market, device: Device):
    assert send(market, device.sign(card(market), 2_001, at=market.now)).refusal_code
    with market.engine.connect() as db:
        for statement in (
            "DELETE FROM offline_charges",
            "UPDATE offline_charges SET refusal_code = 'x'",
            "UPDATE offline_charges SET entry_id = 1, refusal_code = NULL, refusal_sentence = NULL",
        ):
            with pytest.raises(DBAPIError, match=r"append_only|offline_charge_answered"):
                db.execute(text(statement))
            db.rollback()


def test_a_fast_clock_loses_no_payment_and_gains_no_day(market: Market, device: Device):
    answers = [send(market, device.sign(card(market), 1_500, at=market.now + ahead * HOUR)) for ahead in (1, 25, 49)]

    assert [answer.refusal_code for answer in answers] == [None, None, "offline_cap_reached"]
    assert answers[0].receipt is not None
    with reading(market.engine) as db:
        entry = entry_of(db, territory_id=1, entry_id=answers[0].receipt.entry_id).entry
    assert entry.happened_at_ms == entry.recorded_at_ms == instant_ms(market.now)
    assert market.owed() == 3_000
