"""The guarantee on the screens and over JSON: two people fund it, the till and the office read what it paid."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from tests.factories.guarantee import code_of, device_of, guarantee_cents, guaranteed
from tests.factories.market import Market, market_at
from tests.factories.merchants import pairing
from tests.factories.site import Site, build_site, csrf_token
from tests.factories.till_device import Device

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
PAGE = "/bureau/dispositifs/1/garantie"


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    return market_at(site, cents=1_000)


def post(client: FlaskClient, path: str, **fields: str):
    return client.post(path, data={"csrf_token": csrf_token(client, PAGE), **fields}, follow_redirects=True)


def program(site: Site, *roles: Role) -> dict[str, str]:
    """Return the headers of a program that works as somebody of these roles."""
    key = transact(
        site.rt.engine, issue_api_key, territory_id=1, kind=SubjectKind.STAFF, label="test", actor="job:test",
        subject_id=site.staff(*roles).staff_id, now=site.clock(), random_bytes=site.rt.random_bytes,
    )  # fmt: skip
    return {"Authorization": f"Bearer {key}"}


def taken_offline(site: Site, market: Market, cents: int):
    """Return the till's browser, once it has sent what it took, and the answer."""
    till, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    key = client.post("/api/v1/tills/pair", json={"code": code}, headers={"Idempotency-Key": "pair"}).json["api_key"]
    market.till = till
    device: Device = device_of(market)
    signed = device.sign(code_of(market.card), cents, at=site.clock())
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": signed.idempotency_key}
    return client.post("/api/v1/offline-charges", json=device.body(signed), headers=headers).json


def test_on_the_screen_the_manager_prepares_and_another_person_approves(site: Site, market: Market) -> None:
    manager, approver = site.client_of(Role.PROGRAMME_MANAGER), site.client_of(Role.APPROVER)
    both = site.client_of(Role.PROGRAMME_MANAGER, Role.APPROVER)
    assert "La garantie n’a rien payé" in manager.get(PAGE).text
    assert f'href="{PAGE}"' in manager.get("/bureau/dispositifs/1").text
    assert post(manager, PAGE, kind="fund", amount="").status_code == 422
    assert "Montant trop élevé" in post(manager, PAGE, kind="fund", amount="99999").text
    assert "Une autre personne doit le valider" in post(manager, PAGE, kind="fund", amount="25,00").text
    assert guarantee_cents(market.engine) == 0
    assert "Garantie hors connexion, 25,00" in approver.get("/bureau").text
    assert post(manager, f"{PAGE}/1/valider").status_code == 403
    post(both, PAGE, kind="fund", amount="10,00")
    assert "Préparé par vous" in both.get(PAGE).text
    assert "une autre personne doit la valider" in post(both, f"{PAGE}/2/valider").text
    assert "C’est fait." in post(approver, f"{PAGE}/1/valider").text
    assert "C’est annulé." in post(manager, f"{PAGE}/2/annuler").text
    assert guarantee_cents(market.engine) == 2_500
    assert "25,00" in site.client_of(Role.AUDITOR).get("/bureau/dispositifs/1").text


def test_the_till_and_the_office_read_what_the_guarantee_paid_and_where(site: Site, market: Market) -> None:
    guaranteed(market.engine, 5_000)
    answer = taken_offline(site, market, 1_600)
    assert (answer["state"], answer["receipt"]["guaranteed_cents"], answer["receipt"]["remaining_cents"]) == (
        "paid",
        600,
        0,
    )
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    page = manager.get(PAGE).text
    assert market.merchant.name in page
    assert "6,00" in page
    assert "payés par la garantie hors connexion" in manager.get(f"/bureau/commercants/{market.merchant.id}").text


def test_over_json_two_callers_move_it_and_everybody_of_the_office_reads_it(site: Site, market: Market) -> None:
    client = site.app.test_client()
    manager, approver = program(site, Role.PROGRAMME_MANAGER), program(site, Role.APPROVER)
    both = program(site, Role.PROGRAMME_MANAGER, Role.APPROVER)
    count = iter(range(99))

    def send(path: str, who: dict[str, str], **body: object):
        headers = who | {"Idempotency-Key": f"g{next(count)}"}
        answer = client.post(f"/api/v1{path}", json=body or None, headers=headers)
        return answer.status_code, answer.json

    status, move = send("/programmes/1/guarantee-moves", both, kind="fund", amount_cents=3_000)
    assert (status, move["state"]) == (201, "prepared")
    assert send("/guarantee-moves/1/approve", both)[1]["code"] == "maker_is_checker"
    assert send("/guarantee-moves/1/approve", manager)[0] == 403
    assert send("/guarantee-moves/1/approve", approver)[1]["state"] == "posted"
    assert send("/guarantee-moves/1/cancel", manager)[1]["code"] == "guarantee_move_ended"
    assert send("/guarantee-moves/9/cancel", manager)[1]["code"] == "guarantee_move_unknown"
    assert send("/programmes/1/guarantee-moves", manager, kind="return", amount_cents=3_001)[0] == 409
    taken_offline(site, market, 1_200)
    told = client.get("/api/v1/programmes/1/guarantee", headers=approver).json
    assert (told["held_cents"], [each["kind"] for each in told["moves"]]) == (2_800, ["fund"])
    assert told["paid"] == [{"month": "2026-10", "merchant_id": 1, "paid_cents": 200, "charge_count": 1}]
    assert client.get("/api/v1/programmes/7/guarantee", headers=approver).json["code"] == "programme_unknown"
