"""The list of cards that a shop's tills keep: signed by the town, without names or balances."""

import datetime
import hashlib
import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from merchants.offline.snapshot import FIRST_LINE, SignedSnapshot, snapshot_of
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.keyring import Keyring, signature_is_valid
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes.model import PinRule
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import HOST, Market, issue, market_at, open_market
from tests.factories.merchants import NOW, admit, chance, pairing
from tests.factories.site import Site, build_site
from tests.factories.vandal import run
from wallets.model import IssuedCard
from wallets.operations.cards import block_card, replace_card

TOWN = {"territory_id": TERRITORY_ID}
HOUR = datetime.timedelta(hours=1)
MARK, CARD = 16, 17


@pytest.fixture
def market(db_engine: Engine):
    opened = open_market(db_engine)
    yield opened
    opened.writer.stop()


def snapshot(market: Market, *, now: datetime.datetime = NOW, merchant=None) -> SignedSnapshot:
    with reading(market.engine) as db:
        return snapshot_of(
            db, **TOWN, host=HOST, merchant=merchant or market.merchant, sign=market.keyring.sign, now=now
        )


def said(found: SignedSnapshot) -> dict:
    return json.loads(found.text.removeprefix(FIRST_LINE))


def mark(card: IssuedCard) -> str:
    """Return the start of a card's hash as a till works it out, whatever the service's own functions say."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    bits = "".join(f"{byte:08b}" for byte in hashlib.sha256(card.token.encode()).digest()[:12])
    return "".join(alphabet[int(bits[start : start + 6], 2)] for start in range(0, len(bits), 6))


def caps(found: SignedSnapshot) -> dict[str, int]:
    says = said(found)
    cards = [says["cards"][start : start + CARD] for start in range(0, len(says["cards"]), CARD)]
    return {card[:MARK]: says["caps_cents"][int(card[MARK])] for card in cards}


def denied(found: SignedSnapshot) -> set[str]:
    text = said(found)["denied"]
    return {text[start : start + MARK] for start in range(0, len(text), MARK)}


def test_a_card_seen_at_the_shop_is_listed_there_and_nowhere_else_and_what_it_holds_is_not(market: Market) -> None:
    other, stranger = admit(market.world, 2), issue(market.world, market.keyring, reference="M-2")
    market.world.issue(stranger.wallet_id, 1_000)
    assert caps(snapshot(market)) == {}
    market.charge(1_000)
    before = snapshot(market)
    assert caps(before) == {mark(market.card): 5_000}
    assert caps(snapshot(market, merchant=other)) == {}
    # Nearly all of it is spent with the PIN: the list is the same, to the letter.
    market.charge(8_999, key="k2", pin=market.card.pin)
    assert market.purse() == 1
    assert snapshot(market) == before
    for secret in (market.card.token, market.card.number, "M-001", "8999", "9000"):
        assert secret not in before.text


def test_it_is_the_town_that_signs_for_this_shop_and_for_a_day(market: Market) -> None:
    found = snapshot(market, now=NOW + datetime.timedelta(minutes=7))
    key, text = market.keyring.public_key_pem, found.text.encode()
    assert signature_is_valid(public_key_pem=key, signature=found.signature, text=text)
    says = said(found)
    assert (says["host"], says["merchant"]) == (HOST, market.merchant.id)
    assert says["issued_at_ms"] == instant_ms(NOW)
    assert says["expires_at_ms"] - says["issued_at_ms"] == 24 * 3600 * 1000
    # The control: neither another text nor another key.
    assert not signature_is_valid(public_key_pem=key, signature=found.signature, text=text.replace(b"24", b"25") + b" ")
    stranger = Keyring.generate().public_key_pem
    assert not signature_is_valid(public_key_pem=stranger, signature=found.signature, text=text)


def test_a_card_that_ended_is_denied_in_every_shop_and_the_new_one_takes_its_place(market: Market) -> None:
    other = admit(market.world, 2)
    market.charge(1_000)
    assert denied(snapshot(market)) == set()
    renewed = transact(
        market.engine, replace_card, **TOWN, card_id=market.card.card_id, keyring=market.keyring,
        random_bytes=chance("renewed"), actor="staff:1", now=NOW,
    )  # fmt: skip
    assert denied(snapshot(market)) == denied(snapshot(market, merchant=other)) == {mark(market.card)}
    assert list(caps(snapshot(market))) == [mark(renewed)], "the wallet was seen here, by its card of before"
    transact(market.engine, block_card, **TOWN, card_id=renewed.card_id, actor="staff:1", now=NOW, reason="stolen")
    assert caps(snapshot(market)) == {}
    assert denied(snapshot(market)) == {mark(market.card), mark(renewed)}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "cap_cents"),
    [
        (f"UPDATE programmes SET pin_rule = '{PinRule.ALWAYS}' WHERE id = 1", 0),
        (f"UPDATE programmes SET pin_rule = '{PinRule.ABOVE}', pin_above_cents = 1500 WHERE id = 1", 1_000),
        ("UPDATE programme_categories SET category = 'sport' WHERE programme_id = 1", 0),
        ("UPDATE cards SET unpinned_count = 5", 0),
        ("UPDATE cards SET unpinned_cents = 12500", 2_000),
        ("UPDATE cards SET tries_left = 0", 0),
        ("UPDATE cards SET tries_left = tries_left", 5_000),
    ],
)
def test_a_card_is_listed_with_what_it_pays_without_its_pin(market: Market, statement: str, cap_cents: int) -> None:
    market.charge(1_000)
    run(market.engine, statement)
    assert caps(snapshot(market)) == {mark(market.card): cap_cents}


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_card_is_forgotten_after_ninety_days(market: Market) -> None:
    market.charge(1_000)
    assert caps(snapshot(market, now=NOW + datetime.timedelta(days=90)))
    assert caps(snapshot(market, now=NOW + datetime.timedelta(days=90, seconds=1))) == {}


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_till_fetches_it_once_an_hour_or_when_it_changes(site: Site) -> None:
    market = market_at(site)
    market.charge(1_000)
    _, code = pairing(market.world, market.merchant, label="Automate")
    client = site.app.test_client()
    key = client.post("/api/v1/tills/pair", json={"code": code}, headers={"Idempotency-Key": "p"}).json["api_key"]

    def ask(etag: str | None = None):
        known = {} if etag is None else {"If-None-Match": etag}
        return client.get("/api/v1/tills/own-cards", headers={"Authorization": f"Bearer {key}"} | known)

    first = ask()
    assert (first.status_code, caps(SignedSnapshot(first.json["signed"], b""))) == (200, {mark(market.card): 5_000})
    again = ask(first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    transact(market.engine, block_card, **TOWN, card_id=market.card.card_id, actor="staff:1", now=NOW, reason="lost")
    changed = ask(first.headers["ETag"])
    assert (changed.status_code, denied(SignedSnapshot(changed.json["signed"], b""))) == (200, {mark(market.card)})
    assert ask(changed.headers["ETag"]).status_code == 304
    site.clock.advance(hours=1)
    assert ask(changed.headers["ETag"]).status_code == 200
    assert client.get("/api/v1/tills/own-cards").status_code == 401
