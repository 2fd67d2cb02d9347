"""What the town lets tills take offline: decided at the office, told to tills, judged as a till could know it."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants.errors import OfflineCapsInvalid
from merchants.model import OFFLINE_CAPS, OfflineAnswer, OfflineCaps
from merchants.offline.charges import take_offline
from merchants.offline.limits import offline_caps, set_offline_caps
from merchants.offline.signing import register_till_key
from monnaie_locale.database.transaction import reading, transact
from tests.factories.market import HOST, Market, open_market
from tests.factories.merchants import MANAGER, MINUTE
from tests.factories.till_device import Device
from wallets.codes.card_token import card_url

HOUR = 60 * MINUTE
NARROW = OfflineCaps(payment_cents=1_000, card_day_cents=1_500, till_cents=10_000)


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine)
    yield opened
    opened.writer.stop()


@pytest.fixture
def device(market: Market) -> Device:
    made = Device(market.till)
    transact(
        market.engine, register_till_key, territory_id=1, till=market.till, public_key=made.public_key, now=market.now
    )
    return made


def decide(market: Market, caps: OfflineCaps) -> None:
    transact(market.engine, set_offline_caps, territory_id=1, caps=caps, actor=MANAGER, now=market.now)


def send(market: Market, device: Device, amount_cents: int, *, hours_ago: float) -> OfflineAnswer:
    card = card_url(host=HOST, token=market.card.token)
    return take_offline(
        engine=market.engine, keyring=market.keyring, writer=market.writer, territory_id=1, host=HOST,
        till=market.till, signed=device.sign(card, amount_cents, at=market.now - hours_ago * HOUR), now=market.now,
    )  # fmt: skip


def test_the_town_decides_and_every_decision_is_kept(market: Market):
    with reading(market.engine) as db:
        assert offline_caps(db, territory_id=1) == OFFLINE_CAPS
    decide(market, NARROW)
    with reading(market.engine) as db:
        assert offline_caps(db, territory_id=1) == NARROW
        (line,) = db.execute(text("SELECT actor, detail FROM audit_events WHERE action = 'offline.limits'")).all()
    assert line.actor == MANAGER
    assert "1500" in str(line.detail)
    for wrong in ((5_001, 6_000, 7_000), (2_000, 1_999, 7_000), (2_000, 3_000, 2_999), (-1, 0, 0)):
        with pytest.raises(OfflineCapsInvalid):
            decide(market, OfflineCaps(payment_cents=wrong[0], card_day_cents=wrong[1], till_cents=wrong[2]))
    for statement in (
        "UPDATE offline_limits SET payment_cents = 5",
        "DELETE FROM offline_limits",
        "INSERT INTO offline_limits VALUES (1, 2, 5001, 6000, 7000, 'staff:3', 5)",
        "INSERT INTO offline_limits VALUES (1, 2, 2000, 1999, 7000, 'staff:3', 5)",
    ):
        with pytest.raises(DBAPIError), market.engine.begin() as db:
            db.execute(text(statement))


def test_a_till_that_was_away_is_judged_by_what_it_knew_and_a_later_one_by_what_is_decided(
    market: Market, device: Device
):
    decide(market, NARROW)
    # The network went before the decision: the till kept to the caps that it knew.
    assert send(market, device, 2_000, hours_ago=2).receipt is not None
    # Three days later no till can still be as old.
    market.clock[0] += 75 * HOUR
    refused = send(market, device, 1_001, hours_ago=1)
    assert refused.refusal_code == "offline_cap_reached"
    assert "10,00" in str(refused.refusal_sentence)
    assert send(market, device, 1_000, hours_ago=1).receipt is not None
    over_the_day = send(market, device, 501, hours_ago=0.5)
    assert over_the_day.refusal_code == "offline_cap_reached"
    assert market.owed() == 3_000
