"""Who enters, and as what, waits for a second person; and what lets somebody in ends with it. On both databases."""

import base64
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import api, api_keys, confirming, errors, operations, queries, tokens
from monnaie_locale.identity.model import NewCredentials, StaffMember
from monnaie_locale.identity.roles import Role, SubjectKind
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site, csrf_token

PASSWORD = re.compile(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}")
SECRET = re.compile(r"\b[A-Z2-7]{32}\b")


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build the site and stop it after the test."""
    built = build_site(db_engine, init=api.init_app)
    yield built
    built.rt.stop()


class Person:
    """Somebody of the staff, with a browser of their own."""

    def __init__(self, site: Site, *roles: Role) -> None:
        self.site = site
        self.credentials = site.staff(*roles)
        self.id = self.credentials.staff_id
        self.caller = f"staff:{self.id}"
        self.client = site.app.test_client()
        assert site.sign_in(self.client, self.credentials).status_code == 303

    def post(self, path: str, **data: str):
        return self.client.post(path, data=data | {"csrf_token": csrf_token(self.client)})

    def hire(self, login: str, role: Role) -> NewCredentials:
        """Create a person on the page, and read what it shows once."""
        shown = self.post("/personnel", login=login, name="Prête Nom", **{f"role_{role}": "1"}).text
        (found,) = [person for person in people(self.site) if person.login == login]
        password, secret = PASSWORD.search(shown), SECRET.search(shown)
        assert password
        assert secret
        return NewCredentials(staff_id=found.id, login=login, password=password[0], totp_secret=totp_bytes(secret[0]))


def totp_bytes(secret: str) -> bytes:
    return base64.b32decode(secret)


def people(site: Site) -> list[StaffMember]:
    with reading(site.rt.engine) as db:
        return queries.list_staff(db, territory_id=TERRITORY_ID, keyring=site.rt.keyring)


def member(site: Site, staff_id: int) -> StaffMember:
    return next(person for person in people(site) if person.id == staff_id)


def enters(site: Site, person: NewCredentials) -> FlaskClient | None:
    site.clock.advance(seconds=30)
    client = site.app.test_client()
    return client if site.sign_in(client, person).status_code == 303 else None


def do(site: Site, operation, staff_id: int, actor: str, **more: object):
    more = {"territory_id": TERRITORY_ID, "staff_id": staff_id, "actor": actor, "now": site.clock()} | more
    return transact(site.rt.engine, operation, **more)


def test_one_operator_alone_cannot_be_two_people(site: Site):
    operator = Person(site, Role.OPERATOR)
    puppets = [operator.hire("faux-comptable", Role.ACCOUNTANT), operator.hire("faux-valideur", Role.APPROVER)]

    for puppet in puppets:
        assert enters(site, puppet) is None
        refused = operator.post(f"/personnel/{puppet.staff_id}/confirmation")
        assert (refused.status_code, "confirmed_by_maker" in refused.text) == (409, True)
        assert enters(site, puppet) is None


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER])
def test_a_second_person_confirms_and_then_they_enter(site: Site, role: Role):
    operator, other = Person(site, Role.OPERATOR), Person(site, role)
    hired = operator.hire("nouvelle", Role.ACCOUNTANT)
    assert "Confirmer" not in operator.client.get(f"/personnel/{hired.staff_id}").text
    page = other.client.get(f"/personnel/{hired.staff_id}").text
    assert "Confirmer" in page
    assert "Camille Exemple" in page
    assert "à confirmer" in other.client.get("/personnel").text

    assert other.post(f"/personnel/{hired.staff_id}/confirmation").status_code == 303
    assert enters(site, hired)
    assert member(site, hired.staff_id).roles == {Role.ACCOUNTANT}
    again = other.post(f"/personnel/{hired.staff_id}/confirmation")
    assert (again.status_code, "nothing_to_confirm" in again.text) == (409, True)


@pytest.mark.parametrize("role", [Role.AGENT, Role.PROGRAMME_MANAGER, Role.ACCOUNTANT, Role.AUDITOR])
def test_other_roles_confirm_nobody(site: Site, role: Role):
    hired = Person(site, Role.OPERATOR).hire("nouvelle", Role.ACCOUNTANT)
    # Its own page has a token for any role.
    other = Person(site, role)
    token = csrf_token(other.client, "/")

    answer = other.client.post(f"/personnel/{hired.staff_id}/confirmation", data={"csrf_token": token})

    assert answer.status_code == 403
    assert enters(site, hired) is None


def test_a_role_granted_later_waits_alone_and_grants_nothing_meanwhile(site: Site):
    operator, other, agent = Person(site, Role.OPERATOR), Person(site, Role.OPERATOR), Person(site, Role.AGENT)

    operator.post(f"/personnel/{agent.id}/roles", role_agent="1", role_approver="1")

    found = member(site, agent.id)
    assert (found.roles, found.pending_roles, found.may_enter) == ({Role.AGENT}, {Role.APPROVER}, True)
    with pytest.raises(errors.ConfirmedByMaker):
        do(site, confirming.confirm_staff, agent.id, operator.caller, keyring=site.rt.keyring)
    with pytest.raises(errors.ConfirmedByMaker):
        do(site, confirming.confirm_staff, agent.id, agent.caller, keyring=site.rt.keyring)
    other.post(f"/personnel/{agent.id}/confirmation")
    assert member(site, agent.id).roles == {Role.AGENT, Role.APPROVER}


def test_who_drew_the_credentials_never_confirms_what_another_granted(site: Site):
    first, second, third = (Person(site, Role.OPERATOR) for _ in range(3))
    hired = first.hire("nouvelle", Role.AGENT)
    second.post(f"/personnel/{hired.staff_id}/confirmation")
    second.post(f"/personnel/{hired.staff_id}/roles", role_agent="1", role_approver="1")

    with pytest.raises(errors.ConfirmedByMaker):
        do(site, confirming.confirm_staff, hired.staff_id, first.caller, keyring=site.rt.keyring)
    do(site, confirming.confirm_staff, hired.staff_id, third.caller, keyring=site.rt.keyring)
    assert member(site, hired.staff_id).roles == {Role.AGENT, Role.APPROVER}


@pytest.mark.parametrize("way", ["renewed", "closed and opened again"])
def test_renewing_or_closing_ends_every_way_in_until_a_second_person_confirms(site: Site, way: str):
    operator, other, person = Person(site, Role.OPERATOR), Person(site, Role.OPERATOR), Person(site, Role.AUDITOR)
    drawn = {"random_bytes": site.rt.random_bytes}
    link = do(site, operations.create_sign_in_link, person.id, "job:test", **drawn)
    key = transact(
        site.rt.engine,
        api_keys.issue_api_key,
        territory_id=TERRITORY_ID,
        kind=SubjectKind.STAFF,
        subject_id=person.id,
        label="test",
        actor="job:test",
        now=site.clock(),
        **drawn,
    )

    def ways_in() -> tuple[bool, bool]:
        with reading(site.rt.engine) as db:
            digest = tokens.digest(key)
            holders = queries.find_api_keys(db, territory_id=TERRITORY_ID, token_digests=[digest])
        return digest in holders, person.client.get("/personnel").status_code == 200

    assert ways_in() == (True, True)
    credentials = person.credentials
    if way == "renewed":
        shown = operator.post(f"/personnel/{person.id}/identifiants").text
        found, secret = PASSWORD.search(shown), SECRET.search(shown)
        assert found
        assert secret
        credentials = NewCredentials(
            staff_id=person.id, login=credentials.login, password=found[0], totp_secret=totp_bytes(secret[0])
        )
    else:
        operator.post(f"/personnel/{person.id}/acces", active="0")
        operator.post(f"/personnel/{person.id}/acces", active="1")

    assert ways_in() == (False, False)
    assert enters(site, credentials) is None
    assert other.post(f"/personnel/{person.id}/confirmation").status_code == 303
    assert enters(site, credentials)
    # What was there before stays void.
    assert ways_in() == (False, False)
    assert site.app.test_client().post(f"/connexion/lien/{link}").status_code == 410


def test_opening_an_open_access_changes_nothing(site: Site):
    operator, person = Person(site, Role.OPERATOR), Person(site, Role.AUDITOR)

    operator.post(f"/personnel/{person.id}/acces", active="1")

    assert member(site, person.id).may_enter


def test_what_is_typed_on_the_server_is_confirmed_by_it(site: Site):
    operator = Person(site, Role.OPERATOR)
    hired = operator.hire("nouvelle", Role.APPROVER)

    do(site, confirming.confirm_staff, hired.staff_id, "job:cli", keyring=site.rt.keyring)

    assert enters(site, hired)
    with pytest.raises(errors.StaffUnknown):
        do(site, confirming.confirm_staff, 99, "job:cli", keyring=site.rt.keyring)


class Program:
    """A program with the key of a staff member."""

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

    def send(self, method: str, path: str, body: object = None, *, key: str | None = None):
        self.count += 1
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or f"k{self.count}"}
        answer = self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)
        return answer.status_code, answer.json


def test_the_same_by_json_and_no_credentials_are_stored(site: Site):
    operator, approver, agent = Program(site, Role.OPERATOR), Program(site, Role.APPROVER), Program(site, Role.AGENT)
    body = {"login": "nouvelle", "name": "Dominique Exemple", "roles": ["accountant"]}
    assert agent.send("POST", "/staff", body)[0] == 403
    status, hired = operator.send("POST", "/staff", body, key="hire")
    assert status == 201
    assert operator.send("POST", "/staff", body, key="hire")[1]["code"] == "answer_shown_once"
    assert operator.send("POST", "/staff", body)[1]["code"] == "login_taken"
    assert operator.send("POST", "/staff", body | {"login": "b", "roles": ["till"]})[1]["code"] == "login_malformed"
    assert operator.send("POST", "/staff", body | {"login": "bb", "roles": ["till"]})[1]["code"] == "role_unknown"
    path = f"/staff/{hired['staff_id']}"
    person = NewCredentials(
        staff_id=hired["staff_id"],
        login="nouvelle",
        password=hired["password"],
        totp_secret=totp_bytes(hired["totp_secret"]),
    )

    assert enters(site, person) is None
    assert operator.send("POST", f"{path}/confirmation")[1]["code"] == "confirmed_by_maker"
    assert approver.send("POST", f"{path}/confirmation")[1]["roles"] == ["accountant"]
    assert enters(site, person)
    pending = operator.send("PUT", f"{path}/roles", {"roles": ["accountant", "agent"]})[1]
    assert (pending["roles"], pending["pending_roles"]) == (["accountant"], ["agent"])
    assert operator.send("POST", f"{path}/close")[1]["is_active"] is False
    assert operator.send("POST", f"{path}/reopen")[1]["is_confirmed"] is False
    renewed = operator.send("POST", f"{path}/credentials")[1]
    assert approver.send("POST", f"{path}/confirmation")[1]["roles"] == ["accountant", "agent"]
    listed = approver.send("GET", "/staff")[1]["staff"]
    assert next(each for each in listed if each["login"] == "nouvelle")["is_confirmed"] is True
    with reading(site.rt.engine) as db:
        stored = "".join(db.scalars(text("SELECT body FROM idempotency_keys")))
    assert "is_confirmed" in stored  # the control: answers are stored
    for secret in ("Dominique", hired["password"], hired["totp_secret"], renewed["password"], renewed["totp_secret"]):
        assert secret not in stored
