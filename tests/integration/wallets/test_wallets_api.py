"""Households, cards, programmes and distributions over JSON; secrets are given once and never stored."""

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import api_keys
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.programmes import app as programmes_app
from monnaie_locale.programmes.operations.funding import receive_funding
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site
from wallets import app as wallets_app

TERMS = {
    "name": "Aide alimentaire",
    "legal_basis": "convention",
    "decision_reference": "DEL-17",
    "decided_on": "2026-09-01",
    "budget_cents": 100_000,
    "categories": ["food", "hygiene"],
}


def with_everything(app: Flask) -> None:
    programmes_app.init_app(app)
    wallets_app.init_app(app)


class Caller:
    """A program with a key of its own."""

    def __init__(self, site: Site, *roles: Role) -> None:
        self.client = site.app.test_client()
        self.key = transact(
            site.rt.engine,
            api_keys.issue_api_key,
            territory_id=TERRITORY_ID,
            kind=SubjectKind.STAFF,
            subject_id=site.staff(*roles).staff_id,
            label="test",
            actor="job:test",
            now=site.clock(),
            random_bytes=site.rt.random_bytes,
        )
        self.count = 0

    def get(self, path: str):
        return self.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {self.key}"})

    def post(self, path: str, body: object = None, *, key: str | None = None, method: str = "POST"):
        self.count += 1
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or f"k{self.count}"}
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=with_everything)


def test_from_a_household_to_money_on_its_card(site: Site) -> None:
    agent, manager, approver = (
        Caller(site, Role.AGENT),
        Caller(site, Role.PROGRAMME_MANAGER),
        Caller(site, Role.APPROVER),
    )
    enrolled = agent.post("/households", {"reference": "D-1", "alias": "Famille Exemple"})
    assert enrolled.status_code == 201, enrolled.text
    assert enrolled.json == {"household_id": 1, "wallet_id": 1}
    assert agent.post("/households/csv", {"csv": "reference\nD-2\n"}).json == {"wallet_ids": [2]}
    assert agent.get("/households/1").json["alias"] == "Famille Exemple"
    assert [row["household_id"] for row in agent.get("/households?limit=1").json["households"]] == [1]

    programme = manager.post("/programmes", TERMS)
    assert programme.status_code == 201, programme.text
    order = manager.post("/programmes/1/funding-orders", {"amount_cents": 5_000}).json
    transact(
        site.rt.engine,
        receive_funding,
        territory_id=TERRITORY_ID,
        funding_order_id=order["funding_order_id"],
        bank_reference="B1",
        booked_on=site.clock().date(),
        now=site.clock(),
    )
    assert manager.get("/programmes").json["programmes"][0]["funds_cents"] == 5_000
    lines = [{"wallet_id": 1, "amount_cents": 3_000}, {"wallet_id": 2, "amount_cents": 2_000}]
    batch = {"label": "Octobre", "expires_on": "2026-12-31", "lines": lines}
    assert manager.post("/programmes/1/distributions", batch).status_code == 201
    assert manager.post("/distributions/1/approve").status_code == 403
    assert approver.post("/distributions/1/approve").json["state"] == "approved"
    assert approver.post("/distributions/1/post").json["state"] == "posted"
    assert approver.post("/distributions/1/post").json["posted_through_line"] == 2
    page = manager.get("/distributions/1/lines?limit=1").json
    assert page["lines"] == [{"line_no": 1, "wallet_id": 1, "amount_cents": 3_000}]
    rest = manager.get(f"/distributions/1/lines?limit=1&cursor={page['next_cursor']}").json
    assert (rest["lines"][0]["line_no"], rest["next_cursor"]) == (2, None)

    wallet = agent.get("/wallets/1").json
    assert wallet["purses"] == [
        {"programme_id": 1, "programme_name": "Aide alimentaire", "expires_on": "2026-12-31", "balance_cents": 3_000}
    ]
    (event,) = agent.get("/wallets/1/history").json["events"]
    assert (event["label"], event["amount_cents"]) == ("Aide reçue", 3_000)


def test_the_secrets_of_a_card_are_given_once_and_never_stored(site: Site) -> None:
    agent = Caller(site, Role.AGENT)
    agent.post("/households", {"reference": "D-1"})
    issued = agent.post("/wallets/1/cards", key="once")
    assert issued.status_code == 201
    assert issued.json["url"].startswith("HTTPS://MONNAIE.VILLE-EXEMPLE.FR/W/")
    again = agent.post("/wallets/1/cards", key="once")
    assert (again.status_code, again.json["code"]) == (409, "wallet_has_card")
    pin = agent.post("/cards/1/pin").json
    new = agent.post("/cards/1/replace").json
    assert agent.post("/cards/2/block", {"reason": "stolen"}).json["state"] == "blocked"
    assert "pin" not in agent.get("/wallets/1").text
    with reading(site.rt.engine) as db:
        stored = " ".join(str(row) for row in db.execute(text("SELECT body FROM idempotency_keys")))
    for token in (issued.json["url"].rpartition("/")[2], new["url"].rpartition("/")[2]):
        assert token not in stored
    for secret in (issued.json["pin"], pin["pin"], new["pin"]):
        assert f'"{secret}"' not in stored
    assert "D-1" not in stored


def test_a_key_draws_one_pin_and_no_second_one(site: Site) -> None:
    agent = Caller(site, Role.AGENT)
    agent.post("/households", {"reference": "D-1"})
    agent.post("/wallets/1/cards")

    def hashes() -> list[str]:
        with reading(site.rt.engine) as db:
            return list(db.scalars(text("SELECT pin_hash FROM cards")))

    drawn = agent.post("/cards/1/pin", key="once")
    assert drawn.status_code == 200
    printed = hashes()
    again = agent.post("/cards/1/pin", key="once")
    assert (again.status_code, again.json["code"]) == (409, "answer_shown_once")
    assert "secret" in again.json["title"]
    assert hashes() == printed, "the slip that was printed still counts"
    assert site.rt.keyring.check_secret(printed[0], drawn.json["pin"])
    assert agent.post("/cards/9/pin", key="once").json["code"] == "idempotency_key_reused"
    assert agent.post("/cards/1/pin", key="another").status_code == 200
    with reading(site.rt.engine) as db:
        stored = db.scalars(text("SELECT body FROM idempotency_keys WHERE status = 200")).all()
    assert stored == ["", ""]


def test_an_identity_is_corrected_and_erased(site: Site) -> None:
    agent = Caller(site, Role.AGENT)
    agent.post("/households", {"reference": "D-1"})
    changed = agent.post("/households/1/identity", {"alias": "Autre"}, method="PUT")
    assert changed.status_code == 200, changed.text
    assert agent.get("/households/1").json["alias"] == "Autre"
    assert agent.post("/households/1/erase").json == {"household_id": 1, "wallet_id": None}
    assert agent.get("/households/1").json["reference"] == ""
    assert agent.post("/households/1/erase").json["code"] == "household_erased"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/programmes/9/funding-orders", {"amount_cents": 1}, 404, "programme_unknown"),
        ("/programmes/1/funding-orders", {"amount_cents": 0}, 422, "amount_not_positive"),
        ("/programmes/1/funding-orders", {"amount_cents": 1.5}, 422, "body_invalid"),
        ("/programmes/1/funding-orders", {"amount_cents": 2**53}, 422, "amount_too_large"),
        ("/programmes/1/funding-orders", {"amount_cents": 100_001}, 409, "budget_exceeded"),
        ("/programmes", TERMS, 409, "programme_name_taken"),
        (
            "/programmes/1/distributions/csv",
            {"label": "x", "expires_on": "2026-12-31", "csv": "reference;montant\nD-9;5\n"},
            422,
            "csv_line_invalid",
        ),
        (
            "/programmes/1/distributions",
            {"label": "x", "expires_on": "2026-12-31", "lines": [{"wallet_id": 9, "amount_cents": 5}]},
            422,
            "distribution_wallet_unknown",
        ),
    ],
)
def test_each_refusal_has_its_status_and_its_code(site: Site, path: str, body: object, status: int, code: str) -> None:
    manager = Caller(site, Role.PROGRAMME_MANAGER)
    assert manager.post("/programmes", TERMS).status_code == 201
    refused = manager.post(path, body)
    assert (refused.status_code, refused.json["code"]) == (status, code), refused.text


def test_a_programme_is_closed_cancelled_and_expired_over_json(site: Site) -> None:
    agent, manager = Caller(site, Role.AGENT), Caller(site, Role.PROGRAMME_MANAGER)
    agent.post("/households", {"reference": "D-1"})
    manager.post("/programmes", TERMS)
    csv = {"label": "x", "expires_on": "2026-12-31", "csv": "reference;montant\nD-1;5\n"}
    assert manager.post("/programmes/1/distributions/csv", csv).json["total_cents"] == 500
    assert manager.get("/distributions").json["distributions"][0]["state"] == "prepared"
    assert manager.post("/distributions/1/cancel").json["state"] == "cancelled"
    assert manager.get("/distributions/1").json["state"] == "cancelled"
    assert manager.post("/programmes/1/expire").json == {"purses": 0, "amount_cents": 0}
    assert manager.post("/programmes/1/close").json["is_open"] is False
    assert manager.get("/programmes/1/funding-orders").json == {"funding_orders": []}
