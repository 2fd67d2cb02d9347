"""Whoever paid or was paid keeps the entry's number and its hash: with them, `prove` shows it in the log."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine

import merchants.app
import wallets.app
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.merkle import hash_leaf
from tests.factories.market import Market, market_at
from tests.factories.merchants import pairing
from tests.factories.site import Site, build_site, csrf_token
from wallets.holders.history import history_of
from wallets.shops import EXTENSION, ShopDirectory

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def with_shops(app: Flask) -> None:
    wallets.app.init_app(app)
    merchants.app.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine, init=with_shops)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    return market_at(site)


def leaf_of(market: Market, number: int) -> str:
    """Return the leaf that the entry's own bytes hash to."""
    with reading(market.world.engine) as db:
        posted = entry_of(db, territory_id=market.world.territory_id, entry_id=number)
    return hash_leaf(posted.entry.canonical_bytes()).hex()


def till_of(site: Site, market: Market):
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    client.post(f"/caisse/appairer/{code}")
    return client


def test_the_receipt_page_shows_the_number_and_the_whole_hash(site: Site, market: Market):
    client = till_of(site, market)
    receipt = client.post(
        "/caisse",
        data={
            "csrf_token": csrf_token(client, "/caisse"),
            "key": "k-1",
            "amount": "12,50",
            "card": market.card.number,
            "pin": market.card.pin,
        },
        follow_redirects=True,
    ).text
    number = int(re.search(r"Écriture.*?n° (\d+)", receipt, re.DOTALL)[1])
    assert leaf_of(market, number) in receipt
    # "Payé" at the till names the entry and leads to this page: sixty-four characters tell nobody a thing at a counter.
    assert "data-receipt" in client.get("/caisse").text


def test_a_payment_confirmed_on_the_phone_shows_them(site: Site, market: Market):
    till, phone = till_of(site, market), site.app.test_client()
    fields = {"csrf_token": csrf_token(till, "/caisse"), "amount": "8,40"}
    code = till.post("/caisse/demandes", data=fields).location.rpartition("/")[2]
    paid = phone.post(f"/P/{code}", data={"card": market.card.number, "pin": market.card.pin}).text
    number = int(re.search(r"Reçu.*?n° (\d+)", paid, re.DOTALL)[1])
    assert leaf_of(market, number) in paid


def test_the_holder_s_history_has_them(site: Site, market: Market):
    receipt = market.charge(1_000)
    shops: ShopDirectory = site.app.extensions[EXTENSION]
    with reading(market.world.engine) as db:
        newest = history_of(
            db, territory_id=market.world.territory_id, wallet_id=market.card.wallet_id, shops=shops, limit=1
        )[0]
    assert (newest.entry_id, newest.entry_hash) == (receipt.entry_id, receipt.entry_hash)
    assert newest.entry_hash == leaf_of(market, newest.entry_id)
