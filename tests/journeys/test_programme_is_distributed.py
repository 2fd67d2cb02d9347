"""A manager opens a programme and prepares a distribution from a file, another person approves it and posts it."""

import io

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import Role
from monnaie_locale.programmes import app as programmes_app
from monnaie_locale.programmes.operations.funding import receive_funding
from monnaie_locale.programmes.queries import funding_orders_of
from tests.factories import wallets
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site, csrf_token
from wallets import app as wallets_app
from wallets.queries import purse_views

PROGRAMME = {
    "name": "Aide alimentaire", "legal_basis": "convention", "decision_reference": "DEL-17",
    "decided_on": "2026-09-01", "budget": "1 000", "category_food": "1", "category_hygiene": "1",
    "pin_rule": "above", "pin_above": "20,00", "grace_days": "30", "expired_goes_to": "ccas",
}  # fmt: skip


def with_everything(app: Flask) -> None:
    programmes_app.init_app(app)
    wallets_app.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    built = build_site(db_engine, init=with_everything)
    for number in (1, 2):
        wallets.wallet(built.rt.engine, built.rt.keyring, f"M-{number}")
    return built


def post(client: FlaskClient, path: str, **values: object):
    token = csrf_token(client, "/bureau/dispositifs")
    return client.post(path, data={"csrf_token": token, **values})


def distribute(client: FlaskClient, lines: str):
    file = (io.BytesIO(f"reference;montant\n{lines}".encode()), "octobre.csv")
    return post(client, "/bureau/dispositifs/1/distribuer", label="Octobre 2026", expires_on="2026-12-31", file=file)


def balances(site: Site) -> list[int]:
    with reading(site.rt.engine) as db:
        return [
            sum(purse.balance_cents for purse in purse_views(db, territory_id=TERRITORY_ID, wallet_id=wallet_id))
            for wallet_id in (1, 2)
        ]


def test_from_the_decision_to_the_purses(site: Site) -> None:
    manager, approver = site.client_of(Role.PROGRAMME_MANAGER), site.client_of(Role.APPROVER)
    opened = post(manager, "/bureau/dispositifs/nouveau", **PROGRAMME)
    assert opened.headers["Location"] == "/bureau/dispositifs/1", opened.text
    assert post(manager, "/bureau/dispositifs/1/appels-de-fonds", amount="75,50").status_code == 303
    with reading(site.rt.engine) as db:
        (order,) = funding_orders_of(db, territory_id=TERRITORY_ID)
    assert order.reference in manager.get("/bureau/dispositifs/1").text

    assert distribute(manager, "M-1;45,50\nM-2;30\n").headers["Location"] == "/bureau/distributions/1"
    assert post(manager, "/bureau/distributions/1/valider").status_code == 403
    assert post(approver, "/bureau/distributions/1/valider").status_code == 303
    unfunded = post(approver, "/bureau/distributions/1/verser")
    assert unfunded.status_code == 409
    assert "il manque 75,50" in unfunded.text
    assert balances(site) == [0, 0]

    transact(
        site.rt.engine,
        receive_funding,
        territory_id=TERRITORY_ID,
        funding_order_id=order.funding_order_id,
        bank_reference="B1",
        booked_on=site.clock().date(),
        now=site.clock(),
    )
    assert post(approver, "/bureau/distributions/1/verser").status_code == 303
    assert balances(site) == [4_550, 3_000]
    page = approver.get("/bureau/distributions/1").text
    assert "versée" in page
    assert "M-2" in page


def test_who_holds_both_roles_still_may_not_approve_their_own(site: Site) -> None:
    both = site.client_of(Role.PROGRAMME_MANAGER, Role.APPROVER)
    post(both, "/bureau/dispositifs/nouveau", **PROGRAMME)
    distribute(both, "M-1;10\n")
    refused = post(both, "/bureau/distributions/1/valider")
    assert refused.status_code == 403
    assert "une autre personne" in refused.text


@pytest.mark.parametrize(
    ("lines", "place", "column"),
    [
        ("M-1;10\nM-9;5\n", "Ligne 3", "reference"),
        ("M-1;10\nM-1;5\n", "Ligne 3", "reference"),
        ("M-1;dix\n", "Ligne 2", "montant"),
        ("M-1;0\n", "Ligne 2", "montant"),
        ("M-1;-3\n", "Ligne 2", "montant"),
        ("M-1\n", "Ligne 2", "montant"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(site: Site, lines: str, place: str, column: str) -> None:
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    post(manager, "/bureau/dispositifs/nouveau", **PROGRAMME)
    refused = distribute(manager, lines)
    assert refused.status_code == 422
    assert place in refused.text
    assert column in refused.text
    assert manager.get("/bureau/distributions/1").status_code == 404


def test_what_is_missing_in_the_form_is_said_beside_each_field(site: Site) -> None:
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    page = post(manager, "/bureau/dispositifs/nouveau", name="Sans rien")
    assert page.status_code == 422
    assert "Choisissez au moins une catégorie." in page.text
    assert 'value="Sans rien"' in page.text


def test_closing_asks_to_be_sure(site: Site) -> None:
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    post(manager, "/bureau/dispositifs/nouveau", **PROGRAMME)
    assert post(manager, "/bureau/dispositifs/1/fermer").status_code == 422
    assert post(manager, "/bureau/dispositifs/1/fermer", confirm="1").status_code == 303
    assert "Ce dispositif est fermé" in manager.get("/bureau/dispositifs/1").text
    assert distribute(manager, "M-1;10\n").status_code == 409
