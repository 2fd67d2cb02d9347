"""A receipt by its code, and back to a refund; the month as a table; what was refused offline in the list."""

import pytest
from sqlalchemy import Engine

import merchants.app
import wallets.app
from merchants.charging.receipt_code import PURPOSE, receipt_code, receipt_url
from merchants.offline.charges import take_offline
from merchants.offline.signing import register_till_key
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.roles import Role
from tests.factories.market import HOST, Market, market_at
from tests.factories.merchants import admit, paired, pairing
from tests.factories.site import Site, build_site, csrf_token
from tests.factories.till_device import Device
from wallets.codes.card_token import card_url

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def site(db_engine: Engine):
    def with_shops(app):
        wallets.app.init_app(app)
        merchants.app.init_app(app)

    built = build_site(db_engine, init=with_shops)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    return market_at(site)


def till_of(site: Site, market: Market, merchant=None):
    _, code = pairing(market.world, merchant or market.merchant, label="Caisse 2")
    client = site.app.test_client()
    assert client.post(f"/caisse/appairer/{code}").status_code == 303
    return client


def ask(client, text: str):
    token = csrf_token(client, "/caisse")
    return client.post("/caisse/rembourser", data={"csrf_token": token, "receipt": text})


def code_of(site: Site, number: int) -> str:
    return receipt_code(secret=site.rt.keyring.derive(PURPOSE), territory_id=1, entry_id=number)


def test_a_receipt_is_read_by_its_code_and_tells_nothing_of_the_card(site: Site, market: Market):
    number = market.charge(1_250).entry_id
    code = code_of(site, number)
    anybody = site.app.test_client()
    page = anybody.get(f"/R/{code}")
    assert page.status_code == 200
    assert "12,50" in page.text
    assert market.merchant.name in page.text
    assert "87,50" not in page.text
    assert "utilisables" not in page.text
    assert anybody.get(f"/R/{code[:-1]}{'0' if code[-1] != '0' else '1'}").status_code == 404
    assert anybody.get(f"/caisse/encaissements/{number}").status_code == 401


def test_a_charge_is_refunded_weeks_later_by_its_receipt_and_only_by_its_shop(site: Site, market: Market):
    number = market.charge(1_250).entry_id
    url = receipt_url(code_of(site, number), host=HOST)
    client = till_of(site, market)
    stranger = till_of(site, market, admit(market.world, 2))
    site.clock.advance(days=40)
    answer = ask(client, url)
    assert (answer.status_code, answer.location) == (303, f"/caisse/rembourser/{number}")
    assert 'value="12,50"' in client.get(answer.location).text
    assert ask(client, str(number)).status_code == 303
    assert ask(client, "nonsense").status_code == 404
    assert ask(stranger, url).status_code == 404
    assert stranger.get(f"/caisse/encaissements/{number}").status_code == 404
    assert 'value=""' in stranger.get(f"/caisse/rembourser/{number}").text


def test_the_month_is_a_table_for_a_spreadsheet(site: Site, market: Market):
    market.charge(1_250)
    table = till_of(site, market).get("/caisse/mois/2026-10.csv")
    assert table.content_type == "text/csv; charset=utf-8"
    head, line, rest = table.data.decode("utf-8-sig").split("\r\n")
    assert head == "Date;Heure;Opération;Écriture;Montant en euros"
    assert line.startswith("05/10/2026;")
    assert line.endswith(";12,50")
    assert rest == ""


def test_what_was_taken_offline_and_not_paid_stands_in_the_list_of_the_day(site: Site, market: Market):
    rt = site.rt
    till = paired(market.world, market.merchant, label="Comptoir")
    device = Device(till)
    transact(rt.engine, register_till_key, territory_id=1, till=till, public_key=device.public_key, now=market.now)
    card = card_url(host=HOST, token=market.card.token)
    parts = {"engine": rt.engine, "keyring": rt.keyring, "writer": rt.writer, "territory_id": 1, "host": HOST}
    take_offline(**parts, till=till, signed=device.sign(card, 2_001, at=market.now), now=market.now)
    office = site.client_of(Role.PROGRAMME_MANAGER).get(f"/bureau/commercants/{market.merchant.id}").text
    assert "plafond hors connexion de 20,00" in office
    page = till_of(site, market).get("/caisse/journee").text
    assert "non payés" in page
    assert "20,01" in page
    assert "plafond hors connexion de 20,00" in page
