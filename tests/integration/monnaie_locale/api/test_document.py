"""The OpenAPI document of the whole application: all of the main job, with example, refusals, permission."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from monnaie_locale.api import openapi
from monnaie_locale.app import create_app
from monnaie_locale.identity.roles import Permission
from tests.factories.site import Site, build_site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

# Issue 2, points 4 to 8.
MAIN_JOB = """
POST /households
POST /households/csv
POST /wallets/{wallet_id}/cards
POST /cards/{card_id}/block
POST /cards/{card_id}/replace
POST /cards/{card_id}/pin
GET /own-wallet
POST /merchants
POST /merchants/{merchant_id}/tills
POST /tills/{till_id}/pairing-codes
POST /tills/pair
POST /charges
GET /charges
POST /charges/{number}/refunds
POST /payment-requests
POST /payment-requests/confirm
GET /payment-requests/{request_id}
POST /programmes
POST /programmes/{programme_id}/funding-orders
POST /programmes/{programme_id}/distributions/csv
POST /distributions/{distribution_id}/approve
POST /distributions/{distribution_id}/post
POST /statements
POST /statements/{statement_number}/lines/{line_no}/resolution
POST /payouts
POST /payouts/{payout_id}/approve
GET /exports/payouts/{payout_id}
POST /closes
POST /closes/{close_id}/approval
GET /exports/fec
GET /exports/journal
GET /exports/trial-balance
GET /journal/verification
POST /staff
PUT /staff/{staff_id}/roles
POST /staff/{staff_id}/confirmation
"""


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    return site.app.test_client().get("/api/v1/openapi.json").get_json()


def test_every_operation_of_the_main_job_is_there(document: dict[str, Any]) -> None:
    listed = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert set(MAIN_JOB.split("\n")) - {""} <= listed


def test_every_operation_says_who_may_and_what_is_refused(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["x-permission"] in set(Permission), path
            assert operation["summary"], path
            assert operation["description"], path
            if method != "get":
                headers = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"]
                assert headers == ["Idempotency-Key"], path
                assert any("enum" in json.dumps(answer) for answer in operation["responses"].values()), path


def test_the_example_of_every_body_is_one_that_the_body_takes(site: Site, document: dict[str, Any]) -> None:
    checked = 0
    for operation in openapi.operations_of(site.app):
        if operation.body is None:
            continue
        path = openapi.PARAMETER.sub(lambda found: "{" + found["name"] + "}", operation.path)
        content = document["paths"][path][operation.method.lower()]["requestBody"]["content"]["application/json"]
        operation.body.model_validate_json(json.dumps(content["example"]))
        for name, shown in content["example"].items():
            assert shown != name, f"{operation.body.__name__}.{name} has no word in api/examples.py"
        checked += 1
    assert checked > 20
