"""Whoever changes behind the guards what two people said of a rejected transfer is named by verify."""

import pytest
from sqlalchemy import text

from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import transact
from monnaie_locale.reconciliation.decisions import undo
from monnaie_locale.reconciliation.paid_rejections import cancel_paid_rejection
from tests.factories.month import MAKER, Month2026
from tests.factories.vandal import take_the_guards_down
from tests.integration.monnaie_locale.reconciliation import test_paid_rejections as paid

month = paid.month
OTHER = "end_to_end_id = (SELECT end_to_end_id FROM payout_lines WHERE line_no = 2)"
# Three of them, in this order: given up, approved and undone, approved.
EDITS = (
    *(
        f"UPDATE paid_rejections SET {what} WHERE id = {number}"
        for number in (1, 2, 3)
        for what in ("line_no = 2", "note = 'x'", OTHER, "ended_at_ms = 5", "prepared_at_ms = 1")
    ),
    "UPDATE paid_rejections SET state = 'prepared', ended_at_ms = NULL WHERE id = 1",
    "UPDATE paid_rejections SET decision_id = decision_id + 7 WHERE id = 3",
    # The line waits again: a second debit would be said to pay it, and the shop would give it back twice.
    "UPDATE payout_lines SET state = 'ordered', settled_entry_id = NULL WHERE line_no = 1",
)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_each_edit_is_named_and_a_clean_world_is_not(month: Month2026) -> None:
    paid.debit(month)
    paid.prepare(month)
    transact(month.engine, cancel_paid_rejection, by=paid.by(MAKER), paid_rejection_id=1)
    paid.prepare(month)
    transact(month.engine, undo, by=paid.by(MAKER), decision_id=paid.approve(month, number=2).decision_id)
    paid.prepare(month)
    paid.approve(month, number=3)
    take_the_guards_down(month.engine)
    for edit in ("", *EDITS):
        with month.engine.connect() as db:
            if edit:
                assert db.execute(text(edit)).rowcount, edit
            verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
            db.rollback()
        assert {finding.code for finding in verdict.findings} == ({"paid_rejection_differs"} if edit else set()), edit
