"""A month reopened in the browser by two people, and a close that outlasts its page."""

import io
import threading
import zipfile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from monnaie_locale.closing import app as closing_app
from monnaie_locale.closing import runs
from monnaie_locale.closing.errors import NothingToClose
from monnaie_locale.closing.model import Stage
from monnaie_locale.exports import app as exports_app
from monnaie_locale.identity.roles import Role
from monnaie_locale.office import app as office_app
from monnaie_locale.reconciliation import app as bank_app
from tests.factories.ledger import World
from tests.factories.month import OCTOBER, Month2026, moment, open_month_in
from tests.factories.site import Site, build_site, csrf_token

MONTH = "/bureau/arretes/2026-10"
KEPT = "/bureau/arretes/conserves/1"


def init(app: Flask) -> None:
    for package in (office_app, bank_app, exports_app, closing_app):
        package.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=init)


@pytest.fixture
def month(site: Site) -> Month2026:
    return open_month_in(World(site.rt.engine), keyring=site.rt.keyring)


def post(client: FlaskClient, path: str, *, follow: bool = True, **fields: object) -> TestResponse:
    token = csrf_token(client, "/bureau")
    return client.post(path, data={"csrf_token": token, **fields}, follow_redirects=follow)


def test_two_people_reopen_a_month_and_close_it_again(site: Site, month: Month2026) -> None:
    month.live()
    site.clock.now = moment(3, 11)
    accountant, approver = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    post(accountant, f"{MONTH}/preparer", carried_reason="Complément demandé")
    closed = post(approver, "/bureau/arretes/1/approuver")
    assert "conservés tels quels" in closed.text
    first = accountant.get(f"{MONTH}/certificat").data
    documents = accountant.get(f"{MONTH}/dossier").data

    site.clock.now = moment(5, 11)
    accountant, approver = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    assert post(accountant, "/bureau/arretes/1/reouverture", reason="").status_code == 422
    assert post(approver, "/bureau/arretes/1/reouverture", reason="x").status_code == 403
    assert post(approver, "/bureau/arretes/1/reouverture/approuver").status_code == 409
    asked = post(accountant, "/bureau/arretes/1/reouverture", reason="Frais oubliés.")
    assert "La réouverture est demandée" in asked.text
    both = site.client_of(Role.ACCOUNTANT, Role.APPROVER)
    post(both, "/bureau/arretes/1/reouverture", reason="Frais oubliés.")
    assert "code>reopening_maker_is_checker<" in post(both, "/bureau/arretes/1/reouverture/approuver").text
    assert "Approuver et rouvrir le mois" in approver.get(MONTH).text
    reopened = post(approver, "/bureau/arretes/1/reouverture/approuver")
    assert "est rouvert" in reopened.text
    assert "Arrêtés précédents de ce mois" in reopened.text
    assert "Frais oubliés." in reopened.text

    site.clock.now = moment(6, 11)
    accountant, approver = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    post(accountant, f"{MONTH}/preparer", carried_reason="Complément demandé")
    post(approver, "/bureau/arretes/2/approuver")
    assert accountant.get(f"{KEPT}/certificat").data == first
    assert accountant.get(f"{MONTH}/certificat").data != first
    kept, now = (
        {name: archive.read(name) for name in archive.namelist()}
        for archive in (zipfile.ZipFile(io.BytesIO(each)) for each in (
            accountant.get(f"{KEPT}/dossier").data, accountant.get(f"{MONTH}/dossier").data,
        ))
    )  # fmt: skip
    before = zipfile.ZipFile(io.BytesIO(documents))
    assert kept == {name: before.read(name) for name in before.namelist()}
    assert now["close-certificate-1.json"] == first
    assert now["reopening-act-1.json"] == accountant.get(f"{KEPT}/acte").data
    assert accountant.get("/bureau/arretes/conserves/2/acte").status_code == 404


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_same_by_json(site: Site, month: Month2026) -> None:
    month.live()
    close = month.approve(month.prepare())
    site.clock.now = moment(5, 11)

    def call(role: Role, path: str, **body: object) -> TestResponse:
        client = site.client_of(role)
        headers = {"X-CSRF-Token": csrf_token(client, "/bureau"), "Idempotency-Key": path}
        return client.post(f"/api/v1{path}", json=body, headers=headers)

    path = f"/closes/{close.close_id}/reopening"
    assert call(Role.APPROVER, f"{path}/approval").json["code"] == "reopening_not_prepared"
    asked = call(Role.ACCOUNTANT, path, reason="Frais oubliés.")
    assert (asked.status_code, asked.json["approved_by"], asked.json["act"]) == (201, None, "")
    approved = call(Role.APPROVER, f"{path}/approval")
    assert approved.json["act"].startswith("{")
    again = call(Role.ACCOUNTANT, path, reason="Encore.")
    assert again.json["code"] == "idempotency_key_reused" or again.json["code"] == "close_not_closed"


def test_a_run_shows_how_far_it_is_then_leads_to_the_month(site: Site, month: Month2026) -> None:
    del month
    accountant = site.client_of(Role.ACCOUNTANT)
    told, go_on = threading.Event(), threading.Event()

    def work(tell) -> None:
        tell(Stage("Vérification des écritures", 5, 10))
        told.set()
        go_on.wait()

    started = runs.start(site.rt, month=OCTOBER, step=runs.PREPARE, actor="staff:3", work=work)
    told.wait()
    page = f"/bureau/arretes/en-cours/{started.run_id}"
    shown = accountant.get(page)
    assert '<progress class="progress" id="progress" max="10" value="5">' in shown.text
    assert 'http-equiv="refresh"' in shown.text
    site.clock.advance(minutes=11)
    assert "s’est arrêté pendant ce travail" in accountant.get(page).text
    go_on.set()
    assert started.wait(600)
    assert accountant.get(page).location == MONTH

    def refuse(_tell) -> None:
        raise NothingToClose

    refused = runs.start(site.rt, month=OCTOBER, step=runs.PREPARE, actor="staff:3", work=refuse)
    with pytest.raises(NothingToClose):
        refused.wait(600)
    shown = accountant.get(f"/bureau/arretes/en-cours/{refused.run_id}")
    assert "aucune écriture à arrêter" in shown.text
    assert 'http-equiv="refresh"' not in shown.text
    assert accountant.get("/bureau/arretes/en-cours/99").status_code == 404


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_close_longer_than_its_page_goes_on_without_it(site: Site, month: Month2026) -> None:
    month.live()
    site.clock.now = moment(3, 11)
    accountant = site.client_of(Role.ACCOUNTANT)
    site.app.config["CLOSE_PATIENCE_SECONDS"] = 0.01

    # Somebody holds the posting lock: the close waits for it, the page does not.
    with site.rt.engine.begin() as db:
        db.execute(text("SELECT 1 FROM ledger_heads FOR UPDATE"))
        sent = post(accountant, f"{MONTH}/preparer", follow=False, carried_reason="Complément demandé")
        assert sent.location == "/bureau/arretes/en-cours/1"
        assert "<progress" in accountant.get(sent.location).text
    while (shown := accountant.get(sent.location)).status_code == 200:
        assert "<progress" in shown.text
    assert shown.location == MONTH
    assert "à approuver" in accountant.get(MONTH).text
