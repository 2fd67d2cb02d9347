"""The same by JSON: a program is paired as a till, charges, refunds, asks; the office admits and pays."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from tests.factories.market import HOST, Market, market_at
from tests.factories.merchants import iban, pairing, siret
from tests.factories.site import Site, build_site
from wallets.codes.card_token import card_url

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    return market_at(site)


class Program:
    """A program with a key, and a fresh idempotency key for each write unless it says otherwise."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"}
        self.count = 0

    def send(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None, method: str = "POST"):
        self.count += 1
        headers = self.headers | {"Idempotency-Key": key or f"p{self.count}"}
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    def get(self, path: str) -> TestResponse:
        return self.client.get(f"/api/v1{path}", headers=self.headers)


@pytest.fixture
def till(site: Site, market: Market) -> Program:
    """Pair a program by the till's code, as its maker would."""
    _, code = pairing(market.world, market.merchant, label="Automate")
    client = site.app.test_client()
    answer = client.post("/api/v1/tills/pair", json={"code": code}, headers={"Idempotency-Key": "pair"})
    assert answer.status_code == 201, answer.text
    spent = client.post("/api/v1/tills/pair", json={"code": code}, headers={"Idempotency-Key": "pair"})
    assert (spent.status_code, spent.json["code"]) == (410, "pairing_code_spent")
    return Program(client, answer.json["api_key"])


def staff(site: Site, *roles: Role) -> Program:
    person = site.staff(*roles)
    key = transact(
        site.rt.engine,
        issue_api_key,
        territory_id=1,
        kind=SubjectKind.STAFF,
        subject_id=person.staff_id,
        label="test",
        actor="job:test",
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )
    return Program(site.app.test_client(), key)


def body_of(market: Market, amount_cents: object, **more: object) -> dict[str, Any]:
    return {"card": card_url(host=HOST, token=market.card.token), "amount_cents": amount_cents, **more}


def test_a_charge_a_retry_and_what_became_of_the_key(market: Market, till: Program):
    assert till.get("/charges/by-key/a%2Fb").status_code == 404
    first = till.send("/charges", body_of(market, 1_250), key="a/b")
    assert (first.status_code, first.json["remaining_cents"]) == (201, 8_750)
    again = till.send("/charges", body_of(market, 1_250), key="a/b")
    assert (again.json["number"], again.json["replayed"]) == (first.json["number"], True)
    assert again.headers["Idempotent-Replay"] == "true"
    assert till.get("/charges/by-key/a%2Fb").json["number"] == first.json["number"]
    other = till.send("/charges", body_of(market, 1_251), key="a/b")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert market.owed() == 1_250
    listed = till.get("/charges").json
    assert (listed["total_cents"], [line["refundable_cents"] for line in listed["movements"]]) == (1_250, [1_250])


@pytest.mark.parametrize("amount", [0, -1, 12.5, 100.0, True, "100", None, 2**53])
def test_what_is_not_an_amount_is_a_problem(market: Market, till: Program, amount: object):
    answer = till.send("/charges", body_of(market, amount))
    assert answer.status_code == 422
    assert answer.json["code"] in {"body_invalid", "amount_not_positive", "amount_too_large"}
    assert market.owed() == 0


def test_a_write_without_a_key_of_its_own_is_refused(market: Market, till: Program):
    answer = till.client.post("/api/v1/charges", json=body_of(market, 100), headers=till.headers)
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_missing")


def test_a_problem_says_what_is_left(market: Market, till: Program):
    answer = till.send("/charges", body_of(market, 20_000, pin=market.card.pin))
    assert (answer.status_code, answer.json["code"]) == (409, "insufficient_funds")
    assert answer.json["details"]["available_cents"] == 10_000
    assert answer.content_type == "application/problem+json"


def test_nobody_dates_a_charge_back(market: Market, till: Program):
    dated = till.send("/charges", body_of(market, 100, happened_at="2026-10-03T09:00:00+02:00"))
    assert (dated.status_code, dated.json["code"]) == (422, "body_invalid")
    assert market.owed() == 0


def test_a_doubt_ends_as_paid_or_as_never(market: Market, till: Program):
    till.send("/charges", body_of(market, 1_250), key="k1")
    paid = till.send("/charges/resolve", key="k1").json
    assert (paid["state"], paid["receipt"]["amount_cents"]) == ("paid", 1_250)
    assert till.send("/charges/resolve", key="k2").json == {"state": "not_paid", "receipt": None}
    late = till.send("/charges", body_of(market, 100), key="k2")
    assert (late.status_code, late.json["code"]) == (410, "charge_abandoned")
    assert market.owed() == 1_250


def test_what_is_left_is_told_before_any_payment_and_by_a_typed_number_only_with_the_pin(market: Market, till: Program):
    card = body_of(market, 0)["card"]
    assert till.send("/cards/remaining", {"card": card}).json == {"available_cents": 10_000}
    assert till.send("/cards/remaining", {"card": market.card.number}).json["code"] == "pin_required"
    assert till.send("/cards/remaining", {"card": market.card.number, "pin": market.card.pin}).status_code == 200
    assert market.owed() == 0


def test_a_refund_and_one_too_many(market: Market, till: Program):
    number = till.send("/charges", body_of(market, 1_000)).json["number"]
    part = till.send(f"/charges/{number}/refunds", {"amount_cents": 300})
    assert (part.status_code, part.json["kind"], part.json["remaining_cents"]) == (201, "refund", 700)
    rest = till.send(f"/charges/{number}/refunds", {})
    assert rest.json["amount_cents"] == 700
    more = till.send(f"/charges/{number}/refunds", {"amount_cents": 1})
    assert (more.status_code, more.json["code"]) == (409, "refund_exceeds_charge")
    assert till.send("/charges/99999/refunds", {}).json["code"] == "charge_unknown"


def test_a_request_is_paid_once_and_only_by_one_card(site: Site, market: Market, till: Program):
    asked = till.send("/payment-requests", {"amount_cents": 840})
    assert asked.status_code == 201
    code = asked.json["url"].rpartition("/")[2]
    holder = {"code": code, "card": market.card.number, "pin": market.card.pin}
    phone = site.app.test_client()
    paid = phone.post("/api/v1/payment-requests/confirm", json=holder, headers={"Idempotency-Key": "1"})
    assert (paid.status_code, paid.json["amount_cents"]) == (201, 840)
    again = phone.post("/api/v1/payment-requests/confirm", json=holder, headers={"Idempotency-Key": "2"})
    assert again.json["number"] == paid.json["number"]
    state = till.get(f"/payment-requests/{asked.json['id']}").json
    assert (state["state"], state["entry_number"], state["url"]) == ("paid", paid.json["number"], None)
    gone = till.send(f"/payment-requests/{asked.json['id']}/cancel")
    assert (gone.status_code, gone.json["code"]) == (410, "payment_request_used")
    assert market.owed() == 840


def test_a_shop_pays_a_shop(site: Site, market: Market, till: Program):
    market.charge(1_000)
    manager = staff(site, Role.PROGRAMME_MANAGER)
    other = manager.send(
        "/merchants",
        {
            "name": "Garage du Port",
            "siret": siret(9),
            "category": "transport",
            "iban": iban(9),
            "address": {"postcode": "64100", "town": "Ville-Exemple"},
        },
    )
    assert other.status_code == 201
    assert other.json["iban_end"] == iban(9)[-4:]
    paid = till.send("/merchant-payments", {"to": other.json["code"], "amount_cents": 400})
    assert (paid.status_code, paid.json["remaining_cents"]) == (201, 600)
    assert till.send("/merchant-payments", {"to": other.json["code"], "amount_cents": 601}).status_code == 409
    own = till.send("/merchant-payments", {"to": market.merchant.code, "amount_cents": 1})
    assert own.json["code"] == "payment_to_itself"
    assert till.send("/merchant-payments", {"to": "C9999", "amount_cents": 1}).json["code"] == "merchant_unknown"


def test_the_office_admits_opens_tills_and_takes_them_away(site: Site, market: Market, till: Program):
    manager = staff(site, Role.PROGRAMME_MANAGER)
    assert manager.get("/merchants?limit=1").json["next_cursor"] is None
    changed = manager.send("/merchants/1/iban", {"iban": iban(77)}, method="PUT")
    assert changed.json["iban_end"] == iban(77)[-4:]
    opened = manager.send("/merchants/1/tills", {"label": "Deux"})
    assert opened.json["is_paired"] is False
    drawn = manager.send(f"/tills/{opened.json['id']}/pairing-codes")
    assert drawn.json["url"].endswith(drawn.json["code"])
    assert manager.send("/merchants/1/suspend", {"reason": "fermeture"}).json["is_active"] is False
    assert till.send("/charges", body_of(market, 100)).json["code"] == "merchant_suspended"
    assert manager.send("/merchants/1/resume").json["is_active"] is True
    assert till.send("/charges", body_of(market, 100)).status_code == 201
    assert manager.send("/tills/2/unpair").status_code == 200
    assert till.send("/charges", body_of(market, 100)).status_code == 401


def test_a_payout_by_two_programs(site: Site, market: Market):
    market.charge(3_000)
    maker, checker = staff(site, Role.ACCOUNTANT, Role.APPROVER), staff(site, Role.APPROVER)
    words = {"label": "Octobre", "cutoff_on": "2026-10-05", "execution_on": "2026-10-06"}
    payout = maker.send("/payouts", words)
    assert (payout.status_code, payout.json["total_cents"]) == (201, 3_000)
    own = maker.send(f"/payouts/{payout.json['id']}/approve")
    assert (own.status_code, own.json["code"]) == (403, "payout_same_person")
    approved = checker.send(f"/payouts/{payout.json['id']}/approve")
    assert (approved.json["state"], approved.json["lines"][0]["state"]) == ("approved", "ordered")
    assert maker.send(f"/payouts/{payout.json['id']}/sent").json["state"] == "sent"
    assert maker.get("/payouts").json["payouts"][0]["state"] == "sent"
    assert maker.send(f"/payouts/{payout.json['id']}/cancel").json["code"] == "payout_state_wrong"


def test_a_till_may_not_do_the_office_s_work_nor_the_office_the_till_s(site: Site, market: Market, till: Program):
    assert (
        till.send("/payouts", {"label": "x", "cutoff_on": "2026-10-05", "execution_on": "2026-10-06"}).status_code
        == 403
    )
    assert till.get("/merchants").status_code == 403
    assert staff(site, Role.PROGRAMME_MANAGER).send("/charges", body_of(market, 100)).status_code == 403
