"""The page of a month's differences: accept, split, book as charges, carry, undo; who may, and what is noted."""

import datetime
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monnaie_locale.app import create_app
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decision_queries import refused_statements_of
from monnaie_locale.reconciliation.decisions import By, undo
from monnaie_locale.reconciliation.differences.model import DifferenceKind, DifferenceState
from monnaie_locale.reconciliation.differences.operations import carry, import_noting_refusals
from monnaie_locale.reconciliation.differences.queries import differences, month_view
from monnaie_locale.runtime import Runtime
from tests.factories.month import MAKER, BankLine, Month2026, moment, open_month
from tests.factories.site import Clock, Site, csrf_token

OCTOBER = Month(2026, 10)
PAGE = "/bureau/ecarts/2026-10"
DEBIT = BankLine(cents=-1_700, on=datetime.date(2026, 10, 6), text="PRLV INCONNU")
AMOUNT = re.compile(r"<h3>([^<]+)</h3>")


def by(note: str) -> By:
    return By(territory_id=1, actor=MAKER, note=note, now=moment(2, 11))


def found(month: Month2026) -> list[tuple[DifferenceKind, DifferenceState]]:
    with reading(month.engine) as db:
        return [(each.kind, each.state) for each in differences(db, month.territory_id, OCTOBER)]


def site_of(month: Month2026) -> Site:
    clock = Clock(moment(2, 11))
    rt = Runtime(
        engine=month.engine, keyring=month.keyring, territory_id=1, base_url="http://localhost", clock=clock
    )  # fmt: skip
    return Site(create_app(rt), rt, clock)


def post(client: FlaskClient, path: str, **fields: str) -> int:
    return client.post(path, data=fields | {"csrf_token": csrf_token(client, PAGE)}).status_code


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Give a month in which 17 € have left the reserve without a reason, split into lines of 12 € and 5 €."""
    month = open_month(db_engine)
    month.import_(month.first_statement(DEBIT), now=moment(11))
    return month


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_an_accountant_splits_carries_and_undoes_without_a_script(month: Month2026) -> None:
    client = site_of(month).client_of(Role.ACCOUNTANT)
    page = client.get(PAGE).text
    assert AMOUNT.findall(page) == ["Débit inconnu : 17,00\xa0€"] or "Débit inconnu" in page

    split = {"kind1": "bank_charge", "amount1": "12,00", "note": "Frais de dossier"}
    assert post(client, "/bureau/ecarts/partager/1/2/1", **split) == 303
    assert sorted(found(month)) == [
        (DifferenceKind.BANK_CHARGE, DifferenceState.OPEN),
        (DifferenceKind.DEBIT_UNKNOWN, DifferenceState.OPEN),
    ]
    key = "debit_unknown|line:1/2.1"
    assert post(client, f"{PAGE}/reporter", key=key, note="") == 422
    assert post(client, f"{PAGE}/reporter", key=key, note="La banque cherche") == 303
    assert (DifferenceKind.DEBIT_UNKNOWN, DifferenceState.CARRIED) in found(month)
    assert "La banque cherche" in client.get(PAGE).text

    assert post(client, f"{PAGE}/annuler/1", note="Lu trop vite") == 303
    assert post(client, f"{PAGE}/annuler/2", note="Elle a répondu") == 303
    assert found(month) == [(DifferenceKind.DEBIT_UNKNOWN, DifferenceState.OPEN)]

    assert post(client, f"{PAGE}/frais/1/2/1") == 303
    assert found(month) == [(DifferenceKind.BANK_CHARGE, DifferenceState.OPEN)]
    assert post(client, f"{PAGE}/frais/1/2/1") == 409


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_proposal_is_accepted_once_and_only_as_it_was_read(db_engine: Engine) -> None:
    month = open_month(db_engine)
    first = month.first_statement(DEBIT).replace(month.order.reference.encode(), b"SANS REFERENCE")
    month.import_(first, now=moment(11))
    client = site_of(month).client_of(Role.ACCOUNTANT)
    with reading(db_engine) as db:
        (proposal,) = month_view(db, 1, OCTOBER).proposals
    assert "seul attendu de ce montant" in client.get(PAGE).text

    assert post(client, f"{PAGE}/proposition", key="0" * 16) == 409
    assert post(client, f"{PAGE}/proposition", key=proposal.key) == 303
    assert post(client, f"{PAGE}/proposition", key=proposal.key) == 409
    assert found(month) == [(DifferenceKind.DEBIT_UNKNOWN, DifferenceState.OPEN)]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_who_may_only_read_sees_no_button_and_is_refused(month: Month2026) -> None:
    client = site_of(month).client_of(Role.AUDITOR)

    page = client.get(PAGE).text

    assert "Débit inconnu" in page
    assert "Passer en frais bancaires" not in page
    assert post(client, f"{PAGE}/frais/1/2/1") == 403


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "path", ["/bureau/ecarts/octobre", "/bureau/ecarts/2026-13", "/bureau/ecarts/0001-01", f"{PAGE}/reporter?ecart=x"]
)
def test_a_page_that_is_none_says_so(month: Month2026, path: str) -> None:
    assert site_of(month).client_of(Role.ACCOUNTANT).get(path).status_code == 404


def test_what_is_carried_is_open_again_the_month_after_and_stays_as_it_was_in_the_closed_one(
    db_engine: Engine,
) -> None:
    month = open_month(db_engine)
    month.live(BankLine(cents=-400, on=datetime.date(2026, 10, 30), text="PRLV INCONNU"))
    transact(db_engine, carry, by=by("La banque cherche"), month=OCTOBER, key="debit_unknown|line:2/4.1")
    with pytest.raises(errors.DifferenceUnknown):
        transact(db_engine, carry, by=by("Encore"), month=OCTOBER, key="debit_unknown|line:2/4.1")
    close = month.prepare(carried_reason="La banque cherche.")
    before = found(month)
    month.approve(close)

    assert found(month) == before
    with reading(db_engine) as db:
        november = {each.kind: each.state for each in differences(db, 1, OCTOBER.next())}
        assert month_view(db, 1, OCTOBER).proposals == ()
    assert november[DifferenceKind.DEBIT_UNKNOWN] is DifferenceState.OPEN
    with pytest.raises(errors.DecisionPeriodClosed):
        transact(db_engine, undo, by=by("Trop tard"), decision_id=1)


def test_a_statement_that_is_refused_is_noted_once(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement(), now=moment(11))
    again = {"territory_id": 1, "content": month.first_statement(), "actor": MAKER, "now": moment(12)}
    for _ in range(2):
        with pytest.raises(errors.StatementAlreadyImported):
            import_noting_refusals(db_engine, **again)
    with pytest.raises(errors.StatementNotXml):
        import_noting_refusals(db_engine, **(again | {"content": b"x"}))

    with reading(db_engine) as db:
        assert [each.code for each in refused_statements_of(db, territory_id=1)] == ["statement_already_imported"]
    assert found(month) == [(DifferenceKind.STATEMENT_REPEATED, DifferenceState.EXPLAINED)]
