"""A month is closed only when each difference is explained or carried, and then it stays told as at its close."""

import datetime
import json

import pytest
from sqlalchemy import Engine

from monnaie_locale.closing import errors
from monnaie_locale.closing.aged_items import aged_items, in_transit
from monnaie_locale.closing.differences import open_differences
from monnaie_locale.closing.facts import facts_of
from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.operations import check_month
from monnaie_locale.closing.rapprochement import reconciliation_of
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.periods import kinds_through
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.reversal import mirror
from monnaie_locale.reconciliation.decisions import By
from monnaie_locale.reconciliation.differences.model import DifferenceKind, DifferenceState
from monnaie_locale.reconciliation.differences.operations import carry
from monnaie_locale.reconciliation.differences.queries import differences
from monnaie_locale.reconciliation.differences.till_facts import look_at_tills
from tests.factories.month import (
    FUNDED_CENTS,
    MAKER,
    OCTOBER,
    BankLine,
    Month2026,
    moment,
    open_month,
    statement_xml,
)
from tests.factories.pain002 import status_report

UNKNOWN = BankLine(cents=500, on=datetime.date(2026, 10, 30), text="INCONNU")
REASONS = {
    DifferenceKind.CREDIT_UNKNOWN: "La banque recherche le donneur d'ordre.",
    DifferenceKind.BANK_CHARGE: "Le complément est demandé à l'association.",
}


def settled(month: Month2026):
    """Return the point of the checklist about the differences."""
    verdict = month.verdict()
    with reading(month.engine) as db:
        checks = check_month(db, territory_id=1, month=OCTOBER, verdict=verdict)
    (found,) = [check for check in checks if check.code == "differences_settled"]
    return found


def open_ones(month: Month2026):
    with reading(month.engine) as db:
        return open_differences(db, territory_id=1, month=OCTOBER)


def carried(month: Month2026, kind: DifferenceKind) -> None:
    (found,) = [each for each in open_ones(month) if each.kind is kind]
    by = By(territory_id=1, actor=MAKER, note=REASONS[kind], now=moment(2, 11))
    transact(month.engine, carry, by=by, month=OCTOBER, key=found.key)


def paper_of(month: Month2026, close=None):
    """Return the differences as the rapprochement prints them, and what waits as the aged list does."""
    with reading(month.engine) as db:
        facts = facts_of(db, territory_id=1, month=OCTOBER, verdict=month.verdict())
        registers = said_of(db, territory_id=1, month=OCTOBER, close=close).registers
        paper = reconciliation_of(db, registers=registers, facts=facts, close=close, head=None)
        aged = aged_items(
            db, territory_id=1, month=OCTOBER, differences=open_differences(db, territory_id=1, month=OCTOBER),
            transit=in_transit(db, territory_id=1, month=OCTOBER),
        )  # fmt: skip
        held = kinds_through(db, territory_id=1, last_day=OCTOBER.last_day)
    assert sum(each.suspense_cents for each in aged) == held[AccountKind.SUSPENSE_IN].net_credit_cents
    assert sum(each.transit_cents for each in aged) == held[AccountKind.PAYOUT_TRANSIT].net_credit_cents
    return paper.differences, aged


def test_each_difference_is_carried_with_its_own_reason_before_the_month_is_prepared(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live(UNKNOWN)
    assert len(settled(month).details) == 2
    with pytest.raises(errors.ChecklistNotClean):
        month.prepare(carried_reason="")

    carried(month, DifferenceKind.CREDIT_UNKNOWN)
    assert not settled(month).ok
    with pytest.raises(errors.ChecklistNotClean):
        month.prepare(carried_reason="")
    carried(month, DifferenceKind.BANK_CHARGE)

    close = month.approve(month.prepare(carried_reason=""))
    (found,) = [check for check in close.checks if check.code == "differences_settled"]
    assert [detail.partition(" Reporté : ")[2] for detail in found.details] == [
        REASONS[DifferenceKind.BANK_CHARGE],
        REASONS[DifferenceKind.CREDIT_UNKNOWN],
    ]
    assert all("depuis le 30/10/2026 (1 jour)" in detail for detail in found.details)
    reasons = json.loads(close.certificate)["certificate"]["carried_reason"]
    assert reasons == " ; ".join([REASONS[DifferenceKind.BANK_CHARGE], REASONS[DifferenceKind.CREDIT_UNKNOWN]])


def test_one_reason_for_the_rest_is_noted_on_each_and_leaves_those_that_have_their_own(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live(UNKNOWN)
    carried(month, DifferenceKind.CREDIT_UNKNOWN)

    month.prepare(carried_reason="Vu au téléphone.")

    assert {each.kind: each.reason for each in open_ones(month)} == {
        DifferenceKind.CREDIT_UNKNOWN: REASONS[DifferenceKind.CREDIT_UNKNOWN],
        DifferenceKind.BANK_CHARGE: "Vu au téléphone.",
    }


def test_the_documents_tell_the_differences_as_the_checklist_does(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live(UNKNOWN)
    before, (waiting,) = paper_of(month)
    assert all("À expliquer" in each.explanation for each in before)
    assert "À expliquer" in waiting.explanation_fr

    close = month.approve(month.prepare())

    printed, (waiting,) = paper_of(month, close)
    assert [each.label for each in printed] == [
        "Frais bancaires à compenser, 1 jour",
        "Crédit inconnu, 1 jour",
    ]
    assert waiting.explanation_fr in {each.explanation for each in printed}
    assert waiting.explanation_fr.endswith("Reporté : Le complément est demandé à l'association.")


@pytest.mark.parametrize(("ordered_on", "is_clean"), [(26, True), (25, False)])
def test_a_payout_on_its_way_carries_itself_for_five_days(db_engine: Engine, ordered_on: int, is_clean: bool) -> None:  # noqa: FBT001
    month = open_month(db_engine)
    month.import_(month.first_statement())
    month.spend()
    month.pay(ordered_at=moment(ordered_on))
    quiet = {"from_on": datetime.date(2026, 10, 11), "to_on": OCTOBER.last_day}
    month.import_(statement_xml(identifier="B", opening=FUNDED_CENTS, **quiet))

    assert {each.kind for each in open_ones(month)} == {DifferenceKind.PAYOUT_IN_TRANSIT}
    assert settled(month).ok is is_clean
    _, aged = paper_of(month)
    assert all(("En cours de sa nature" in each.explanation_fr) is is_clean for each in aged)
    if is_clean:
        assert month.prepare(carried_reason="").carried_reason == ""
    else:
        with pytest.raises(errors.ChecklistNotClean):
            month.prepare(carried_reason="")


def test_a_transfer_that_the_bank_rejected_is_on_its_way_no_more(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.import_(month.first_statement())
    month.spend()
    payout = month.pay()
    told = [(payout.lines[0].end_to_end_id, "RJCT", "AC04")]
    month.import_(status_report(group="PART", payments=told, order=payout.message_id), now=moment(27))

    assert [each.reference for each in open_ones(month)] == [payout.lines[1].end_to_end_id]
    _, aged = paper_of(month)
    assert [each.reference for each in aged] == [payout.lines[1].end_to_end_id]


def scanned_twice(month: Month2026) -> int:
    """Let one card pay the same twice within a minute; return the second entry."""
    month.world.now_ms = instant_ms(moment(20))
    month.world.charge(7, month.shops[0].id, 300, key="once")
    return month.world.charge(7, month.shops[0].id, 300, key="twice").entry.entry_id


def test_a_closed_month_is_told_as_at_its_close_whatever_comes_after(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    second = scanned_twice(month)
    close = month.approve(month.prepare())
    before, printed = open_ones(month), paper_of(month, close)
    assert {each.kind for each in before} == {DifferenceKind.BANK_CHARGE, DifferenceKind.DOUBLE_SCAN}

    # In November the second charge is reversed.
    month.world.now_ms = instant_ms(moment(9, 11))
    with reading(db_engine) as db:
        entry = entry_of(db, territory_id=1, entry_id=second).entry
    month.world.do(EntryKind.REVERSAL, *mirror(entry), reverses_entry_id=second)

    assert open_ones(month) == before
    assert paper_of(month, close) == printed
    with reading(db_engine) as db:
        # Looked at without its close, it would be told otherwise.
        today = differences(db, 1, OCTOBER, as_of_ms=instant_ms(moment(10, 11)))
    assert {each.state for each in today if each.kind is DifferenceKind.DOUBLE_SCAN} == {DifferenceState.EXPLAINED}


def test_what_comes_between_the_reading_and_the_lock_is_seen_under_the_lock(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.prepare()
    with reading(db_engine) as db:
        tills = look_at_tills(db, territory_id=1, month=OCTOBER)
    scanned_twice(month)

    with pytest.raises(errors.ChecklistNotClean, match="checklist_not_clean"):
        month.approve(close, tills=tills)

    again = month.prepare(tills=tills)
    assert month.approve(again, tills=tills).is_closed
