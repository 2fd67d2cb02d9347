"""The till and the back office, as a browser without script sees them."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

import merchants.app
import wallets.app
from monnaie_locale.identity.roles import Role
from tests.factories.market import HOST, Market, market_at
from tests.factories.merchants import iban, pairing, siret
from tests.factories.site import Site, build_site, csrf_token
from wallets.codes.card_token import card_url

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
KEY = re.compile(r'name="key" value="([^"]+)"')


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


def till_of(site: Site, market: Market) -> FlaskClient:
    """Return the browser of a device that scanned a pairing code."""
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    assert "Appairer cet appareil" in client.get(f"/CAISSE/APPAIRER/{code}").text
    assert client.post(f"/caisse/appairer/{code}").status_code == 303
    return client


def send(client: FlaskClient, path: str, **fields: str):
    page = client.get("/caisse").text
    values = {"csrf_token": csrf_token(client, "/caisse"), "key": KEY.search(page)[1]}
    return client.post(path, data=values | fields)


def test_a_device_is_paired_by_pressing_the_button_and_not_by_looking(site: Site, market: Market):
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    for _ in range(3):
        assert client.get(f"/caisse/appairer/{code}").status_code == 200
    assert client.get("/caisse").status_code == 401
    assert client.post(f"/caisse/appairer/{code}").status_code == 303
    assert "Caisse 2" in client.get("/caisse").text
    assert site.app.test_client().post(f"/caisse/appairer/{code}").status_code == 410


def test_a_pairing_code_lives_a_quarter_of_an_hour(site: Site, market: Market):
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    site.clock.advance(minutes=15)
    assert site.app.test_client().post(f"/caisse/appairer/{code}").status_code == 410


def test_the_page_that_a_device_keeps_says_no_word_of_the_day(site: Site, market: Market):
    client = till_of(site, market)
    word = re.compile("Mot du jour : <strong>[^<]+<")
    assert word.search(client.get("/caisse").text)  # the control: a page that has just come says it
    kept = client.get("/caisse?coquille=1").text
    assert "Mot du jour" in kept
    assert not word.search(kept)


def test_a_receipt_of_an_absurd_number_is_unknown_and_no_fault(site: Site, market: Market):
    client = till_of(site, market)
    for number in ("9" * 19, "9" * 290):
        assert send(client, "/caisse/rembourser", receipt=number).status_code == 404
    receipt = market.charge(1_000)
    assert send(client, "/caisse/rembourser", receipt=str(receipt.entry_id)).status_code == 303


def test_a_typed_payment_is_paid_and_shown(site: Site, market: Market):
    client = till_of(site, market)
    answer = send(client, "/caisse", amount="12,50", card=market.card.number, pin=market.card.pin)
    assert answer.status_code == 303
    receipt = client.get(answer.location).text
    assert "Payé" in receipt
    assert "12,50" in receipt
    assert "87,50" in receipt
    assert market.owed() == 1_250


def test_sending_the_same_form_twice_pays_once(site: Site, market: Market):
    client = till_of(site, market)
    fields = {
        "csrf_token": csrf_token(client, "/caisse"),
        "key": "k-1",
        "amount": "5",
        "card": card_url(host=HOST, token=market.card.token),
    }
    first, second = (client.post("/caisse", data=fields) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert market.owed() == 500


def test_a_refusal_keeps_the_amount_and_asks_for_the_pin(site: Site, market: Market):
    client = till_of(site, market)
    answer = send(client, "/caisse", amount="60", card=card_url(host=HOST, token=market.card.token))
    assert answer.status_code == 403
    assert "pin_required" in answer.text
    assert 'value="60"' in answer.text
    assert market.owed() == 0


def test_too_little_offers_what_there_is(site: Site, market: Market):
    client = till_of(site, market)
    fields = {"amount": "150", "card": card_url(host=HOST, token=market.card.token), "pin": market.card.pin}
    answer = send(client, "/caisse", **fields)
    assert answer.status_code == 409
    assert "Encaisser seulement" in answer.text
    assert "100,00" in answer.text
    assert send(client, "/caisse", **fields, partial="1").status_code == 303
    assert market.purse() == 0


def test_the_list_of_the_day_refunds(site: Site, market: Market):
    client = till_of(site, market)
    receipt = market.charge(1_000)
    page = client.get("/caisse/journee").text
    assert "10,00" in page
    assert f"/caisse/rembourser/{receipt.entry_id}" in page
    form = client.get(f"/caisse/rembourser/{receipt.entry_id}").text
    assert 'value="10,00"' in form
    answer = send(client, f"/caisse/rembourser/{receipt.entry_id}", amount="4")
    assert answer.status_code == 303
    assert "Remboursé" in client.get(answer.location).text
    assert market.owed() == 600
    assert send(client, f"/caisse/rembourser/{receipt.entry_id}", amount="7").status_code == 409
    assert client.get("/caisse/mois/2026-10").status_code == 200
    assert client.get("/caisse/mois/rubbish").status_code == 303


def test_the_other_way_round_the_holder_confirms_on_the_phone(site: Site, market: Market):
    till, phone = till_of(site, market), site.app.test_client()
    shown = send(till, "/caisse/demandes", amount="8,40")
    code = shown.location.rpartition("/")[2]
    assert "<svg" in till.get(shown.location).text
    state = till.get(f"{shown.location}/etat")
    assert state.json == {"state": "waiting", "number": None}
    assert till.get(f"{shown.location}/etat", headers={"If-None-Match": state.headers["ETag"]}).status_code == 304

    page = phone.get(f"/P/{code}").text
    assert "Boulangerie Exemple 1" in page
    assert "8,40" in page
    assert market.owed() == 0, "looking pays nothing"
    wrong = phone.post(f"/P/{code}", data={"card": market.card.number, "pin": "1379"})
    assert wrong.status_code == 403
    paid = phone.post(f"/P/{code}", data={"card": market.card.number, "pin": market.card.pin})
    assert "Payé" in paid.text
    again = phone.post(f"/P/{code}", data={"card": market.card.number, "pin": market.card.pin})
    assert again.status_code == 200
    assert market.owed() == 840
    assert till.get(f"{shown.location}/etat").json["state"] == "paid"
    assert "Payé" in till.get(shown.location).text


def test_a_request_expires_and_can_be_withdrawn(site: Site, market: Market):
    till, phone = till_of(site, market), site.app.test_client()
    pay = {"card": market.card.number, "pin": market.card.pin}
    withdrawn = send(till, "/caisse/demandes", amount="8").location
    assert send(till, f"{withdrawn}/annuler").status_code == 303
    assert phone.post(f"/P/{withdrawn.rpartition('/')[2]}", data=pay).status_code == 410
    late = send(till, "/caisse/demandes", amount="8").location
    site.clock.advance(minutes=5)
    assert phone.post(f"/P/{late.rpartition('/')[2]}", data=pay).status_code == 410
    assert phone.get("/P/UNKNOWN").status_code == 404
    assert market.owed() == 0


def test_a_shop_is_admitted_paired_and_suspended_from_the_office(site: Site, market: Market):
    office = site.client_of(Role.PROGRAMME_MANAGER)
    token = {"csrf_token": csrf_token(office, "/bureau/commercants/admettre")}
    fields = {
        "name": "Épicerie du Port",
        "siret": siret(50),
        "category": "food",
        "iban": iban(50),
        "postcode": "64100",
        "town": "Ville-Exemple",
    }
    wrong = office.post("/bureau/commercants/admettre", data=token | fields | {"iban": "FR00"})
    assert wrong.status_code == 422
    assert "IBAN" in wrong.text
    done = office.post("/bureau/commercants/admettre", data=token | fields)
    assert done.status_code == 303
    page = office.get(done.location).text
    assert "Épicerie du Port" in page
    assert iban(50) not in page, "an account is shown by its ends only"
    paired_page = office.post(f"{done.location}/caisses", data=token | {"label": "Caisse"})
    assert "<svg" in paired_page.text
    assert office.post(f"{done.location}/suspendre", data=token | {"reason": "x"}).status_code == 303
    assert "suspendu" in office.get("/bureau/commercants").text


def test_a_payout_goes_through_two_browsers(site: Site, market: Market):
    market.charge(3_000)
    maker, checker = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    form = {
        "csrf_token": csrf_token(maker, "/bureau/virements/preparer"),
        "label": "Octobre",
        "cutoff": "2026-10-05",
        "execution": "2026-10-06",
    }
    prepared = maker.post("/bureau/virements/preparer", data=form)
    assert prepared.status_code == 303
    assert maker.post(f"{prepared.location}/approuver", data=form).status_code == 403
    token = {"csrf_token": csrf_token(checker, prepared.location)}
    assert checker.post(f"{prepared.location}/approuver", data=token).status_code == 303
    assert "ordonné" in checker.get(prepared.location).text
    assert market.owed() == 0
