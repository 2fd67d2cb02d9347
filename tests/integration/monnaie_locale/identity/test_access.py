"""The guard: sessions of three kinds, keys for programs, forms from elsewhere."""

from collections.abc import Collection, Iterator

import pytest
from flask import Blueprint, Response
from sqlalchemy import Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import access, api_keys, operations
from monnaie_locale.identity.roles import Permission, Role, SubjectKind
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site, csrf_token

LIVING_TILL, REVOKED_TILL = 12, 13


def till_pages() -> Blueprint:
    """Return what a package of tills would bring: a page, a form, an endpoint."""
    blueprint = Blueprint("tills", __name__)

    @blueprint.get("/caisse")
    @access.requires(Permission.VIEW_TILL)
    def screen() -> str:
        who = access.subject()
        return f"{who.caller} {who.label} {who.merchant_id}"

    @blueprint.post("/api/v1/ping")
    @access.requires(Permission.CHARGE)
    def ping() -> str:
        return access.subject().caller

    @blueprint.post("/api/v1/households")
    @access.requires(Permission.MANAGE_WALLETS)
    def manage() -> str:
        return access.subject().caller

    return blueprint


def resolve_tills(_db: object, *, territory_id: int, subject_ids: Collection[int]) -> dict[int, access.Resolved]:
    assert territory_id == TERRITORY_ID
    shop = access.Resolved(label="Boulangerie", merchant_id=4)
    return {LIVING_TILL: shop} if LIVING_TILL in subject_ids else {}


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build a site with tills."""
    built = build_site(
        db_engine,
        blueprints=(till_pages(),),
        init=lambda app: access.resolve(app, SubjectKind.TILL, resolve_tills),
    )
    yield built
    built.rt.stop()


def open_session(site: Site, kind: SubjectKind, subject_id: int) -> str:
    return transact(
        site.rt.engine,
        operations.open_session,
        territory_id=TERRITORY_ID,
        kind=kind,
        subject_id=subject_id,
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )


def pair(site: Site, client, till_id: int = LIVING_TILL) -> None:
    token = open_session(site, SubjectKind.TILL, till_id)
    with site.app.test_request_context():
        cookie = access.attach(Response(), kind=SubjectKind.TILL, token=token).headers["Set-Cookie"]
    client.set_cookie("monnaie-till", cookie.split(";")[0].partition("=")[2])


def issue_key(site: Site, kind: SubjectKind, subject_id: int) -> str:
    return transact(
        site.rt.engine,
        api_keys.issue_api_key,
        territory_id=TERRITORY_ID,
        kind=kind,
        subject_id=subject_id,
        label="caisse",
        actor="job:test",
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )


def test_a_till_and_a_manager_share_a_browser(site: Site):
    client = site.client_of(Role.OPERATOR)
    pair(site, client)

    assert client.get("/caisse").text == "till:12 Boulangerie 4"
    assert client.get("/personnel").status_code == 200


def test_a_revoked_till_is_out_at_once(site: Site):
    client = site.app.test_client()
    pair(site, client, REVOKED_TILL)

    answer = client.get("/caisse")

    assert answer.status_code == 401
    assert "till_not_paired" in answer.text


def test_a_till_stays_paired_for_ninety_days_and_no_longer(site: Site):
    client = site.app.test_client()
    pair(site, client)

    site.clock.advance(days=89)
    assert client.get("/caisse").status_code == 200
    site.clock.advance(days=2)
    assert client.get("/caisse").status_code == 401


def test_a_tills_cookie_is_no_staff_cookie(site: Site):
    client = site.app.test_client()
    pair(site, client)
    client.set_cookie("monnaie-staff", client.get_cookie("monnaie-till").value)

    assert client.get("/personnel").status_code == 303


def test_a_form_without_the_sessions_token_is_refused(site: Site):
    client, other = site.client_of(Role.OPERATOR), site.client_of(Role.OPERATOR)
    target = site.staff(Role.AGENT).staff_id
    form = {"active": "0"}

    for wrong in ({}, {"csrf_token": ""}, {"csrf_token": "é"}, {"csrf_token": csrf_token(other)}):
        answer = client.post(f"/personnel/{target}/acces", data=form | wrong)
        assert answer.status_code == 403
        assert "csrf_token_invalid" in answer.text
    right = client.post(f"/personnel/{target}/acces", data=form | {"csrf_token": csrf_token(client)})
    assert right.status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_a_form_from_another_site_is_refused_even_with_the_token(site: Site, headers: dict[str, str]):
    client, target = site.client_of(Role.OPERATOR), site.staff(Role.AGENT).staff_id
    form = {"active": "0", "csrf_token": csrf_token(client)}

    answer = client.post(f"/personnel/{target}/acces", data=form, headers=headers)
    assert answer.status_code == 403
    assert "foreign_origin" in answer.text
    # A sign-in form has no session yet: where it comes from is all there is to look at.
    assert site.app.test_client().post("/connexion", data={}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "http://localhost"}, {"Origin": "null"}, {}],
)
def test_our_own_forms_pass_whatever_browsers_say_of_them(site: Site, headers: dict[str, str]):
    client, target = site.client_of(Role.OPERATOR), site.staff(Role.AGENT).staff_id
    form = {"active": "0", "csrf_token": csrf_token(client)}

    assert client.post(f"/personnel/{target}/acces", data=form, headers=headers).status_code == 303


def test_a_program_comes_in_with_its_key_and_without_a_form_token(site: Site):
    headers = {"Authorization": f"Bearer {issue_key(site, SubjectKind.TILL, LIVING_TILL)}"}

    assert site.app.test_client().post("/api/v1/ping", headers=headers).text == "till:12"


def test_a_key_may_what_its_owner_may(site: Site):
    agent, auditor = site.staff(Role.AGENT), site.staff(Role.AUDITOR)
    client = site.app.test_client()
    for owner, status in ((agent, 200), (auditor, 403)):
        headers = {"Authorization": f"Bearer {issue_key(site, SubjectKind.STAFF, owner.staff_id)}"}
        assert client.post("/api/v1/households", headers=headers).status_code == status


def test_a_revoked_key_and_an_unknown_one_are_refused_alike(site: Site):
    key = issue_key(site, SubjectKind.TILL, LIVING_TILL)
    revoked = transact(
        site.rt.engine,
        api_keys.revoke_api_keys_of,
        territory_id=TERRITORY_ID,
        kind=SubjectKind.TILL,
        subject_id=LIVING_TILL,
        actor="job:test",
        now=site.clock(),
    )

    assert revoked == 1
    for wrong in (key, "mlk_unknown", ""):
        answer = site.app.test_client().post("/api/v1/ping", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert answer.json["code"] == "api_key_unknown"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_opens_no_page(site: Site):
    headers = {"Authorization": f"Bearer {issue_key(site, SubjectKind.TILL, LIVING_TILL)}"}

    assert site.app.test_client().get("/caisse", headers=headers).status_code == 401


def test_under_the_api_a_session_also_needs_its_token(site: Site):
    client = site.app.test_client()
    pair(site, client)
    answer = client.post("/api/v1/ping")

    assert (answer.status_code, answer.json["code"]) == (403, "csrf_token_invalid")


def test_roles_taken_away_count_from_the_next_request(site: Site):
    person, operator = site.staff(Role.OPERATOR), site.client_of(Role.OPERATOR)
    client = site.app.test_client()
    site.sign_in(client, person)
    assert client.get("/personnel").status_code == 200

    operator.post(f"/personnel/{person.staff_id}/roles", data={"role_agent": "1", "csrf_token": csrf_token(operator)})

    answer = client.get("/personnel")
    assert answer.status_code == 403
    assert "permission_missing" in answer.text


def test_over_https_cookies_are_sealed_to_the_host(db_engine: Engine):
    site = build_site(db_engine, base_url="https://monnaie.example")
    client = site.app.test_client()
    answer = site.sign_in(client, site.staff(Role.OPERATOR))

    cookie = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("__Host-monnaie-staff="))
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]
