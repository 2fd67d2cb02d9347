"""A staff member signs in, works, and signs out."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import operations
from monnaie_locale.identity.model import ATTEMPTS_MAX
from monnaie_locale.identity.roles import Role
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site, csrf_token

REFUSED = "Identifiant, mot de passe ou code incorrect"


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build the site and stop it after the test."""
    built = build_site(db_engine)
    yield built
    built.rt.stop()


def test_a_person_signs_in_with_password_and_code_and_out_again(site: Site):
    client, person = site.app.test_client(), site.staff(Role.OPERATOR, name="Camille Exemple")

    assert site.sign_in(client, person).status_code == 303
    assert "Camille Exemple" in client.get("/personnel").text
    kept = client.get_cookie("monnaie-staff")
    client.post("/deconnexion", data={"csrf_token": csrf_token(client)})

    assert client.get("/personnel").status_code == 303
    # Signing out ends the session itself: its cookie, put back by hand, opens nothing.
    client.set_cookie("monnaie-staff", kept.value)
    assert client.get("/personnel").status_code == 303


@pytest.mark.parametrize(
    "wrong",
    [{"password": "not-the-password"}, {"code": "000000"}, {"login": "nobody"}, {"code": "٠٠٠٠٠٠"}, {"password": ""}],
)
def test_whatever_is_wrong_the_answer_is_the_same(site: Site, wrong: dict[str, str]):
    client, person = site.app.test_client(), site.staff(Role.OPERATOR)

    response = site.sign_in(client, person, **wrong)

    assert response.status_code == 401
    assert REFUSED in response.text
    assert "sign_in_refused" in response.text
    assert client.get("/personnel").status_code == 303


def test_a_code_counts_once(site: Site):
    person = site.staff(Role.OPERATOR)

    assert site.sign_in(site.app.test_client(), person).status_code == 303
    assert site.sign_in(site.app.test_client(), person).status_code == 401
    site.clock.advance(seconds=30)
    assert site.sign_in(site.app.test_client(), person).status_code == 303


def test_five_wrong_attempts_lock_for_a_quarter_of_an_hour(site: Site):
    client, person = site.app.test_client(), site.staff(Role.OPERATOR)
    for _ in range(ATTEMPTS_MAX):
        site.sign_in(client, person, password="wrong")

    assert site.sign_in(client, person).status_code == 401
    site.clock.advance(minutes=14)
    assert site.sign_in(client, person).status_code == 401
    site.clock.advance(minutes=2)
    assert site.sign_in(client, person).status_code == 303


def test_four_wrong_attempts_and_a_right_one_start_the_count_again(site: Site):
    client, person = site.app.test_client(), site.staff(Role.OPERATOR)
    for _ in range(3):
        for _ in range(ATTEMPTS_MAX - 1):
            site.sign_in(client, person, password="wrong")
        assert site.sign_in(client, person).status_code == 303
        site.clock.advance(minutes=1)


def test_a_stranger_who_guesses_does_not_keep_the_owner_out_of_the_usual_desk(site: Site):
    desk, person = site.app.test_client(), site.staff(Role.OPERATOR)
    assert site.sign_in(desk, person).status_code == 303
    for _ in range(3):
        site.clock.advance(minutes=16)
        for _ in range(ATTEMPTS_MAX + 1):
            assert site.sign_in(site.app.test_client(), person, password="wrong").status_code == 401

        assert site.sign_in(site.app.test_client(), person).status_code == 401
        assert site.sign_in(desk, person).status_code == 303


def test_a_known_browser_has_five_attempts_and_no_more(site: Site):
    desk, person = site.app.test_client(), site.staff(Role.OPERATOR)
    site.sign_in(desk, person)
    site.clock.advance(minutes=1)
    for _ in range(ATTEMPTS_MAX):
        site.sign_in(desk, person, password="wrong")

    assert site.sign_in(desk, person).status_code == 401
    assert site.sign_in(site.app.test_client(), person).status_code == 303
    site.clock.advance(minutes=16)
    assert site.sign_in(desk, person).status_code == 303


def test_the_browser_of_one_person_gives_nothing_for_another_until_they_used_it(site: Site):
    desk, first, second = site.app.test_client(), site.staff(Role.OPERATOR), site.staff(Role.AUDITOR)
    site.sign_in(desk, first)
    for _ in range(ATTEMPTS_MAX):
        site.sign_in(site.app.test_client(), second, password="wrong")

    assert site.sign_in(desk, second).status_code == 401
    site.clock.advance(minutes=16)
    assert site.sign_in(desk, second).status_code == 303
    known = desk.get_cookie("monnaie-appareil").value
    assert site.sign_in(desk, first).status_code == 303
    assert desk.get_cookie("monnaie-appareil").value == known
    for _ in range(ATTEMPTS_MAX):
        site.sign_in(site.app.test_client(), second, password="wrong")
    site.clock.advance(minutes=1)
    assert site.sign_in(desk, second).status_code == 303


def test_a_token_that_we_did_not_give_makes_no_browser_known(site: Site):
    person = site.staff(Role.OPERATOR)
    for number in range(ATTEMPTS_MAX):
        stranger = site.app.test_client()
        stranger.set_cookie("monnaie-appareil", f"invented-{number}")
        site.sign_in(stranger, person, password="wrong")
    stranger = site.app.test_client()
    stranger.set_cookie("monnaie-appareil", "invented-9")

    assert site.sign_in(stranger, person).status_code == 401
    site.clock.advance(minutes=16)
    assert site.sign_in(stranger, person).status_code == 303
    assert stranger.get_cookie("monnaie-appareil").value != "invented-9"


def test_half_an_hour_without_use_ends_the_session(site: Site):
    client = site.client_of(Role.OPERATOR)

    for _ in range(3):
        site.clock.advance(minutes=29)
        assert client.get("/personnel").status_code == 200
    site.clock.advance(minutes=31)
    assert client.get("/personnel").status_code == 303


def test_a_copied_cookie_dies_with_its_own_idle_time(site: Site):
    client, thief = site.client_of(Role.OPERATOR), site.app.test_client()
    thief.set_cookie("monnaie-staff", client.get_cookie("monnaie-staff").value)
    for _ in range(2):
        site.clock.advance(minutes=20)
        assert client.get("/personnel").status_code == 200

    assert thief.get("/personnel").status_code == 303


def test_twelve_hours_end_the_session_however_much_it_is_used(site: Site):
    client = site.client_of(Role.OPERATOR)
    for _ in range(12 * 3 - 1):
        site.clock.advance(minutes=20)
        assert client.get("/personnel").status_code == 200

    site.clock.advance(minutes=21)
    assert client.get("/personnel").status_code == 303


def test_a_link_signs_in_once_and_looking_at_it_spends_nothing(site: Site):
    person = site.staff(Role.OPERATOR)
    token = _link(site, person.staff_id)
    client = site.app.test_client()

    for _ in range(3):
        assert "Se connecter" in client.get(f"/connexion/lien/{token}").text
    assert client.post(f"/connexion/lien/{token}").status_code == 303
    assert client.get("/personnel").status_code == 200
    again = site.app.test_client().post(f"/connexion/lien/{token}")
    assert again.status_code == 410
    assert "sign_in_link_spent" in again.text


def test_a_link_expires(site: Site):
    token = _link(site, site.staff(Role.OPERATOR).staff_id)
    site.clock.advance(hours=24)

    assert site.app.test_client().post(f"/connexion/lien/{token}").status_code == 410


def test_signing_in_takes_a_new_token_and_ends_the_browsers_former_session(site: Site):
    client = site.client_of(Role.OPERATOR)
    former = client.get_cookie("monnaie-staff").value
    site.sign_in(client, site.staff(Role.AUDITOR))
    replay = site.app.test_client()
    replay.set_cookie("monnaie-staff", former)

    assert client.get_cookie("monnaie-staff").value != former
    assert replay.get("/personnel").status_code == 303


def test_closing_an_account_ends_its_sessions_at_once(site: Site):
    client, person = site.app.test_client(), site.staff(Role.AUDITOR)
    site.sign_in(client, person)
    operator = site.client_of(Role.OPERATOR)

    response = operator.post(
        f"/personnel/{person.staff_id}/acces", data={"active": "0", "csrf_token": csrf_token(operator)}
    )

    assert response.status_code == 303
    assert client.get("/personnel").status_code == 303
    assert site.sign_in(site.app.test_client(), person).status_code == 401


def test_nothing_secret_is_stored_in_clear(site: Site):
    client, person = site.app.test_client(), site.staff(Role.OPERATOR, name="Camille Exemple")
    site.sign_in(client, person)
    token = client.get_cookie("monnaie-staff").value.split(".")[0]

    with reading(site.rt.engine) as db:
        stored = "".join(
            repr(tuple(row))
            for table in ("staff", "sessions", "audit_events")
            for row in db.execute(text(f"SELECT * FROM {table}"))
        )

    assert person.login in stored  # the control: what is stored would be seen
    for secret in (person.password, person.totp_secret.hex(), token, "Camille"):
        assert secret not in stored


def test_the_page_asked_for_comes_after_signing_in_and_no_other_site(site: Site):
    client, person = site.app.test_client(), site.staff(Role.OPERATOR)
    asked = client.get("/journal-des-actions?page=2")

    assert asked.headers["Location"] == "/connexion?suite=/journal-des-actions?page%3D2"
    assert site.sign_in(client, person, suite="/journal-des-actions?page=2").headers["Location"].endswith("page=2")
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        site.clock.advance(minutes=1)
        assert site.sign_in(client, person, suite=elsewhere).headers["Location"] == "/"


def _link(site: Site, staff_id: int) -> str:
    return transact(
        site.rt.engine,
        operations.create_sign_in_link,
        territory_id=TERRITORY_ID,
        staff_id=staff_id,
        actor="job:test",
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )
