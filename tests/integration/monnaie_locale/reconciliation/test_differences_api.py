"""Differences by JSON: page by page, with their state and next step; two people by their keys; one town only."""

import datetime
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from merchants.model import Payout
from monnaie_locale.api import openapi
from monnaie_locale.app import create_app
from monnaie_locale.database.metadata import metadata
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.reconciliation.decisions import By
from monnaie_locale.reconciliation.paid_rejections import prepare_paid_rejection
from monnaie_locale.runtime import Runtime
from tests.factories.ledger import World, open_world
from tests.factories.month import MAKER, BankLine, Month2026, moment, open_month_in
from tests.factories.pain002 import status_report
from tests.factories.site import Clock, Site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
PATH = "/differences?month=2026-10"
NUMBERED = re.compile(r"<int:(?!year)")


class Program:
    """A program with the key of somebody, who writes each time under another idempotency key."""

    count = 0

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client, self.key = client, key

    def send(self, method: str, path: str, body: object = None) -> TestResponse:
        Program.count += 1
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"p{Program.count}"}
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    def get(self, path: str) -> Any:
        return self.send("GET", path).json


def site_of(month: Month2026, *, territory_id: int = 1) -> Site:
    clock = Clock(moment(2, 11))
    rt = Runtime(
        engine=month.engine, keyring=month.keyring, territory_id=territory_id, base_url="http://localhost",
        clock=clock,
    )  # fmt: skip
    return Site(create_app(rt), rt, clock)


def program(site: Site, *roles: Role) -> Program:
    """Return a program of a new member of the staff of territory 1."""
    key = transact(
        site.rt.engine, issue_api_key, territory_id=1, kind=SubjectKind.STAFF, subject_id=site.staff(*roles).staff_id,
        label="test", actor="job:test", now=site.clock(), random_bytes=site.rt.random_bytes,
    )  # fmt: skip
    return Program(site.app.test_client(), key)


def live(month: Month2026) -> Payout:
    """Let the bank reject the first transfer and debit it all the same."""
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    payout = month.pay()
    refused = [(payout.lines[0].end_to_end_id, "RJCT", "AC04")]
    month.import_(status_report(group="PART", payments=refused, order=payout.message_id), now=moment(27))
    odd = BankLine(cents=-700, on=datetime.date(2026, 10, 28), text="PRLV INCONNU")
    month.import_(month.second_statement(payout, odd))
    return payout


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Give October with a rejected transfer that was debited, an unknown debit and charges."""
    opened = open_month_in(open_world(db_engine))
    live(opened)
    return opened


@pytest.fixture
def site(month: Month2026) -> Iterator[Site]:
    built = site_of(month)
    yield built
    built.rt.stop()


def test_the_differences_are_told_page_by_page_with_what_to_do(site: Site) -> None:
    reader = program(site, Role.AUDITOR)
    whole = reader.get(PATH)
    assert (whole["month"], whole["is_closed"], whole["next_cursor"]) == ("2026-10", False, None)
    kinds = ["payout_rejected_debited", "debit_unknown", "bank_charge"]
    assert [each["kind"] for each in whole["differences"]] == kinds
    first = whole["differences"][0]
    assert (first["state"], first["amount_cents"], first["gap_cents"], first["needs_a_person"]) == (
        "open", 1_250, -1_250, True,
    )  # fmt: skip
    assert "VILLE1-P00001-0001" in first["known_fr"]
    assert ("malgré le rejet" in first["next_step_fr"], "despite the rejection" in first["next_step_en"]) == (
        True,
        True,
    )

    told, cursor = [], ""
    while cursor is not None:
        page = reader.get(f"{PATH}&limit=1{cursor and f'&cursor={cursor}'}")
        told += page["differences"]
        cursor = page["next_cursor"]
    assert told == whole["differences"]
    assert reader.get(f"{PATH}&state=carried")["differences"] == []


def test_what_is_no_page_of_a_month_is_a_problem(site: Site) -> None:
    reader = program(site, Role.AUDITOR)
    wrong = {
        "": "query_invalid", "?month=octobre": "query_invalid", "?month=2026-13": "query_invalid",
        "?month=2026-10&state=x": "query_invalid", "?month=2026-10&cursor=x": "cursor_invalid",
    }  # fmt: skip
    for query, code in wrong.items():
        answer = reader.send("GET", f"/differences{query}")
        assert (answer.status_code // 100, answer.json["code"]) == (4, code), query
        assert answer.content_type.startswith("application/problem+json")


def test_two_people_decide_by_their_own_keys(site: Site) -> None:
    accountant, approver, both = (
        program(site, *roles) for roles in ((Role.ACCOUNTANT,), (Role.APPROVER,), (Role.ACCOUNTANT, Role.APPROVER))
    )
    path, body = "/statements/2/lines/1/paid-rejection", {"note": "Le commerce a reçu la somme"}
    assert approver.send("POST", path, body).status_code == 403
    prepared = both.send("POST", path, body)
    assert (prepared.status_code, prepared.json["state"]) == (201, "prepared")
    assert accountant.send("POST", path, body).json["code"] == "paid_rejection_pending"
    assert both.send("POST", "/paid-rejections/1/approve").json["code"] == "paid_rejection_same_person"
    assert accountant.send("POST", "/paid-rejections/1/approve").status_code == 403
    assert accountant.get(PATH)["differences"][0]["is_prepared"] is True
    one_alone = {"kind": "rejection_paid", "reference": "VILLE1-P00001-0001", "note": "seul"}
    alone = both.send("POST", "/statements/2/lines/1/resolution", one_alone)
    assert (alone.status_code, alone.json["code"]) == (409, "resolution_needs_two_people")
    # Nor that its debit is something else, which the database refuses.
    otherwise = both.send("POST", "/statements/2/lines/1/resolution", {"kind": "bank_charge", "note": "seul"})
    assert (otherwise.status_code, otherwise.json["code"]) == (409, "resolution_needs_two_people")

    assert approver.send("POST", "/paid-rejections/1/approve").json["state"] == "approved"
    assert approver.send("POST", "/paid-rejections/1/cancel").status_code == 403
    assert accountant.send("POST", "/paid-rejections/1/cancel").json["code"] == "paid_rejection_ended"
    assert [each["decision_id"] for each in accountant.get("/paid-rejections")["paid_rejections"]] == [1]
    kinds = [each["kind"] for each in accountant.get(PATH)["differences"]]
    assert kinds == ["debit_unknown", "bank_charge"]


def of_town(engine: Engine, territory_id: int) -> dict[str, list[Any]]:
    """Return every row of a town, table by table."""
    owned = [table for table in metadata.sorted_tables if "territory_id" in table.c]
    with engine.connect() as db:
        return {
            table.name: sorted(map(repr, db.execute(select(table).where(table.c.territory_id == territory_id))))
            for table in owned
        }


def test_no_operation_of_the_api_reads_or_moves_another_town(db_engine: Engine) -> None:
    open_world(db_engine)
    theirs = open_month_in(open_world(db_engine, 2))
    live(theirs)
    theirs.prepare()
    site = site_of(theirs)
    asker = program(site, *(role for role in Role if role not in {Role.TILL, Role.HOLDER, Role.PUBLIC}))
    by = By(territory_id=2, actor=MAKER, note="Confirmé", now=moment(2, 11))
    transact(db_engine, prepare_paid_rejection, by=by, bank_statement_id=2, line_no=1)
    before = of_town(db_engine, 2)
    assert all(before[name] for name in ("bank_lines", "payouts", "closes", "merchants", "paid_rejections"))
    is_found: dict[str, bool] = {}
    document = site.app.test_client().get("/api/v1/openapi.json").json
    # What is read first, while the asker's own town is empty; then what is written, which makes things of its own.
    for operation in sorted(openapi.operations_of(site.app), key=lambda each: each.method != "GET"):
        named = openapi.PARAMETER.sub(
            lambda found: "1" if found["converter"] == "int" else "2026-10", operation.path
        ).removeprefix("/api/v1")  # fmt: skip
        named += "?month=2026-10" if operation.path.endswith("/differences") else ""
        answer = asker.send(operation.method, named, _example(document, operation))
        assert (answer.status_code < 500, "VILLE2" in answer.text) == (True, False), (operation.path, answer.text)
        if operation.method == "GET" and NUMBERED.search(operation.path):
            is_found[operation.path] = answer.status_code == 200
    assert set(is_found) >= {"/api/v1/payouts/<int:payout_id>", "/api/v1/merchants/<int:merchant_id>/payout-terms"}
    assert not any(is_found.values()), is_found
    assert of_town(db_engine, 2) == before
    site.rt.stop()


def _example(document: Any, operation: Any) -> object:
    """Return the documented example of an operation's body."""
    if operation.body is None:
        return None
    path = openapi.PARAMETER.sub(lambda found: "{" + found["name"] + "}", operation.path)
    described = document["paths"][path][operation.method.lower()]
    return described["requestBody"]["content"]["application/json"]["example"]


def test_a_key_of_another_town_opens_nothing(month: Month2026, site: Site) -> None:
    key = program(site, Role.ACCOUNTANT, Role.APPROVER).key
    open_world(month.engine, 2)
    elsewhere = site_of(month, territory_id=2)
    stranger = Program(elsewhere.app.test_client(), key)
    for path in (PATH, "/paid-rejections", "/cap-claims", "/merchants/1/payout-terms", "/closes", "/statements"):
        assert stranger.send("GET", path).status_code == 401, path
    # The control: the same key at home.
    assert Program(site.app.test_client(), key).send("GET", PATH).status_code == 200
    elsewhere.rt.stop()


def test_nobody_signed_in_and_no_till_reads_them(site: Site) -> None:
    nobody = Program(site.app.test_client(), "mlk_nothing")
    assert nobody.send("GET", PATH).status_code == 401
    assert program(site, Role.AGENT).send("GET", PATH).status_code == 403
    assert World(site.rt.engine).territory_id == 1
