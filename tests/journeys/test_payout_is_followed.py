"""The back office follows a payout: the bank's answer comes in, each line says where it stands and what to do next."""

import io

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from merchants import app as merchants_app
from merchants.model import Payout
from monnaie_locale.exports import app as exports_app
from monnaie_locale.identity.roles import Role
from monnaie_locale.office import app as office_app
from monnaie_locale.reconciliation import app as bank_app
from tests.factories.ledger import World
from tests.factories.month import FUNDED_CENTS, BankLine, Month2026, moment, open_month_in, statement_xml
from tests.factories.pain002 import status_report
from tests.factories.site import Site, build_site, csrf_token

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def init(app: Flask) -> None:
    for package in (office_app, bank_app, merchants_app, exports_app):
        package.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=init)


@pytest.fixture
def month(site: Site) -> Month2026:
    month = open_month_in(World(site.rt.engine), keyring=site.rt.keyring)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    site.clock.now = moment(27)
    return month


def post(client: FlaskClient, path: str, **fields: object):
    return client.post(path, data={"csrf_token": csrf_token(client, "/bureau"), **fields}, follow_redirects=True)


def upload(client: FlaskClient, content: bytes, **fields: object):
    return post(client, "/bureau/banque", file=(io.BytesIO(content), "reponse.xml"), **fields)


def answer_of(payout: Payout) -> bytes:
    first, second = payout.lines
    told = [(first.end_to_end_id, "RJCT", "AC04"), (second.end_to_end_id, "ACCP", "")]
    return status_report(group="PART", payments=told, order=payout.message_id)


def test_the_banks_answer_is_shown_line_by_line(site: Site, month: Month2026) -> None:
    payout = month.pay()
    accountant = site.client_of(Role.ACCOUNTANT)
    page = f"/bureau/virements/{payout.id}"
    assert "Aucune réponse de la banque" in accountant.get(page).text
    assert "Commission de l’émetteur" in accountant.get(page).text

    tried = upload(accountant, answer_of(payout), rehearse="1")
    assert "nouvelles de nos virements" in tried.text
    assert "accepté par la banque" not in accountant.get(page).text

    heard = upload(accountant, answer_of(payout))
    assert "La somme est de nouveau due au commerce" in heard.text
    shown = accountant.get(page).text
    assert "rejeté par la banque" in shown
    assert "Compte clos (AC04)" in shown
    assert "Demandez un nouveau RIB" in shown
    assert "accepté par la banque" in shown
    assert upload(accountant, answer_of(payout)).status_code == 409

    site.clock.now = moment(3, 11)
    accountant = site.client_of(Role.ACCOUNTANT)
    debit = BankLine(
        cents=-payout.lines[1].amount_cents, on=moment(27).date(), end_to_end_id=payout.lines[1].end_to_end_id,
        code=("PMNT", "ICDT", "ESCT"),
    )  # fmt: skip
    assert upload(accountant, second_day(debit)).status_code == 200
    assert ">payé<" in accountant.get(page).text


def second_day(*lines: BankLine, closing_gap: int = 0) -> bytes:
    """Return the statement after the first one."""
    from_on, to_on = moment(11).date(), moment(31).date()
    moved = sum(line.cents for line in lines)
    return statement_xml(
        *lines, identifier="REL-2", opening=FUNDED_CENTS, from_on=from_on, to_on=to_on,
        closing=FUNDED_CENTS + moved + closing_gap,
    )  # fmt: skip


def test_a_statement_that_does_not_add_up_is_taken_only_when_asked(site: Site, month: Month2026) -> None:
    site.clock.now = moment(3, 11)
    accountant = site.client_of(Role.ACCOUNTANT)
    refused = upload(accountant, second_day(closing_gap=-200))
    assert refused.status_code == 422
    assert "ne tombe pas juste" in refused.text
    taken = upload(accountant, second_day(closing_gap=-200), gap="1")
    assert taken.status_code == 200
    assert "que le relevé ne détaille pas" in taken.text
    assert "1 à classer" in taken.text


def test_the_terms_are_decided_by_who_approves(site: Site, month: Month2026) -> None:
    accountant, approver = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    wanted = {"version": "03", "minimum": "2,00", "fee": "0,50"}
    assert post(accountant, "/bureau/virements/regles", **wanted).status_code == 403
    assert post(approver, "/bureau/virements/regles", **(wanted | {"fee": "11"})).status_code == 422
    assert "Les règles sont changées" in post(approver, "/bureau/virements/regles", **wanted).text
    assert 'value="0,50"' in accountant.get("/bureau/virements/regles").text
    assert 'value="2,00"' in accountant.get("/bureau/virements/preparer").text


def test_a_certification_is_recorded_once(site: Site, month: Month2026) -> None:
    manager = site.client_of(Role.PROGRAMME_MANAGER)
    wanted = {"merchant": str(month.shops[0].id), "year": "2026", "document": "attestation du 02/10/2026"}
    assert "Rien n’est retenu" in manager.get("/bureau/virements/cheques").text
    assert "est enregistrée" in post(manager, "/bureau/virements/cheques/certifier", **wanted).text
    again = post(manager, "/bureau/virements/cheques/certifier", **wanted)
    assert again.status_code == 409
    assert "a déjà certifié" in again.text
    approver = site.client_of(Role.APPROVER)
    assert "rien de périmé" in post(approver, f"/bureau/virements/cheques/{month.shops[0].id}/2026/perimer").text
