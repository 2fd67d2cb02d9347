"""By JSON: how a shop is paid, what waits, its claims on chèques; the till reads its own shop and no other."""

import datetime
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from merchants.model import PayoutTerms
from merchants.payouts.cap_claims import lapse_claims, record_certification
from merchants.payouts.terms import set_payout_terms
from monnaie_locale.api import openapi
from monnaie_locale.api.marks import OPEN_TO_ALL
from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import PERMISSIONS, Role, SubjectKind
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import LegalBasis
from monnaie_locale.runtime import Runtime
from tests.factories import programmes
from tests.factories.ledger import World, open_world
from tests.factories.merchants import APPROVER, MANAGER, admit, paired
from tests.factories.site import Clock, Site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
OCTOBER = datetime.datetime(2026, 10, 20, 9, tzinfo=datetime.UTC)
MARCH = datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC)
TERMS = PayoutTerms(pain_version="03", minimum_cents=500, fee_basis_points=50)


@pytest.fixture
def world(db_engine: Engine) -> World:
    """Give two shops that took chèques, 30 € and 20 €; the first one also 5 € of another aid."""
    opened = open_world(db_engine)
    programmes.programme(db_engine, "Chèques", legal_basis=LegalBasis.CAP)
    programmes.programme(db_engine, "Aide")
    opened.fund(100_000)
    opened.fund(100_000, 2)
    opened.issue(7, 50_000)
    opened.issue(7, 50_000, 2)
    for number, cents in ((1, 3_000), (2, 2_000)):
        admit(opened, number)
        opened.charge(7, number, cents)
    opened.do(EntryKind.CHARGE, Draw((opened.purse(7, 2),), opened.shop(1), 500))
    transact(db_engine, set_payout_terms, territory_id=1, terms=TERMS, actor=APPROVER, now=OCTOBER)
    return opened


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    clock = Clock(OCTOBER)
    rt = Runtime(
        engine=world.engine, keyring=Keyring.generate(), territory_id=1, base_url="http://localhost", clock=clock
    )  # fmt: skip
    yield Site(create_app(rt), rt, clock)
    rt.stop()


def key_of(site: Site, kind: SubjectKind, subject_id: int) -> str:
    return transact(
        site.rt.engine, issue_api_key, territory_id=1, kind=kind, subject_id=subject_id, label="test",
        actor="job:test", now=site.clock(), random_bytes=site.rt.random_bytes,
    )  # fmt: skip


def staff_key(site: Site, role: Role) -> str:
    return key_of(site, SubjectKind.STAFF, site.staff(role).staff_id)


def ask(site: Site, key: str, path: str) -> TestResponse:
    return site.app.test_client().get(f"/api/v1{path}", headers={"Authorization": f"Bearer {key}"})


def test_the_terms_of_a_shop_say_what_waits(site: Site) -> None:
    key = staff_key(site, Role.ACCOUNTANT)
    assert ask(site, key, "/merchants/1/payout-terms").json == {
        "merchant_id": 1, "code": "C0001", "pain_version": "03", "minimum_cents": 500, "fee_basis_points": 50,
        "held_cents": 3_500, "owed_cents": 0, "kept_back_cents": 3_000,
    }  # fmt: skip
    unknown = ask(site, key, "/merchants/9/payout-terms")
    assert (unknown.status_code, unknown.json["code"]) == (404, "merchant_unknown")


def test_a_till_reads_its_own_shop_and_no_other(site: Site, world: World) -> None:
    own = key_of(site, SubjectKind.TILL, paired(world, admit(world, 3)).id)
    assert ask(site, own, "/tills/own-payout-terms").json["merchant_id"] == 3
    for path in ("/merchants/1/payout-terms", "/merchants/3/payout-terms", "/cap-claims", "/payouts"):
        assert ask(site, own, path).status_code == 403, path
    # An agent sees no payouts; the staff has no shop of its own.
    assert ask(site, staff_key(site, Role.AGENT), "/merchants/1/payout-terms").status_code == 403
    assert ask(site, staff_key(site, Role.ACCOUNTANT), "/tills/own-payout-terms").status_code == 403
    assert ask(site, "mlk_nothing", "/tills/own-payout-terms").status_code == 401


def test_the_claims_are_told_page_by_page_with_their_state(site: Site, world: World) -> None:
    key = staff_key(site, Role.AUDITOR)
    transact(
        world.engine, record_certification, territory_id=1, merchant_id=2, year=2026, document="attestation n° 7",
        actor=MANAGER, now=OCTOBER,
    )  # fmt: skip
    whole = ask(site, key, "/cap-claims").json
    said = [
        (each["merchant_id"], each["state"], each["taken_cents"], each["kept_back_cents"]) for each in whole["claims"]
    ]
    assert said == [(1, "to_certify", 3_000, 3_000), (2, "certified", 2_000, 0)]
    assert (whole["claims"][1]["certified_on"], whole["claims"][1]["document"]) == ("2026-10-20", "attestation n° 7")
    assert (whole["claims"][0]["deadline_on"], whole["claims"][0]["certified_on"]) == ("2027-02-28", None)

    first = ask(site, key, "/cap-claims?limit=1").json
    second = ask(site, key, f"/cap-claims?limit=1&cursor={first['next_cursor']}").json
    assert (first["claims"] + second["claims"], second["next_cursor"]) == (whole["claims"], None)
    assert ask(site, key, "/cap-claims?merchant_id=2").json["claims"] == whole["claims"][1:]
    assert ask(site, key, "/cap-claims?year=2025").json["claims"] == []
    for query, code in (("?year=x", "query_invalid"), ("?cursor=x", "cursor_invalid"), ("?shop=1", "query_invalid")):
        assert ask(site, key, f"/cap-claims{query}").json["code"] == code


def test_what_lapsed_is_told(site: Site, world: World) -> None:
    site.clock.now = MARCH
    key = staff_key(site, Role.AUDITOR)
    assert ask(site, key, "/cap-claims?merchant_id=1").json["claims"][0]["state"] == "lapsed"
    transact(world.engine, lapse_claims, territory_id=1, merchant_id=1, year=2026, actor=APPROVER, now=MARCH)
    (claim,) = ask(site, key, "/cap-claims?merchant_id=1").json["claims"]
    assert (claim["state"], claim["kept_back_cents"], claim["given_back_cents"]) == ("lapsed", 0, 3_000)


def test_a_till_opens_no_operation_of_the_staff(site: Site, world: World) -> None:
    own = key_of(site, SubjectKind.TILL, paired(world, admit(world, 3)).id)
    client = site.app.test_client()
    answers = {}
    for number, operation in enumerate(openapi.operations_of(site.app)):
        if operation.permission == OPEN_TO_ALL:
            continue
        path = openapi.PARAMETER.sub("1", operation.path)
        headers = {"Authorization": f"Bearer {own}", "Idempotency-Key": f"k{number}"}
        answer = client.open(path, method=operation.method, json={}, headers=headers)
        answers[f"{operation.method} {operation.path}"] = (operation.permission, answer.status_code)
    staff = {name: status for name, (asked, status) in answers.items() if asked not in PERMISSIONS[Role.TILL]}
    assert set(staff.values()) == {403}, staff
    assert len(staff) > 50
    # The control: its own are opened, and refuse an empty body or a thing that is not there.
    assert {status for _, status in answers.values()} >= {200, 404, 422}
