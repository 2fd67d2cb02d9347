"""Whoever changes behind the guards what one person decided, or what the bank's files said, is named by verify."""

import datetime

from sqlalchemy import Engine, text

from merchants.model import OfflineCaps, PayoutTerms
from merchants.offline.limits import set_offline_caps
from merchants.payouts.cap_claims import record_certification
from merchants.payouts.terms import set_payout_terms
from merchants.shops.operations import change_iban, resume_merchant, suspend_merchant
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import transact
from monnaie_locale.reconciliation.decisions import By, decide, undo
from monnaie_locale.reconciliation.differences.operations import note_refusal
from monnaie_locale.reconciliation.errors import StatementNotCamt053
from monnaie_locale.reconciliation.model import Item, Resolution, Share
from tests.factories.month import MAKER, BankLine, Month2026, moment, open_month
from tests.factories.pain002 import status_report
from tests.factories.vandal import take_the_guards_down

NEW_IBAN, OTHER_IBAN = "FR7630004000031234567890143", "FR7630006000011234567890189"
TOLD = {"territory_id": 1, "actor": MAKER, "now": moment(2, 11)}
LINES = [BankLine(cents=-1_700, on=datetime.date(2026, 10, 6), text=f"PRLV {number}") for number in (1, 2)]
DECISION = (
    "INSERT INTO bank_decisions (territory_id, id, kind, period_ends_on, subject, note, decided_by, decided_at_ms)"
    " VALUES (1, 9, 'carry', '2026-10-31', 'x', 'y', 'staff:3', 1)"
)
TERMS = (
    "INSERT INTO payout_terms (territory_id, id, pain_version, minimum_cents, fee_basis_points, decided_by,"
    " decided_at_ms) VALUES (1, 9, '09', 1, 1000, 'staff:3', 1)"
)
CERTIFICATION = (
    "INSERT INTO cap_certifications (territory_id, merchant_id, year, document, recorded_by, recorded_at_ms)"
    " VALUES (1, 2, 2026, 'x', 'staff:3', 1)"
)
LAPSE = "INSERT INTO cap_lapses (territory_id, entry_id, merchant_id, year, amount_cents) VALUES (1, 1, 1, 2026, 100)"
GONE = (
    "DELETE FROM bank_decision_entries WHERE decision_id = 3;"
    " DELETE FROM bank_decision_parts WHERE decision_id = 3; DELETE FROM bank_decisions WHERE id = 3"
)
EDITS = [
    ("UPDATE bank_decisions SET note = note", set()),
    ("UPDATE bank_decisions SET decided_by = 'staff:99' WHERE id = 2", {"decision_altered"}),
    ("UPDATE bank_decisions SET note = 'autre' WHERE id = 1", {"decision_altered"}),
    ("UPDATE bank_decision_parts SET line_no = 3 WHERE decision_id = 1", {"decision_altered"}),
    (DECISION, {"decision_altered"}),
    # The last decision disappears whole: what it moved would be anybody's.
    (GONE, {"decision_missing"}),
    ("UPDATE bank_lines SET end_to_end_id = 'X' WHERE line_no = 2", {"bank_lines_altered"}),
    # A transfer that a batch's detail debits is named there alone.
    ("UPDATE bank_matches SET reason_fr = 'x'", {"bank_lines_altered"}),
    ("UPDATE payout_news SET status = 'accepted'", {"bank_news_altered", "rejection_unsaid"}),
    ("DELETE FROM payout_news", {"bank_news_altered", "rejection_unsaid"}),
    ("UPDATE payout_rejections SET reason = 'AC01'", {"rejection_unsaid"}),
    ("UPDATE bank_decision_entries SET reference = 'X' WHERE decision_id = 3", {"decision_altered"}),
    ("UPDATE refused_statements SET gap_cents = gap_cents + 1", {"refusal_altered"}),
    ("DELETE FROM refused_statements", {"refusal_altered"}),
    (f"UPDATE merchants SET iban = '{OTHER_IBAN}' WHERE id = 1", {"shop_altered"}),
    ("UPDATE merchants SET name = 'Autre' WHERE id = 2", {"shop_altered"}),
    ("UPDATE merchants SET is_active = NOT is_active WHERE id = 1", {"shop_state_differs"}),
    ("UPDATE merchants SET is_active = NOT is_active WHERE id = 2", {"shop_state_differs"}),
    ("UPDATE payout_lines SET name = 'Autre' WHERE line_no = 2", {"payout_altered"}),
    ("UPDATE payout_lines SET town = 'Ailleurs' WHERE line_no = 2", {"payout_altered"}),
    ("UPDATE payouts SET pain_version = '03'", {"payout_altered"}),
    ("UPDATE payouts SET execution_on = '2026-12-31'", {"payout_altered"}),
    ("UPDATE payout_terms SET fee_basis_points = 1000", {"payout_terms_differ"}),
    (TERMS, {"payout_terms_differ"}),
    ("UPDATE offline_limits SET till_cents = 9000", {"offline_caps_differ"}),
    ("DELETE FROM offline_limits", {"offline_caps_differ"}),
    (CERTIFICATION, {"cap_certification_differs"}),
    ("DELETE FROM cap_certifications", {"cap_certification_differs"}),
    (LAPSE, {"cap_lapse_differs"}),
]


def lived(engine: Engine) -> Month2026:
    """Return a month with one of each thing that a person decides alone."""
    month = open_month(engine)
    terms = PayoutTerms(pain_version="09", minimum_cents=1, fee_basis_points=0)
    transact(engine, set_payout_terms, terms=terms, **TOLD)
    caps = OfflineCaps(payment_cents=1_000, card_day_cents=2_000, till_cents=3_000)
    transact(engine, set_offline_caps, caps=caps, **TOLD)
    transact(engine, record_certification, merchant_id=1, year=2026, document="attestation", **TOLD)
    month.import_(month.first_statement(*LINES), now=moment(11))
    month.spend()
    payout = month.pay()
    rejected = [(payout.lines[0].end_to_end_id, "RJCT", "AC04")]
    month.import_(status_report(group="PART", payments=rejected, order=payout.message_id), now=moment(27))
    by = By(territory_id=1, actor=MAKER, note="vu", now=moment(2, 11))
    share = Share(bank_statement_id=1, line_no=2, part_no=1, amount_cents=-1_700)
    said = {"by": by, "shares": [share], "items": [Item(kind=Resolution.BANK_CHARGE, amount_cents=1_700)]}
    transact(engine, decide, **said)
    transact(engine, undo, by=by, decision_id=1)
    transact(engine, decide, **said)
    refused = {"content": b"<x/>", "refusal": StatementNotCamt053()}
    transact(engine, note_refusal, **refused, **TOLD)
    transact(engine, change_iban, merchant_id=1, iban=NEW_IBAN, **TOLD)
    for merchant_id in (1, 2):
        transact(engine, suspend_merchant, merchant_id=merchant_id, reason="fermé", **TOLD)
    transact(engine, resume_merchant, merchant_id=1, **TOLD)
    return month


def test_each_edit_is_named_and_nothing_else_is(db_engine: Engine) -> None:
    month = lived(db_engine)
    take_the_guards_down(db_engine)
    for edit, named in EDITS:
        with db_engine.connect() as db:
            for statement in edit.split(";"):
                db.execute(text(statement))
            verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
            db.rollback()
        assert {finding.code for finding in verdict.findings} == named, edit
