"""The chart of accounts on real databases: versions that stay, closed years that keep theirs, confirmations dated."""

import datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.app import create_app
from monnaie_locale.chart import errors
from monnaie_locale.chart.model import RULES, CcasRole
from monnaie_locale.chart.operations import applies_from, confirm_account, set_account
from monnaie_locale.chart.queries import chart_of
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.exports.operations import fec_of
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.accounts import AccountKind, GeneralAccount
from monnaie_locale.programmes.errors import ProgrammeUnknown
from tests.factories.month import MAKER, moment, open_month
from tests.factories.site import build_site, csrf_token
from tests.factories.vandal import run

IN_2026, IN_2027 = datetime.date(2026, 12, 31), datetime.date(2027, 1, 1)
CIRCULATION = GeneralAccount("467110", "Bons en circulation")


def set_(engine: Engine, role: str = "purse", account: GeneralAccount = CIRCULATION, **more: object):
    values = {"book": "issuer", "actor": MAKER, "now": moment(20)} | more
    return transact(engine, set_account, territory_id=1, role=role, account=account, **values)


def confirm(engine: Engine, code: str, role: str = "purse", **more: object):
    values = {"book": "issuer", "actor": "staff:9", "now": moment(21)} | more
    return transact(engine, confirm_account, territory_id=1, role=role, code=code, **values)


def code_on(engine: Engine, day: datetime.date) -> str:
    with reading(engine) as db:
        return chart_of(db, territory_id=1, day=day).issuer(AccountKind.PURSE).code


def test_a_code_applies_to_the_whole_year_while_no_month_is_closed(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()

    line = set_(db_engine)

    assert (line.account, line.effective_on, line.set_by) == (CIRCULATION, datetime.date(2026, 1, 1), MAKER)
    assert code_on(db_engine, IN_2026) == "467110"
    with reading(db_engine) as db:
        fec = fec_of(db, territory_id=1, year=2026).content.decode()
    assert "\t467110\tBons en circulation\t" in fec
    assert "\t467100\t" not in fec


def test_once_a_month_is_closed_its_year_keeps_its_codes(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    month.approve(month.prepare())

    line = set_(db_engine)

    assert line.effective_on == IN_2027
    assert (code_on(db_engine, IN_2026), code_on(db_engine, IN_2027)) == ("467100", "467110")
    with reading(db_engine) as db:
        assert applies_from(db, territory_id=1, today=moment(20).date()) == IN_2027


def test_the_last_of_several_versions_counts(db_engine: Engine) -> None:
    open_month(db_engine)
    set_(db_engine)
    set_(db_engine, account=GeneralAccount("467120", "Encore autre chose"))

    assert code_on(db_engine, IN_2026) == "467120"
    set_(db_engine, "merchant", GeneralAccount("467110", "Commerçants"))
    with pytest.raises(errors.AccountCodeTaken):
        set_(db_engine)


def test_the_comptable_confirms_the_code_that_was_read_and_no_other(db_engine: Engine) -> None:
    open_month(db_engine)

    line = confirm(db_engine, "467100")
    assert (line.confirmed_by, line.waits) == ("staff:9", False)
    assert confirm(db_engine, "467100", now=moment(25)) == line

    assert set_(db_engine).waits
    with pytest.raises(errors.AccountCodeChanged):
        confirm(db_engine, "467100")
    assert not confirm(db_engine, "467110").waits
    with reading(db_engine) as db:
        actions = db.scalars(text("SELECT action FROM audit_events WHERE action LIKE 'chart.%' ORDER BY id")).all()
    assert actions == ["chart.confirm", "chart.set", "chart.confirm"]


def test_a_programme_may_have_an_aid_account_of_its_own(db_engine: Engine) -> None:
    open_month(db_engine)
    own = {"book": "ccas", "role": "aid", "account": GeneralAccount("65133", "Secours")}

    with pytest.raises(errors.ChartLineUnknown):
        confirm(db_engine, "65134", "aid", book="ccas", programme_id=1)
    set_(db_engine, programme_id=1, **own)
    with pytest.raises(ProgrammeUnknown):
        set_(db_engine, programme_id=2, **own)

    with reading(db_engine) as db:
        chart = chart_of(db, territory_id=1, day=IN_2026)
    assert chart.ccas(CcasRole.AID, programme_id=1).code == "65133"
    assert chart.ccas(CcasRole.AID).code == "65134"
    assert not confirm(db_engine, "65133", "aid", book="ccas", programme_id=1).waits


def words(page: str) -> str:
    """Return the page with every kind of space made one plain space."""
    return " ".join(page.split())


ROW = "(1, 9, 'issuer', 'purse', 0, '{day}', '{code}', 'x', 'staff:3', 1)"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE chart_accounts SET code = '467990'", "chart_frozen"),
        ("DELETE FROM chart_accounts", "chart_frozen"),
        ("UPDATE chart_confirmations SET confirmed_by = 'staff:1'", "chart_frozen"),
        ("DELETE FROM chart_confirmations", "chart_frozen"),
        ("INSERT INTO chart_accounts VALUES " + ROW.format(day="2026-01-01", code="467990"), "chart_year_closed"),
        ("INSERT INTO chart_accounts VALUES " + ROW.format(day="2027-01-02", code="467990"), "effective_on"),
        ("INSERT INTO chart_accounts VALUES " + ROW.format(day="2027-01-01", code="46A"), "ck_chart_accounts_code"),
    ],
)
def test_the_database_keeps_every_version(db_engine: Engine, statement: str, constraint: str) -> None:
    month = open_month(db_engine)
    month.live()
    set_(db_engine)
    confirm(db_engine, "467110")
    month.approve(month.prepare())

    with pytest.raises((errors.ChartFrozen, errors.ChartYearClosed, DBAPIError), match=constraint):
        run(db_engine, statement)
    run(db_engine, "INSERT INTO chart_accounts VALUES " + ROW.format(day="2027-01-01", code="467990"))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_screen_shows_what_waits_and_who_confirmed_it(db_engine: Engine) -> None:
    site = build_site(db_engine)
    site.app = create_app(site.rt)
    accountant = site.client_of(Role.ACCOUNTANT)
    page, line = "/bureau/plan-de-comptes", "/bureau/plan-de-comptes/issuer/purse/0"
    token = {"csrf_token": csrf_token(accountant, page)}

    waiting = sum(rule.must_confirm for rule in RULES.values())
    assert f"{waiting} comptes attendent" in words(accountant.get(page).text)
    assert 'value="467100"' in accountant.get(line).text
    refused = accountant.post(line, data=token | {"code": "512999", "label": "x"})
    assert refused.status_code == 422
    assert "doit commencer par 4" in refused.text
    assert accountant.post(line, data=token | {"code": "467110", "label": "Bons"}).status_code == 303
    assert accountant.post(f"{line}/confirmer", data=token | {"code": "467100"}).status_code == 409
    assert accountant.post(f"{line}/confirmer", data=token | {"code": "467110"}).status_code == 303
    shown = words(accountant.get(page).text)
    assert f"{waiting - 1} comptes attendent" in shown
    assert "467110" in shown
    approver = site.client_of(Role.APPROVER)
    assert approver.get(page).status_code == 200
    assert approver.get(line).status_code == 403
    site.rt.stop()
