"""Cashiers and offline limits on the pages, without script: the office adds, the till asks, the lists show who."""

import csv
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from tests.factories.market import HOST, Market, market_at
from tests.factories.merchants import MANAGER, NOW, chance, pairing
from tests.factories.site import Site, build_site, csrf_token
from wallets.codes.card_token import card_url

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
KEY = re.compile(r'name="key" value="([^"]*)"')
OFFICE = "/bureau/commercants"


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    return market_at(site)


@pytest.fixture
def till(site: Site, market: Market) -> FlaskClient:
    """Give the browser of a till of the shop."""
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    assert client.post(f"/caisse/appairer/{code}").status_code == 303
    return client


def post(client: FlaskClient, path: str, token_of: str, **fields: str):
    return client.post(path, data=fields | {"csrf_token": csrf_token(client, token_of)})


def test_from_the_office_to_the_list_of_the_day(site: Site, market: Market, till: FlaskClient):
    desk = site.client_of(Role.AGENT)
    people = f"{OFFICE}/1/caissiers"
    assert "ne demande rien" in desk.get(people).text
    assert post(desk, people, people, name="Léa", code="1111").status_code == 422
    assert post(desk, people, people, name="Léa", code="4821").status_code == 303
    assert post(desk, people, people, name="léa", code="4821").status_code == 409
    assert "Léa" in desk.get(people).text

    assert till.get("/caisse").location == "/caisse/qui"
    card = {"amount": "5", "card": card_url(host=HOST, token=market.card.token)}
    # A form that was open before there were cashiers pays nothing.
    assert post(till, "/caisse", "/caisse/qui", key="k1", **card).location == "/caisse/qui"
    assert market.owed() == 0
    assert post(till, "/caisse/qui", "/caisse/qui", cashier="1", code="7390").status_code == 403
    assert post(till, "/caisse/qui", "/caisse/qui", cashier="1", code="4821").status_code == 303
    assert "Caisse tenue par <strong>Léa</strong>" in till.get("/caisse").text
    assert post(till, "/caisse", "/caisse", key="k1", **card).status_code == 303
    assert "Léa" in till.get("/caisse/journee").text
    table = till.get("/caisse/mois/2026-10.csv").get_data(as_text=True)
    assert "Caisse tenue par" in table
    assert "5,00;Léa" in table

    assert post(desk, f"{people}/1/retirer", people).status_code == 303
    assert "Léa" not in desk.get(people).text
    assert "5,00;caissier n° 1" in till.get("/caisse/mois/2026-10.csv").get_data(as_text=True)
    assert till.get("/caisse").status_code == 200  # nobody is left to be asked for


def test_a_cashier_named_as_a_formula_is_text_in_the_table(site: Site, market: Market, till: FlaskClient):
    desk, people = site.client_of(Role.AGENT), f"{OFFICE}/1/caissiers"
    assert post(desk, people, people, name='=HYPERLINK("http://x";1)', code="4821").status_code == 303
    assert post(till, "/caisse/qui", "/caisse/qui", cashier="1", code="4821").status_code == 303
    card = {"amount": "5", "card": card_url(host=HOST, token=market.card.token)}
    assert post(till, "/caisse", "/caisse", key="k1", **card).status_code == 303
    rows = list(csv.reader(till.get("/caisse/mois/2026-10.csv").get_data(as_text=True).splitlines(), delimiter=";"))
    assert rows[1][-1] == '\'=HYPERLINK("http://x";1)'


def test_a_shop_without_cashiers_sees_nothing_of_it(market: Market, till: FlaskClient):
    card = {"amount": "5", "card": card_url(host=HOST, token=market.card.token)}
    assert post(till, "/caisse", "/caisse", key="k1", **card).status_code == 303
    assert till.get("/caisse/qui").location == "/caisse"
    assert "Caisse tenue par" not in till.get("/caisse/mois/2026-10.csv").get_data(as_text=True)
    assert 'id="till-shift" class="till-shift" hidden' in till.get("/caisse").text


def test_a_program_at_the_till_takes_it_by_json(site: Site, market: Market):
    desk = site.client_of(Role.AGENT)
    post(desk, f"{OFFICE}/1/caissiers", f"{OFFICE}/1/caissiers", name="Léa", code="4821")
    key = transact(
        site.rt.engine, issue_api_key, territory_id=1, kind=SubjectKind.TILL, subject_id=market.till.id,
        label="test", actor=MANAGER, now=NOW, random_bytes=chance("key"),
    )  # fmt: skip
    client, headers = site.app.test_client(), {"Authorization": f"Bearer {key}"}

    def send(path: str, body: dict[str, object], once: str):
        return client.post(f"/api/v1{path}", json=body, headers=headers | {"Idempotency-Key": once})

    payment = {"card": card_url(host=HOST, token=market.card.token), "amount_cents": 500}
    assert send("/charges", payment, "c1").json["code"] == "cashier_required"
    state = client.get("/api/v1/tills/own-state", headers=headers).json
    assert (state["asks_cashier"], state["cashier"], state["offline_caps"]["payment_cents"]) == (True, None, 2_000)
    assert send("/tills/own-cashier", {"cashier_id": 1, "code": "0000"}, "t1").json["code"] == "cashier_code_wrong"
    assert send("/tills/own-cashier", {"cashier_id": 1, "code": "4821"}, "t2").json["cashier"]["name"] == "Léa"
    assert send("/charges", payment, "c1").status_code == 201
    (line,) = client.get("/api/v1/charges", headers=headers).json["movements"]
    assert line["cashier"] == "Léa"


def test_the_page_that_a_device_keeps_pays_nothing_without_its_script(market: Market, till: FlaskClient):
    kept = till.get("/caisse?coquille=1").text
    assert KEY.search(kept)[1] == ""
    card = {"amount": "5", "card": card_url(host=HOST, token=market.card.token), "key": ""}
    answers = [post(till, "/caisse", "/caisse", **card) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert market.owed() == 0
    assert 'value="5"' in answers[0].text
    key = KEY.search(answers[0].text)[1]
    for _ in range(2):
        assert post(till, "/caisse", "/caisse", **(card | {"key": key})).status_code == 303
    assert market.owed() == 500


def test_the_manager_alone_decides_what_is_taken_offline(site: Site, market: Market, till: FlaskClient):
    page = f"{OFFICE}/hors-connexion"
    assert site.client_of(Role.AGENT).get(page).status_code == 403
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    assert 'value="20,00"' in manager.get(page).text
    assert post(manager, page, page, payment="50,01", card_day="60", till="70").status_code == 422
    assert post(manager, page, page, payment="10", card_day="15", till="100").status_code == 303
    assert 'value="10,00"' in manager.get(page).text
    assert '"payment": 1000' in till.get("/caisse").text
