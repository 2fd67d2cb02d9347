"""A holder scans the card at home, types the PIN, reads what is left, until when and where, and leaves."""

import datetime
from collections.abc import Collection

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from werkzeug.test import TestResponse

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.programmes.model import Category
from tests.factories import programmes as made
from tests.factories.ledger import TERRITORY_ID, World
from tests.factories.site import CSRF, Site, build_site
from tests.factories.wallets import AGENT, Holder, ask, holder, pay, random_bytes
from wallets import app as wallets_app
from wallets import shops
from wallets.codes.card_token import draw_token
from wallets.operations.cards import block_card, reset_pin

NOW = made.NOW
BAKERY = 3


class TwoShops(shops.NoShops):
    """A directory as the merchants would give it."""

    def names_of(self, db: Connection, *, territory_id: int, merchant_ids: Collection[int]) -> dict[int, str]:
        return {BAKERY: "Boulangerie du Port"} if BAKERY in merchant_ids else {}

    def shops_accepting(
        self, db: Connection, *, territory_id: int, categories: Collection[Category]
    ) -> list[shops.Shop]:
        every = [
            shops.Shop(name="Boulangerie du Port", category=Category.FOOD, address="3 rue du Port"),
            shops.Shop(name="Bus de la ville", category=Category.TRANSPORT),
        ]
        return [shop for shop in every if shop.category in categories]


def with_wallets(app: Flask) -> None:
    app.extensions[shops.EXTENSION] = TwoShops()
    wallets_app.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=with_wallets)


@pytest.fixture
def owner(site: Site) -> Holder:
    """Give a holder with 40 € of food money until the end of the year, of which 12,50 € were spent."""
    engine = site.rt.engine
    found = holder(engine, site.rt.keyring)
    food = made.programme(engine)
    made.distributed(engine, food.programme_id, [(found.wallet.wallet_id, 4_000)])
    world = World(engine)
    authorised = ask(engine, site.rt.keyring, found.card.token, 1_250)  # type: ignore[arg-type]
    pay(world, authorised, 1_250, merchant=BAKERY)
    return found


def type_pin(client: FlaskClient, token: str, pin: str) -> TestResponse:
    return client.post(f"/W/{token}", data={"pin": pin})


def test_the_balance_is_behind_the_pin(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    asked = client.get(f"/W/{owner.card.token}")
    assert asked.status_code == 200
    assert "code secret" in asked.text
    assert "27,50" not in asked.text
    assert "Aide alimentaire" not in asked.text

    opened = type_pin(client, owner.card.token, owner.card.pin)
    assert (opened.status_code, opened.headers["Location"]) == (303, "/porte-monnaie")
    page = client.get("/porte-monnaie").text
    assert "27,50" in page
    assert "31\u00a0décembre 2026" in page
    assert "Aide alimentaire" in page
    assert "Boulangerie du Port" in page
    assert "3 rue du Port" in page
    assert "Bus de la ville" not in page
    assert "−12,50" in page
    assert "+40,00" in page
    assert owner.card.token not in page

    leaving = CSRF.search(page)
    assert leaving
    assert client.post("/porte-monnaie/quitter").status_code == 403
    left = client.post("/porte-monnaie/quitter", data={"csrf_token": leaving[1]}, follow_redirects=True)
    assert "fermé" in left.text
    assert client.get("/porte-monnaie").status_code == 401


def test_the_address_works_in_lower_case_too(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    lower = client.post(f"/w/{owner.card.token.lower()}", data={"pin": owner.card.pin})
    assert lower.headers["Location"] == "/porte-monnaie"


def test_a_card_a_blocked_card_and_an_invented_one_look_the_same(site: Site, owner: Holder) -> None:
    invented = draw_token(random_bytes)
    client = site.app.test_client()

    def seen(token: str) -> list[tuple[int, str]]:
        before, after = client.get(f"/W/{token}"), type_pin(client, token, owner.wrong_pin)
        return [(page.status_code, page.text.replace(token, "")) for page in (before, after)]

    living = seen(owner.card.token)
    assert living[1][0] == 403
    transact(site.rt.engine, block_card, territory_id=TERRITORY_ID, card_id=owner.card.card_id, actor=AGENT, now=NOW)
    assert seen(owner.card.token) == living
    assert seen(invented) == living


def test_after_five_wrong_pins_the_page_sends_to_the_desk(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    for _ in range(5):
        assert type_pin(client, owner.card.token, owner.wrong_pin).status_code == 403
    locked = type_pin(client, owner.card.token, owner.card.pin)
    assert locked.status_code == 423
    assert "verrouillée" in locked.text
    assert "CCAS" in locked.text


def test_a_number_does_not_open_the_page_of_a_card(site: Site, owner: Holder) -> None:
    refused = type_pin(site.app.test_client(), owner.card.number, owner.card.pin)
    assert refused.status_code == 422
    assert "pas celui d" in refused.text


def test_blocking_the_card_closes_the_page_that_was_open(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    type_pin(client, owner.card.token, owner.card.pin)
    assert client.get("/porte-monnaie").status_code == 200
    transact(site.rt.engine, block_card, territory_id=TERRITORY_ID, card_id=owner.card.card_id, actor=AGENT, now=NOW)
    assert client.get("/porte-monnaie").status_code == 401


def test_a_new_pin_closes_the_page_that_was_open(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    type_pin(client, owner.card.token, owner.card.pin)
    assert client.get("/porte-monnaie").status_code == 200
    new = transact(
        site.rt.engine,
        reset_pin,
        territory_id=TERRITORY_ID,
        card_id=owner.card.card_id,
        keyring=site.rt.keyring,
        random_bytes=random_bytes,
        actor=AGENT,
        now=NOW,
    )
    assert client.get("/porte-monnaie").status_code == 401
    assert type_pin(client, owner.card.token, new.pin).status_code == 303


def test_no_session_of_a_blocked_card_stays_behind(site: Site, owner: Holder) -> None:
    type_pin(site.app.test_client(), owner.card.token, owner.card.pin)
    transact(site.rt.engine, block_card, territory_id=TERRITORY_ID, card_id=owner.card.card_id, actor=AGENT, now=NOW)
    with reading(site.rt.engine) as db:
        assert db.scalar(text("SELECT count(*) FROM sessions WHERE subject_kind = 'holder'")) == 0


def test_the_front_page_says_how_to_read_a_card(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    assert 'href="/w/"' in client.get("/").text
    assert "Visez le carré" in client.get("/w/").text


def test_a_page_forgotten_on_a_table_closes_itself(site: Site, owner: Holder) -> None:
    client = site.app.test_client()
    type_pin(client, owner.card.token, owner.card.pin)
    site.clock.advance(minutes=11)
    assert client.get("/porte-monnaie").status_code == 401


def test_what_expired_is_not_counted_as_money(site: Site, owner: Holder) -> None:
    site.clock.now = datetime.datetime(2027, 1, 1, 8, 0, tzinfo=datetime.UTC)
    client = site.app.test_client()
    type_pin(client, owner.card.token, owner.card.pin)
    page = client.get("/porte-monnaie").text
    assert "Il n’y a pas d’argent" in page
    assert "27,50" not in page


def test_old_events_are_on_the_next_page(site: Site, owner: Holder) -> None:
    world = World(site.rt.engine, keys=100)
    for _ in range(31):
        pay(world, ask(site.rt.engine, site.rt.keyring, owner.card.token, 10, pin=owner.card.pin), 10, merchant=BAKERY)  # type: ignore[arg-type]
    client = site.app.test_client()
    type_pin(client, owner.card.token, owner.card.pin)
    first = client.get("/porte-monnaie").text
    assert "Voir plus ancien" in first
    assert "+40,00" not in first
    address = first.partition('href="/porte-monnaie?avant=')[2].partition('"')[0]
    assert "+40,00" in client.get(f"/porte-monnaie?avant={address}").text
