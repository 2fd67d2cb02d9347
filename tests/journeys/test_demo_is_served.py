"""The demonstration once it is served, weeks after its month: every invitation opens, every link leads somewhere."""

import datetime
import re
from html import unescape

import pytest
from werkzeug.test import Client

from monnaie_locale.app import create_app
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo.invitations import invitations, still_alive
from monnaie_locale.identity.roles import ROLE_NAMES, Role
from monnaie_locale.runtime import open_home
from tests.factories import demo as small

BASE_URL = "http://127.0.0.1:8000"
# Three weeks after the close; the aid of the month is still there to spend.
TODAY = datetime.datetime(2026, 11, 23, 10, 0, tzinfo=datetime.UTC)
NEXT_YEAR = datetime.datetime(2027, 3, 1, 10, 0, tzinfo=datetime.UTC)
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
LINK = re.compile(r'href="(/[^"#]*)')
PAGES_MAX = 150


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    demo = small.small_demo(tmp_path_factory.mktemp("served") / "out")
    rt = open_home(demo.home, base_url=BASE_URL)
    rt.clock = lambda: TODAY
    yield rt, create_app(rt), demo
    rt.stop()


@pytest.fixture
def rows(served):
    """Print the invitations anew: each is good for one entry, and a new pairing code voids the one before."""
    rt, _, demo = served
    return {row.label: row.value for row in invitations(rt, demo.ended, now=TODAY)}


def enter(app, address):
    """Follow an invitation as a person does: look, then press the button."""
    client = app.test_client()
    path = address.removeprefix(BASE_URL)
    page = client.get(path)
    assert page.status_code == 200, path
    action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    posted = client.post(unescape(action[1]) if action else path, data={"csrf_token": token_of(page)})
    assert posted.status_code == 303, posted.text
    return client


def token_of(page):
    found = CSRF.search(page.text)
    return found[1] if found else ""


def walk(client: Client, start="/"):
    """Return every page that can be reached by links, with its status."""
    seen, waiting = {}, [start]
    while waiting and len(seen) < PAGES_MAX:
        path = waiting.pop(0)
        if path in seen:
            continue
        answer = client.get(path)
        seen[path] = answer.status_code
        if answer.mimetype == "text/html":
            waiting += [unescape(found) for found in LINK.findall(answer.text)]
    return seen


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.TILL, Role.HOLDER, Role.PUBLIC}))
def test_each_role_enters_once_and_every_link_it_sees_works(served, rows, role):
    app = served[1]
    client = enter(app, rows[ROLE_NAMES[role].capitalize()])
    seen = walk(client)
    assert {path: status for path, status in seen.items() if status >= 400} == {}
    assert len(seen) > 3


def test_a_sign_in_link_is_spent_by_the_first_entry(served, rows):
    app = served[1]
    address = rows[ROLE_NAMES[Role.AUDITOR].capitalize()]
    enter(app, address)
    client = app.test_client()
    again = client.post(address.removeprefix(BASE_URL), data={"csrf_token": token_of(client.get("/connexion"))})
    assert again.status_code >= 400


def test_the_household_sees_what_is_left_and_the_shop_takes_some(served, rows):
    rt, app, demo = served
    card_path = rows["Carte d’un ménage"].removeprefix(BASE_URL)
    pin = rows[""].rpartition(" ")[2]
    holder = app.test_client()
    opened = holder.post(card_path, data={"pin": pin, "csrf_token": token_of(holder.get(card_path))})
    assert opened.status_code == 303
    page = holder.get("/porte-monnaie")
    assert "Aide alimentaire" in page.text

    till = enter(app, rows["Caisse à appairer (15 minutes)"])
    screen = till.get("/caisse")
    assert screen.status_code == 200
    key = re.search(r'name="key" value="([^"]+)"', screen.text)[1]
    paid = till.post(
        "/caisse",
        data={
            "csrf_token": token_of(screen),
            "key": key,
            "card": card_path.rpartition("/")[2],
            "amount": "0,01",
            "pin": pin,
        },
    )
    assert paid.status_code == 303, paid.text
    with reading(rt.engine) as db:
        verdict = verify_installation(db, territory_id=rt.territory_id, public_key_pem=rt.keyring.public_key_pem)
    assert verdict.ok
    assert verdict.entries > demo.ended.verdict.entries


def test_what_has_expired_since_is_said(served):
    grants = served[2].grants
    assert "périmée" not in still_alive(grants, now=TODAY)
    assert still_alive(grants, now=NEXT_YEAR).count("périmée") == 1
