"""Staff, links and the audit trail in the database, on both dialects."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import attempts, errors, operations, queries
from monnaie_locale.identity.model import ATTEMPTS_MAX
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.identity.sign_in import sign_in
from monnaie_locale.ledger.errors import Refusal
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build the site and stop it after the test."""
    built = build_site(db_engine)
    yield built
    built.rt.stop()


def create(site: Site, **changes: object):
    values = {"login": "camille", "name": "Camille Exemple", "roles": {Role.AGENT}} | changes
    return transact(
        site.rt.engine,
        operations.create_staff,
        territory_id=TERRITORY_ID,
        keyring=site.rt.keyring,
        actor="job:test",
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
        **values,
    )


def count(site: Site, table: str) -> int:
    with reading(site.rt.engine) as db:
        return db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"login": "C"}, "login_malformed"),
        ({"login": "Camille"}, "login_malformed"),
        ({"login": "camille\n"}, "login_malformed"),
        ({"login": "x" * 33}, "login_malformed"),
        ({"name": "  "}, "staff_name_missing"),
        ({"password": "elevenchars"}, "password_too_short"),
        ({"roles": {Role.TILL}}, "role_unknown"),
        ({"login": "taken"}, "login_taken"),
    ],
)
def test_a_wrong_staff_member_is_refused_and_leaves_nothing(site: Site, changes: dict[str, object], code: str):
    create(site, login="taken")
    before = count(site, "staff"), count(site, "audit_events")

    with pytest.raises(Refusal) as refused:
        create(site, **changes)

    assert refused.value.code == code
    assert refused.value.sentence()
    assert (count(site, "staff"), count(site, "audit_events")) == before


def test_many_at_once_get_numbers_of_their_own(site: Site):
    with ThreadPoolExecutor(4) as pool:
        people = list(pool.map(lambda number: create(site, login=f"agent{number}", password="x" * 12), range(4)))

    assert sorted(person.staff_id for person in people) == [1, 2, 3, 4]


def test_one_login_asked_for_many_times_at_once_is_given_once(site: Site):
    def attempt(_: int) -> str:
        try:
            create(site)
        except errors.LoginTaken as refusal:
            return refusal.code
        return "created"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(4)))

    assert outcomes == ["created", *["login_taken"] * 3]


def test_nobody_changes_their_own_roles_or_account(site: Site):
    person = create(site)
    mine = {"territory_id": TERRITORY_ID, "staff_id": person.staff_id, "actor": "staff:1", "now": site.clock()}

    with pytest.raises(errors.OwnAccount):
        transact(site.rt.engine, operations.set_roles, roles={Role.OPERATOR}, **mine)
    with pytest.raises(errors.OwnAccount):
        transact(site.rt.engine, operations.set_active, active=False, **mine)
    transact(site.rt.engine, operations.grant_role, role=Role.AUDITOR, **(mine | {"actor": "job:test"}))
    with reading(site.rt.engine) as db:
        (found,) = queries.list_staff(db, territory_id=TERRITORY_ID, keyring=site.rt.keyring)
    assert found.roles == {Role.AGENT, Role.AUDITOR}
    assert found.name == "Camille Exemple"


def test_parallel_guesses_are_counted_before_they_are_judged(site: Site):
    person = create(site)

    def guess(_: int) -> bool:
        claim = transact(
            site.rt.engine,
            attempts.claim_attempt,
            territory_id=TERRITORY_ID,
            login="camille",
            device_token=None,
            now_ms=site.rt.now_ms(),
        )
        return claim is not None

    with ThreadPoolExecutor(8) as pool:
        evaluated = sum(pool.map(guess, range(24)))

    assert evaluated == ATTEMPTS_MAX
    with pytest.raises(errors.SignInRefused):
        sign_in(
            site.rt.engine,
            keyring=site.rt.keyring,
            territory_id=TERRITORY_ID,
            login=person.login,
            password=person.password,
            code=site.code(person),
            now=site.clock(),
            random_bytes=site.rt.random_bytes,
        )


def test_a_link_followed_twice_at_once_opens_one_session(site: Site):
    person = create(site)
    moment = {"territory_id": TERRITORY_ID, "now": site.clock(), "random_bytes": site.rt.random_bytes}
    token = transact(
        site.rt.engine, operations.create_sign_in_link, staff_id=person.staff_id, actor="job:test", **moment
    )

    def follow(_: int) -> bool:
        try:
            transact(site.rt.engine, operations.use_sign_in_link, token=token, **moment)
        except errors.SignInLinkSpent:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(follow, range(6))) == 1
    assert count(site, "sessions") == 1


def test_ended_sessions_are_cleared_away_and_others_kept(site: Site):
    person = create(site)
    session = {
        "territory_id": TERRITORY_ID,
        "kind": SubjectKind.STAFF,
        "subject_id": person.staff_id,
        "random_bytes": site.rt.random_bytes,
    }
    for hours in (0, 11, 2):
        site.clock.advance(hours=hours)
        transact(site.rt.engine, operations.open_session, now=site.clock(), **session)

    assert count(site, "sessions") == 2


ATTACKS = [
    "UPDATE audit_events SET actor = 'staff:9'",
    "DELETE FROM audit_events",
    "INSERT OR REPLACE INTO audit_events VALUES (1, 1, 0, 'staff:9', 'x', 'y', '{}')",
    "TRUNCATE audit_events",
    """INSERT INTO audit_events VALUES (1, 1, 0, 'staff:9', 'x', 'y', '{}')
       ON CONFLICT (territory_id, id) DO UPDATE SET actor = 'staff:9'""",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses_to_change_the_audit_trail(site: Site, attack: str):
    create(site)
    with reading(site.rt.engine) as db:
        before = db.execute(text("SELECT * FROM audit_events")).all()

    with pytest.raises(DBAPIError):
        transact(site.rt.engine, lambda db: db.execute(text(attack)))

    with reading(site.rt.engine) as db:
        assert db.execute(text("SELECT * FROM audit_events")).all() == before
    assert before  # the control: there was something to change


@pytest.mark.parametrize(
    "row",
    [
        "INSERT INTO staff_roles VALUES (1, 1, 'owner', 'staff:8', NULL)",
        "INSERT INTO staff_roles VALUES (1, 99, 'agent', 'staff:8', NULL)",
        "UPDATE staff SET failed_attempts = 6",
        "INSERT INTO sessions VALUES (9, '{digest}', 'staff', 1, 0, 1)",
    ],
)
def test_the_database_refuses_what_cannot_be(site: Site, row: str):
    create(site)

    with pytest.raises(DBAPIError):
        transact(site.rt.engine, lambda db: db.execute(text(row.format(digest="0" * 32))))


@pytest.mark.parametrize(
    "row",
    [
        "INSERT INTO staff_roles VALUES (1, 1, 'approver', 'staff:8', 'staff:8')",
        "INSERT INTO staff_roles VALUES (1, 1, 'approver', 'staff:8', 'staff:1')",
        "UPDATE staff SET opened_by = 'staff:8', confirmed_by = 'staff:8'",
        "UPDATE staff SET credentials_by = 'staff:8', confirmed_by = 'staff:8'",
        "UPDATE staff SET confirmed_by = 'staff:1'",
    ],
)
def test_the_database_refuses_that_one_person_confirms_their_own_work(site: Site, row: str):
    create(site)

    with pytest.raises(errors.ConfirmedByMaker):
        transact(site.rt.engine, lambda db: db.execute(text(row)))


def test_the_control_a_role_confirmed_by_a_second_person_is_taken(site: Site):
    create(site)
    row = "INSERT INTO staff_roles VALUES (1, 1, 'approver', 'staff:8', 'staff:9')"

    transact(site.rt.engine, lambda db: db.execute(text(row)))

    with reading(site.rt.engine) as db:
        (found,) = queries.list_staff(db, territory_id=TERRITORY_ID, keyring=site.rt.keyring)
    assert found.roles == {Role.AGENT, Role.APPROVER}
