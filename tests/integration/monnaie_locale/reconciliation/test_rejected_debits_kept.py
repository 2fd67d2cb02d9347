"""One person does not class away the debit of a rejected transfer: the shop, kept back, would be paid a second time."""

import datetime

import pytest
from sqlalchemy import Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decisions import decide, undo
from monnaie_locale.reconciliation.model import Decision, Item, Resolution, Share
from tests.factories.month import FUNDED_CENTS, MAKER, BankLine, Month2026, statement_xml
from tests.factories.vandal import run
from tests.integration.monnaie_locale.reconciliation.test_paid_rejections import (
    NET,
    approve,
    by,
    faults,
    held,
    next_payout,
    payout_of,
    prepare,
)
from tests.integration.monnaie_locale.reconciliation.test_paid_rejections import month as month  # noqa: PLC0414

BANK_FEE_CENTS = 100
LATER = datetime.date(2026, 10, 30)


def import_debit(month: Month2026, cents: int, *more: BankLine) -> None:
    """Import a statement whose first line debits so much and names the rejected transfer."""
    named = payout_of(month).lines[0].end_to_end_id
    first = BankLine(cents=-cents, on=LATER, end_to_end_id=named, code=("PMNT", "ICDT", "ESCT"))
    days = {"from_on": datetime.date(2026, 10, 11), "to_on": datetime.date(2026, 10, 31)}
    month.import_(statement_xml(first, *more, identifier="REL-2026-10-B", opening=FUNDED_CENTS, **days))


def say(month: Month2026, kind: Resolution, cents: int) -> Decision:
    """Let one person say what so much of the first line is."""
    share = Share(bank_statement_id=2, line_no=1, part_no=1, amount_cents=-cents)
    item = Item(kind=kind, amount_cents=cents)
    return transact(month.engine, decide, by=by(MAKER), shares=[share], items=[item])


def drop_guard(engine: Engine) -> None:
    on = " ON bank_decision_entries" if engine.dialect.name == "postgresql" else ""
    run(engine, f"DROP TRIGGER bank_decision_entries_kept{on}")


@pytest.mark.parametrize("cents", [NET, 1])
def test_one_person_does_not_class_it_away_nor_a_cent_of_it(month: Month2026, cents: int) -> None:
    import_debit(month, NET)
    before = held(month)
    with pytest.raises(errors.ResolutionNeedsTwoPeople):
        say(month, Resolution.BANK_CHARGE, cents)
    assert (held(month), next_payout(month), faults(month)) == (before, [], [])


def test_without_the_guard_the_shop_is_paid_twice(month: Month2026) -> None:
    import_debit(month, NET)
    assert next_payout(month) == []
    drop_guard(month.engine)
    say(month, Resolution.BANK_CHARGE, NET)
    assert next_payout(month) == [(1, NET)]


def test_the_fee_in_the_same_line_is_shared_out_and_the_shop_stays_kept_back(month: Month2026) -> None:
    import_debit(month, NET + BANK_FEE_CENTS)
    with pytest.raises(errors.ResolutionNeedsTwoPeople):
        say(month, Resolution.BANK_CHARGE, BANK_FEE_CENTS + 1)
    say(month, Resolution.BANK_CHARGE, BANK_FEE_CENTS)
    assert (held(month)["suspense"], next_payout(month)) == (-NET, [])
    with pytest.raises(errors.ResolutionNeedsTwoPeople):
        say(month, Resolution.BANK_CHARGE, NET)
    prepare(month)
    approve(month)
    assert (held(month)["suspense"], next_payout(month), faults(month)) == (0, [], [])


def test_what_two_people_approved_is_undone_by_one_who_then_classes_nothing(month: Month2026) -> None:
    import_debit(month, NET)
    prepare(month)
    number = approve(month).decision_id
    assert number is not None
    transact(month.engine, undo, by=by(MAKER), decision_id=number)
    with pytest.raises(errors.ResolutionNeedsTwoPeople):
        say(month, Resolution.BANK_CHARGE, NET)
    assert (held(month)["suspense"], next_payout(month), faults(month)) == (-NET, [], [])


def test_the_banks_own_correction_is_said_by_one_person_and_undone(month: Month2026) -> None:
    import_debit(month, NET, BankLine(cents=NET, on=LATER, text="ANNULATION"))
    shares = [
        Share(bank_statement_id=2, line_no=line_no, part_no=1, amount_cents=cents)
        for line_no, cents in ((1, -NET), (2, NET))
    ]
    item = Item(kind=Resolution.BANK_CORRECTION, amount_cents=NET)
    corrected = transact(month.engine, decide, by=by(MAKER), shares=shares, items=[item])
    assert (next_payout(month), faults(month)) == ([(1, NET)], [])
    transact(month.engine, undo, by=by(MAKER), decision_id=corrected.decision_id)
    assert (next_payout(month), faults(month)) == ([], [])


def test_a_debit_too_small_to_have_paid_it_is_the_banks_fee(month: Month2026) -> None:
    import_debit(month, BANK_FEE_CENTS)
    say(month, Resolution.BANK_CHARGE, BANK_FEE_CENTS)
    assert (held(month)["suspense"], next_payout(month), faults(month)) == (0, [(1, NET)], [])
