"""The accountant's month in the browser: statement in, differences settled, two people, files out."""

import base64
import io
import json
import zipfile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monnaie_locale.closing import app as closing_app
from monnaie_locale.closing.certificate import verify_certificate
from monnaie_locale.exports import app as exports_app
from monnaie_locale.identity.roles import Role
from monnaie_locale.office import app as office_app
from monnaie_locale.reconciliation import app as bank_app
from tests.factories.ledger import World
from tests.factories.month import BankLine, Month2026, moment, open_month_in
from tests.factories.site import Site, build_site, csrf_token

MONTH = "/bureau/arretes/2026-10"


def init(app: Flask) -> None:
    for package in (office_app, bank_app, exports_app, closing_app):
        package.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=init)


@pytest.fixture
def month(site: Site) -> Month2026:
    return open_month_in(World(site.rt.engine), keyring=site.rt.keyring)


def post(client: FlaskClient, path: str, **fields: object):
    return client.post(path, data={"csrf_token": csrf_token(client, "/bureau"), **fields}, follow_redirects=True)


def upload(client: FlaskClient, content: bytes, **fields: object):
    return post(client, "/bureau/banque", file=(io.BytesIO(content), "releve.xml"), **fields)


def test_a_month_from_the_statement_to_the_signed_certificate(site: Site, month: Month2026) -> None:
    site.clock.now = moment(11)
    accountant = site.client_of(Role.ACCOUNTANT)

    # The statement comes in: first only tried, then imported; one line has no explanation.
    unknown = BankLine(cents=-1_700, on=moment(6).date(), text="PRLV INCONNU")
    tried = upload(accountant, month.first_statement(unknown), rehearse="1")
    assert "Rien n’a été enregistré" in tried.text
    imported = upload(accountant, month.first_statement(unknown))
    assert "2 mouvements, 1 à classer" in imported.text
    assert "Débit inconnu" in accountant.get("/bureau/banque").text
    again = upload(accountant, month.first_statement(unknown))
    assert again.status_code == 409
    assert "déjà importé" in again.text

    # She says what it is.
    wrong = post(accountant, "/bureau/banque/1/2/1", kind="payout_settled", note="?")
    assert wrong.status_code == 422
    settled = post(accountant, "/bureau/banque/1/2/1", kind="bank_charge", note="Abonnement en ligne")
    assert "Abonnement en ligne" in settled.text

    # The month goes on, and its second statement comes in.
    month.spend()
    payout = month.pay()
    site.clock.now = moment(3, 11)
    accountant = site.client_of(Role.ACCOUNTANT)
    assert "à régler" in accountant.get(MONTH).text
    upload(accountant, month.second_statement(payout, opening=100_000 - 1_700))

    # She prepares; she may not approve; a person with both rights may not either.
    both = site.client_of(Role.ACCOUNTANT, Role.APPROVER)
    assert post(accountant, f"{MONTH}/preparer", carried_reason="Complément demandé").status_code == 200
    assert post(accountant, "/bureau/arretes/1/approuver").status_code == 403
    assert post(both, f"{MONTH}/preparer", carried_reason="Complément demandé").status_code == 200
    refused = post(both, "/bureau/arretes/1/approuver")
    assert refused.status_code == 403
    assert "code>maker_is_checker<" in refused.text
    assert "à approuver" in site.client_of(Role.APPROVER).get("/bureau").text

    # Another person approves, and the files come out.
    approved = post(site.client_of(Role.APPROVER), "/bureau/arretes/1/approuver")
    assert "est arrêté" in approved.text
    certificate = accountant.get(f"{MONTH}/certificat").get_data(as_text=True)
    assert verify_certificate(certificate=certificate, public_key_pem=site.rt.keyring.public_key_pem) == ()
    assert json.loads(certificate)["certificate"]["reserve_cents"] == 100_000 - 1_700 - 5_250 - 300
    archive = zipfile.ZipFile(io.BytesIO(accountant.get(f"{MONTH}/dossier").data))
    assert "ecritures-2026-10.txt" in archive.namelist()
    assert archive.read("reconciliation.pdf") == accountant.get(f"{MONTH}/rapprochement").data
    closed_again = post(accountant, f"{MONTH}/preparer", carried_reason="Complément demandé")
    assert closed_again.status_code == 409
    assert "déjà arrêté" in closed_again.text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_every_page_of_the_month_opens_for_who_reads_the_books(site: Site, month: Month2026) -> None:
    month.live()
    site.clock.now = moment(3, 11)
    auditor = site.client_of(Role.AUDITOR)
    pages = (
        "/bureau", "/bureau/journal", "/bureau/journal?avant=3", "/bureau/journal/1", "/bureau/journal/comptes/1",
        "/bureau/journal/verification", "/bureau/banque", "/bureau/banque/1", "/bureau/arretes", MONTH,
        "/bureau/exports", "/bureau/exports/fec?year=2026", "/bureau/exports/journal?through=2026-10-31",
        "/bureau/exports/balance?through=2026-10-31", "/bureau/exports/virements/1",
    )  # fmt: skip

    assert {page: auditor.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
    assert auditor.get("/bureau/exports/fec?year=abc").status_code == 422
    assert auditor.get("/bureau/exports/journal?through=").status_code == 422
    for missing in ("/bureau/journal/999", "/bureau/journal/comptes/999", "/bureau/banque/9", f"{MONTH}/certificat"):
        assert auditor.get(missing).status_code == 404, missing
    assert auditor.get("/bureau/arretes/octobre").status_code == 422
    assert post(auditor, "/bureau/banque").status_code == 403
    assert site.client_of(Role.AGENT).get("/bureau/journal").status_code == 403


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_same_by_json(site: Site, month: Month2026) -> None:
    month.live()
    site.clock.now = moment(3, 11)
    client = site.client_of(Role.ACCOUNTANT)
    token = csrf_token(client, "/bureau")

    def call(path: str, **body: object):
        headers = {"X-CSRF-Token": token, "Idempotency-Key": f"{path}-{len(body)}"}
        return client.post(f"/api/v1{path}", json=body, headers=headers)

    assert client.get("/api/v1/journal/entries?limit=4").json["next_cursor"]
    assert client.get("/api/v1/journal/entries/1").json["kind"] == "funding"
    assert client.get("/api/v1/journal/verification").json == {"ok": True, "entries": 9, "findings": []}
    assert client.get("/api/v1/journal/head").json["owed_cents"] == 24_750
    assert [each["id"] for each in client.get("/api/v1/statements").json["statements"]] == [2, 1]
    assert len(client.get("/api/v1/statements/2").json["lines"]) == 3
    assert client.get("/api/v1/checklists/2026-10").json["is_clean"] is False
    assert client.get("/api/v1/exports/fec?year=2026").json["name"] == "732829320FEC20261231.txt"
    assert client.get("/api/v1/exports/payouts/1").json["media_type"] == "application/xml"

    assert call("/statements", camt053_base64="PGh0bWwvPg==").json["code"] == "statement_not_camt053"
    assert call("/closes", month="2026-10").json["code"] == "checklist_not_clean"
    prepared = call("/closes", month="2026-10", carried_reason="Complément demandé")
    assert (prepared.status_code, prepared.json["state"]) == (201, "prepared")
    assert call("/closes/1/approval").status_code == 403
    assert client.get("/api/v1/closes").json["closes"][0]["certificate"] == ""


def test_a_statement_by_json_is_rehearsed_imported_once_and_settled(site: Site, month: Month2026) -> None:
    site.clock.now = moment(11)
    client = site.client_of(Role.ACCOUNTANT)
    token = csrf_token(client, "/bureau")
    unknown = BankLine(cents=4_242, on=moment(6).date(), text="INCONNU")
    body = {"camt053_base64": base64.b64encode(month.first_statement(unknown)).decode()}

    def call(path: str, body: dict[str, object], *, key: str):
        return client.post(f"/api/v1{path}", json=body, headers={"X-CSRF-Token": token, "Idempotency-Key": key})

    rehearsed = call("/statements/rehearsal", body, key="r")
    assert (rehearsed.status_code, rehearsed.json["is_rehearsal"], rehearsed.json["in_suspense"]) == (200, True, 1)
    assert client.get("/api/v1/statements").json["statements"] == []

    imported = call("/statements", body, key="k1")
    assert (imported.status_code, imported.json["is_rehearsal"]) == (201, False)
    assert imported.json["lines"][0]["entry_id"] == 1
    assert call("/statements", body, key="k1").json == imported.json
    assert call("/statements", body, key="k2").json["code"] == "statement_already_imported"
    assert call("/statements", {"camt053_base64": "pas du base64"}, key="k3").json["code"] == "statement_not_xml"

    path = "/statements/1/lines/2/resolution"
    assert call(path, {"kind": "bank_charge", "note": "?"}, key="k4").json["code"] == "resolution_impossible"
    assert call(path, {"kind": "nonsense", "note": "?"}, key="k5").status_code == 422
    settled = call(path, {"kind": "reserve_top_up", "note": "Avance de l'association"}, key="k6")
    assert (settled.status_code, settled.json["resolved_as"]) == (201, "reserve_top_up")
    again = call(path, {"kind": "reserve_top_up", "note": "Encore"}, key="k7")
    assert again.json["code"] == "bank_line_already_resolved"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)
def test_a_number_too_long_for_a_database_is_an_address_that_does_not_exist(site: Site) -> None:
    client = site.client_of(Role.ACCOUNTANT)

    for path in ("/bureau/journal/", "/bureau/banque/", "/api/v1/journal/entries/", "/api/v1/closes/"):
        for digits in (9, 10, 15, 40):
            assert client.get(path + "9" * digits).status_code == 404, path
