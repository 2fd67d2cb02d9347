"""What a device held unsent beyond its cap is paid and told to the town; a card is one card however it was spelled."""

import pytest
from sqlalchemy import Engine

from merchants.errors import ChargeUnknown
from merchants.model import OfflineAnswer, OfflineCaps
from merchants.offline.charges import acknowledge_of_shop, refused_offline, take_offline
from merchants.offline.flags import BeyondCap, OfflineRow, beyond_till_cap, held_cents
from merchants.offline.limits import set_offline_caps
from merchants.offline.signing import register_till_key
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.market import HOST, Market, open_market
from tests.factories.merchants import MANAGER, MINUTE, admit
from tests.factories.till_device import Device
from wallets.codes.card_token import card_url

HOUR = 60 * MINUTE
CAPS = OfflineCaps(payment_cents=1_000, card_day_cents=2_000, till_cents=2_000)


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine)
    yield opened
    opened.writer.stop()


@pytest.fixture
def device(market: Market) -> Device:
    made = Device(market.till)
    common = {"territory_id": 1, "now": market.now - 80 * HOUR}
    transact(market.engine, set_offline_caps, caps=CAPS, actor=MANAGER, **common)
    transact(market.engine, register_till_key, till=market.till, public_key=made.public_key, **common)
    return made


def send(market: Market, device: Device, card: str, *, hours_ago: float, cents: int = 1_000) -> OfflineAnswer:
    return take_offline(
        engine=market.engine, keyring=market.keyring, writer=market.writer, territory_id=1, host=HOST,
        till=market.till, signed=device.sign(card, cents, at=market.now - hours_ago * HOUR), now=market.now,
    )  # fmt: skip


def flags(market: Market) -> list[BeyondCap]:
    with reading(market.engine) as db:
        return beyond_till_cap(
            db, territory_id=1, merchant_id=market.merchant.id, since_ms=instant_ms(market.now - 80 * HOUR)
        )


def test_what_a_device_held_beyond_its_cap_is_paid_and_told(market: Market, device: Device) -> None:
    card = card_url(host=HOST, token=market.card.token)
    for hours_ago in (30, 29):
        assert send(market, device, card, hours_ago=hours_ago).receipt
    assert flags(market) == []
    assert send(market, device, card, hours_ago=1).receipt, "paid all the same"
    (flag,) = flags(market)
    assert (flag.held_cents, flag.limit_cents) == (3_000, 2_000)
    assert flag.happened_at_ms == instant_ms(market.now - HOUR)


def test_what_was_sent_before_is_no_longer_held() -> None:
    def row(sequence: int, happened_at_ms: int, received_at_ms: int, signer: bytes = b"a") -> OfflineRow:
        return OfflineRow("Comptoir", signer, sequence, 1_000, happened_at_ms, received_at_ms, is_paid=True)

    rows = [row(1, 10, 15), row(2, 20, 40), row(3, 30, 40), row(9, 5, 40, b"b")]
    assert [held_cents(each, rows) for each in rows] == [1_000, 1_000, 2_000, 1_000]


def test_a_card_is_one_card_however_it_was_spelled(market: Market, device: Device) -> None:
    token = market.card.token
    spelled = [card_url(host=HOST, token=token), token.lower(), f"{token[:5]}-{token[5:]}".replace("0", "O")]
    answers = [send(market, device, card, hours_ago=1 - place / 10) for place, card in enumerate(spelled)]
    assert [answer.refusal_code for answer in answers] == [None, None, "offline_cap_reached"]


def test_a_shop_says_once_that_it_has_seen_what_is_not_paid_and_the_line_stays(market: Market, device: Device) -> None:
    assert send(market, device, market.card.token, hours_ago=1, cents=1_001).refusal_code == "offline_cap_reached"
    other = admit(market.world, 2)

    def listed() -> list[int | None]:
        with reading(market.engine) as db:
            found = refused_offline(db, territory_id=1, merchant_id=market.merchant.id)
        digests[:] = [each.key_digest for each in found]
        return [each.acknowledged_at_ms for each in found]

    digests: list[bytes] = []
    assert listed() == [None]
    common = {"territory_id": 1, "digest": digests[0]}
    with pytest.raises(ChargeUnknown):
        transact(market.engine, acknowledge_of_shop, merchant_id=other.id, now=market.now, **common)
    assert listed() == [None]
    for minutes in (0, 5):
        seen_at = market.now + minutes * MINUTE
        transact(market.engine, acknowledge_of_shop, merchant_id=market.merchant.id, now=seen_at, **common)
    assert listed() == [instant_ms(market.now)], "the first time counts"
