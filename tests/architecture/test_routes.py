"""Every route says who may open it, and the guard does what the mark says."""

import importlib.util

import pytest
from flask import Blueprint, Flask
from sqlalchemy import Engine, event
from werkzeug.routing import IntegerConverter

from monnaie_locale.api.marks import OPEN_TO_ALL, mark_of
from monnaie_locale.database.engine import READ_ONLY
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import STAFF_ROLES, Permission, permits
from monnaie_locale.web.navigation import entries_of
from tests.factories.site import Site, build_site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)

# What nobody needs to sign in for. A new entry is a decision: write it here by hand.
PUBLIC_PREFIXES = (
    "/connexion",
    "/accessibilite",
    "/api/v1/openapi.json",
    # A monitor asks whether the service answers; it learns nothing else.
    "/api/v1/health",
    "/api/v1/problems/",
    "/w/",
    "/W/",
    "/p/",
    "/P/",
    # A phone's code asks for the PIN as a card does; the phone's page itself is the same for everybody.
    "/t/",
    "/T/",
    "/telephone/",
    # A shop's fixed code, and a receipt by its code: a GET shows, a POST pays by the phone's key or the open card, or
    # asks the shop for a refund.
    "/c/",
    "/C/",
    "/r/",
    "/R/",
    # A till is paired by the one-time code of its QR.
    "/caisse/appairer/",
    "/CAISSE/APPAIRER/",
    # What a device keeps of the till's page; a list of our own styles and scripts.
    "/caisse/service-worker.js",
)
# Pairing and confirming over JSON carry their own proof: the one-time code, or the card and its PIN.
PUBLIC_PATHS = ("/", "/porte-monnaie/au-revoir", "/api/v1/tills/pair", "/api/v1/payment-requests/confirm")


def build_app(engine: Engine) -> Site:
    """Build the whole application when it exists, else identity's part of it."""
    site = build_site(engine)
    if importlib.util.find_spec("monnaie_locale.app") is not None:
        roof = importlib.import_module("monnaie_locale.app")
        site.app = roof.create_app(site.rt)
    return site


def unmarked(app: Flask) -> list[str]:
    return [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.rpartition(".")[2] != "static" and mark_of(app.view_functions[rule.endpoint]) is None
    ]


def test_every_route_carries_a_known_permission(db_engine: Engine):
    app = build_app(db_engine).app

    assert not unmarked(app)
    for view in app.view_functions.values():
        if mark_of(view) is not None:
            Permission(mark_of(view))


def test_an_unmarked_route_is_seen_and_stays_shut(db_engine: Engine):
    blueprint = Blueprint("forgotten", __name__)
    blueprint.add_url_rule("/forgotten", "page", lambda: "secret")
    site = build_site(db_engine, blueprints=(blueprint,))

    assert unmarked(site.app) == ["/forgotten"]
    for client in (site.app.test_client(), site.client_of(*STAFF_ROLES)):
        answer = client.get("/forgotten")
        assert answer.status_code == 403
        assert "secret" not in answer.text


def test_only_the_listed_addresses_are_public(db_engine: Engine):
    app = build_app(db_engine).app

    public = {
        rule.rule for rule in app.url_map.iter_rules() if mark_of(app.view_functions[rule.endpoint]) == OPEN_TO_ALL
    }

    assert not {path for path in public if path not in PUBLIC_PATHS and not path.startswith(PUBLIC_PREFIXES)}


def test_a_visitor_opens_nothing_but_public_pages(db_engine: Engine):
    site = build_app(db_engine)
    client = site.app.test_client()

    for rule in site.app.url_map.iter_rules():
        marked = mark_of(site.app.view_functions[rule.endpoint])
        if marked in (None, OPEN_TO_ALL):
            continue
        path = site.app.url_map.bind("localhost").build(rule.endpoint, _any_values(rule))
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            answer = client.open(path, method=method)
            assert answer.status_code in {303, 401}, (method, path, answer.status_code)


def test_nobody_opens_a_page_that_the_role_does_not_allow(db_engine: Engine):
    site = build_app(db_engine)
    for role in sorted(STAFF_ROLES):
        client = site.client_of(role)
        for rule in site.app.url_map.iter_rules():
            marked = mark_of(site.app.view_functions[rule.endpoint])
            if marked in (None, OPEN_TO_ALL) or permits(roles=frozenset({role}), permission=Permission(marked)):
                continue
            path = site.app.url_map.bind("localhost").build(rule.endpoint, _any_values(rule))
            if "GET" in rule.methods:
                assert client.get(path).status_code in {401, 403}, (role, path)


def test_looking_at_pages_writes_nothing(db_engine: Engine):
    site = build_app(db_engine)
    client = site.client_of(*STAFF_ROLES)
    site.clock.advance(minutes=5)
    written: list[str] = []
    event.listen(
        db_engine, "before_cursor_execute", lambda *call: written.append(call[2]) if _writes(call[2]) else None
    )
    # On SQLite whoever may write begins straight on the driver.
    event.listen(
        db_engine, "begin", lambda db: None if db.get_execution_options().get(READ_ONLY) else written.append("BEGIN")
    )

    looked_at = 0
    for rule in site.app.url_map.iter_rules():
        if "GET" in rule.methods and rule.endpoint.rpartition(".")[2] != "static":
            path = site.app.url_map.bind("localhost").build(rule.endpoint, _any_values(rule))
            client.get(path)
            looked_at += 1

    assert looked_at > 5
    assert not written
    site.client_of(*STAFF_ROLES)
    assert written  # the control: a write would have been seen


def test_the_two_names_of_public_are_one(db_engine: Engine):
    assert Permission.OPEN_TO_ALL == OPEN_TO_ALL
    assert mark_of(access.public(lambda: None)) == OPEN_TO_ALL


def _writes(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE"))


def _any_values(rule) -> dict[str, object]:
    return {name: 1 if isinstance(rule._converters[name], IntegerConverter) else "x" for name in rule.arguments}


def test_each_line_of_the_menu_has_its_own_blueprint(db_engine: Engine):
    """The menu marks where one is by the blueprint: two lines of one would both be marked."""
    lines = [entry.endpoint.partition(".")[0] for entry in entries_of(build_app(db_engine).app)]

    assert len(lines) > 5
    assert len(set(lines)) == len(lines)
