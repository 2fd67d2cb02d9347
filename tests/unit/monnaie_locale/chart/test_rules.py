"""Which codes an account may have: class, length, nobody else's."""

import dataclasses

import pytest

from monnaie_locale.chart import errors
from monnaie_locale.chart.model import RULES, Book, CcasRole, Chart, ChartLine
from monnaie_locale.chart.rules import check_account, rule_of
from monnaie_locale.ledger.accounts import ACCOUNT_MAP, AccountKind, GeneralAccount

LINES = tuple(ChartLine(rule=rule, programme_id=0, account=rule.default) for rule in RULES.values())


def check(role, code, *, label="Libellé", book="issuer", programme_id=0, lines=LINES):
    rule = rule_of(book=book, role=role, programme_id=programme_id)
    check_account(rule=rule, programme_id=programme_id, code=code, label=label, lines=lines)


def test_every_kind_of_account_has_a_line_and_every_default_is_lawful():
    assert {role for book, role in RULES if book is Book.ISSUER} == {kind.name.lower() for kind in AccountKind}
    assert {role for book, role in RULES if book is Book.CCAS} == set(CcasRole)
    for rule in RULES.values():
        check(rule.role, rule.default.code, label=rule.default.french, book=rule.book.value)


def test_the_chart_gives_the_default_until_somebody_changes_it():
    chart = Chart(LINES)
    assert {kind: chart.issuer(kind) for kind in AccountKind} == ACCOUNT_MAP
    own = ChartLine(rule=RULES[Book.CCAS, "aid"], programme_id=3, account=GeneralAccount("65133", "Secours"))
    with_own = Chart((*LINES, own))
    assert with_own.ccas(CcasRole.AID, programme_id=3).code == "65133"
    assert with_own.ccas(CcasRole.AID, programme_id=4).code == "65134"


@pytest.mark.parametrize("code", ["", "46710", "46710000000", "46710A", "467 100", "４６７１００", "467100\n"])
def test_a_code_is_digits_of_the_right_length(code):
    with pytest.raises(errors.AccountCodeMalformed):
        check("purse", code)


@pytest.mark.parametrize(
    ("role", "code"),
    [("purse", "512900"), ("reserve", "530000"), ("suspense_in", "467900"), ("bank_charges", "758000")],
)
def test_a_code_stays_in_its_class(role, code):
    with pytest.raises(errors.AccountCodeWrongClass):
        check(role, code)


@pytest.mark.parametrize("code", ["467200", "4672001", "4674009999"])
def test_no_account_is_another_nor_lies_under_it(code):
    with pytest.raises(errors.AccountCodeTaken):
        check("purse", code)


def test_an_account_above_another_is_refused_too():
    under = [dataclasses.replace(line, account=GeneralAccount("46790011", "Sous-compte")) for line in LINES[3:4]]
    with pytest.raises(errors.AccountCodeTaken):
        check("purse", "467900", lines=under)


@pytest.mark.parametrize("label", ["", "x" * 81, "a\tb", "a\nb"])
def test_a_label_is_one_line(label):
    with pytest.raises(errors.AccountLabelMalformed):
        check("purse", "467900", label=label)


@pytest.mark.parametrize(
    ("book", "role", "programme_id"),
    [("bank", "purse", 0), ("issuer", "aid", 0), ("issuer", "purse", 1), ("ccas", "fees", 1), ("", "", 0)],
)
def test_there_is_no_other_line(book, role, programme_id):
    with pytest.raises(errors.ChartLineUnknown):
        rule_of(book=book, role=role, programme_id=programme_id)


def test_programmes_may_share_an_aid_account_but_not_that_of_another_use():
    check("aid", "65134", book="ccas", programme_id=1)
    with pytest.raises(errors.AccountCodeWrongClass):
        check("aid", "773", book="ccas", programme_id=1)


def test_what_the_comptable_must_confirm():
    waiting = {line.rule.role for line in LINES if line.waits}
    assert {"purse", "merchant", "programme_funds", "expired", "aid"} <= waiting
    assert not waiting & {"reserve", "suspense_in", "suspense_out", "bank_charges", "reconversion_fees"}
    changed = ChartLine(rule=RULES[Book.ISSUER, "reserve"], programme_id=0, account=LINES[0].account, set_by="staff:3")
    assert changed.waits
    assert not dataclasses.replace(changed, confirmed_at_ms=1).waits
