"""A transfer that the bank rejected, debited and keeps: two people say that it was paid, and no shop is paid twice."""

import datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from merchants import payout_errors
from merchants.model import LineState, Payout, PayoutState, PayoutTerms
from merchants.payouts import operations as payouts
from merchants.payouts.terms import set_payout_terms
from merchants.queries import find_payout
from monnaie_locale.app import create_app
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decisions import By, decide, decide_prepared, undo
from monnaie_locale.reconciliation.differences.four_matches import four_matches
from monnaie_locale.reconciliation.differences.model import DifferenceKind
from monnaie_locale.reconciliation.differences.queries import differences, month_view
from monnaie_locale.reconciliation.differences.wording import told
from monnaie_locale.reconciliation.model import Item, PaidRejection, PaidRejectionState, Resolution, Share
from monnaie_locale.reconciliation.paid_rejections import (
    approve_paid_rejection,
    cancel_paid_rejection,
    prepare_paid_rejection,
)
from monnaie_locale.runtime import Runtime
from tests.factories.month import CHECKER, MAKER, OCTOBER, BankLine, Month2026, moment, open_month, statement_xml
from tests.factories.pain002 import status_report
from tests.factories.site import Clock, Site, csrf_token
from tests.factories.vandal import run

# What only reads and writes through the same code: once is enough.
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
NOVEMBER_2 = moment(2, 11)
FEE = PayoutTerms(pain_version="09", minimum_cents=100, fee_basis_points=50)
GROSS, NET, FEE_CENTS = 1_250, 1_244, 6
KEY = {"bank_statement_id": 2, "line_no": 1}


def by(actor: str, note: str = "Confirmé par la banque") -> By:
    return By(territory_id=1, actor=actor, note=note, now=NOVEMBER_2)


@pytest.fixture
def month(db_engine: Engine) -> Month2026:
    """Give a month whose first transfer (12,44 € and 0,06 € of fee) was rejected, then debited all the same."""
    opened = open_month(db_engine)
    opened.import_(opened.first_statement(), now=moment(11))
    opened.spend()
    transact(db_engine, set_payout_terms, territory_id=1, terms=FEE, actor=CHECKER, now=moment(12))
    payout = opened.pay()
    reject(opened, payout)
    return opened


def reject(month: Month2026, payout: Payout) -> None:
    line = payout.lines[0]
    answer = status_report(group="PART", payments=[(line.end_to_end_id, "RJCT", "AC04")], order=payout.message_id)
    month.import_(answer, now=moment(27))


def debit(month: Month2026, *more: BankLine) -> None:
    month.import_(month.second_statement(payout_of(month), *more))


def payout_of(month: Month2026, payout_id: int = 1) -> Payout:
    with reading(month.engine) as db:
        return find_payout(db, territory_id=1, payout_id=payout_id)


def held(month: Month2026) -> dict[str, int]:
    """Return what the first shop is owed and owes, the fees, and what waits in suspense; in cents."""
    world = month.world
    accounts = {
        "shop": world.shop(1), "debt": world.account(AccountKind.MERCHANT_DEBT, merchant=1),
        "fees": world.single(AccountKind.RECONVERSION_FEES), "suspense": world.single(AccountKind.SUSPENSE_OUT),
    }  # fmt: skip
    with reading(month.engine) as db:
        return {name: balance_of(db, territory_id=1, account_id=number) for name, number in accounts.items()}


def prepare(month: Month2026, actor: str = MAKER, **more: object) -> PaidRejection:
    return transact(month.engine, prepare_paid_rejection, by=by(actor), **(KEY | more))  # type: ignore[arg-type]


def approve(month: Month2026, actor: str = CHECKER, number: int = 1) -> PaidRejection:
    return transact(month.engine, approve_paid_rejection, by=by(actor), paid_rejection_id=number)


def next_payout(month: Month2026) -> list[tuple[int, int]]:
    """Return what an order prepared now would pay, by shop."""
    try:
        payout = transact(
            month.engine, payouts.prepare_payout, territory_id=1, label="Encore", cutoff_on=NOVEMBER_2.date(),
            execution_on=NOVEMBER_2.date(), actor=MAKER, now=NOVEMBER_2,
        )  # fmt: skip
    except payout_errors.PayoutEmpty:
        return []
    transact(month.engine, payouts.cancel_payout, territory_id=1, payout_id=payout.id, actor=MAKER, now=NOVEMBER_2)
    return [(line.merchant_id, line.amount_cents) for line in payout.lines]


def faults(month: Month2026) -> list[str]:
    with reading(month.engine) as db:
        verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
    return [f"{finding.code} {finding.subject}" for finding in verdict.findings]


def listed(month: Month2026) -> dict[DifferenceKind, str]:
    """Return the differences of October and their next step."""
    with reading(month.engine) as db:
        return {each.kind: told(each).next_step for each in differences(db, 1, OCTOBER)}


def test_two_people_say_that_it_was_paid_and_the_shop_is_not_paid_again(month: Month2026) -> None:
    debit(month)
    assert held(month) == {"shop": GROSS, "debt": 0, "fees": 20, "suspense": -NET}
    # What the debit says is kept back meanwhile; the fee that came back is too little for a transfer.
    assert next_payout(month) == []
    assert "payé malgré le rejet" in listed(month)[DifferenceKind.PAYOUT_REJECTED_DEBITED]
    assert DifferenceKind.DEBIT_UNKNOWN not in listed(month)

    assert prepare(month).state is PaidRejectionState.PREPARED
    assert held(month)["suspense"] == -NET
    assert "Une autre personne approuve" in listed(month)[DifferenceKind.PAYOUT_REJECTED_DEBITED]
    approved = approve(month)

    assert (approved.state, approved.approved_by) == (PaidRejectionState.APPROVED, CHECKER)
    assert held(month) == {"shop": 0, "debt": 0, "fees": 20 + FEE_CENTS, "suspense": 0}
    payout = payout_of(month)
    assert [line.state for line in payout.lines] == [LineState.SETTLED, LineState.SETTLED]
    assert payout.state is PayoutState.SETTLED
    assert next_payout(month) == []
    assert DifferenceKind.PAYOUT_REJECTED_DEBITED not in listed(month)
    month.world.charge(7, 1, 700)
    assert next_payout(month) == [(1, 697)]
    assert faults(month) == []
    with reading(month.engine) as db:
        gaps = {each.code: each.gap_cents for each in four_matches(db, 1, OCTOBER)}
        (decision,) = month_view(db, 1, OCTOBER).decisions
    assert gaps == {"wallets": 0, "bank": 0, "redemptions": 0, "fundings": 0}
    assert (decision.decided_by, decision.note) == (CHECKER, "Confirmé par la banque")


def test_one_person_alone_says_nothing(month: Month2026) -> None:
    debit(month)
    item = Item(kind=Resolution.REJECTION_PAID, amount_cents=NET, reference=payout_of(month).lines[0].end_to_end_id)
    share = Share(bank_statement_id=2, line_no=1, part_no=1, amount_cents=-NET)
    with pytest.raises(errors.ResolutionNeedsTwoPeople):
        transact(month.engine, decide, by=by(MAKER), shares=[share], items=[item])
    prepare(month)
    with pytest.raises(errors.PaidRejectionSamePerson):
        approve(month, MAKER)
    # The same asked of the database alone, which knows who prepared it.
    with pytest.raises(errors.PaidRejectionSamePerson):
        transact(month.engine, decide_prepared, by=by(MAKER), shares=[share], items=[item])
    with pytest.raises(errors.PaidRejectionPending):
        prepare(month, CHECKER)
    transact(month.engine, cancel_paid_rejection, by=by(MAKER), paid_rejection_id=1)
    for refused in (approve, lambda month: approve(month, number=9)):
        with pytest.raises((errors.PaidRejectionEnded, errors.PaidRejectionUnknown)):
            refused(month)
    assert held(month)["suspense"] == -NET
    assert faults(month) == []


def test_it_is_undone_by_reversal_and_may_be_said_again_until_the_close(month: Month2026) -> None:
    debit(month)
    prepare(month)
    number = approve(month).decision_id
    assert number is not None
    transact(month.engine, undo, by=by(MAKER), decision_id=number)

    assert held(month) == {"shop": GROSS, "debt": 0, "fees": 20, "suspense": -NET}
    assert [line.state for line in payout_of(month).lines] == [LineState.REJECTED, LineState.SETTLED]
    assert payout_of(month).state is PayoutState.SETTLED
    assert next_payout(month) == []
    assert faults(month) == []

    prepare(month)
    again = approve(month, number=2)
    assert held(month) == {"shop": 0, "debt": 0, "fees": 26, "suspense": 0}
    assert faults(month) == []
    month.approve(month.prepare())
    with pytest.raises(errors.DecisionPeriodClosed):
        transact(month.engine, undo, by=by(MAKER), decision_id=again.decision_id)


@ON_SQLITE
def test_a_shop_that_another_order_paid_meanwhile_owes_what_it_got_twice(month: Month2026) -> None:
    # Rejected, paid again by a second order, and only then does the statement tell the first debit.
    second = transact(
        month.engine, payouts.prepare_payout, territory_id=1, label="Encore", cutoff_on=moment(28).date(),
        execution_on=moment(29).date(), actor=MAKER, now=moment(28),
    )  # fmt: skip
    transact(month.engine, payouts.approve_payout, territory_id=1, payout_id=second.id, actor=CHECKER, now=moment(28))
    paid_again = BankLine(
        cents=-second.lines[0].amount_cents, on=datetime.date(2026, 10, 29),
        end_to_end_id=second.lines[0].end_to_end_id, code=("PMNT", "ICDT", "ESCT"),
    )  # fmt: skip
    debit(month, paid_again)
    prepare(month)
    approve(month)
    assert held(month) == {"shop": 0, "debt": -GROSS, "fees": 32, "suspense": 0}
    # What it takes next is recovered first.
    month.world.charge(7, 1, GROSS + 200)
    assert next_payout(month) == [(1, 199)]
    assert faults(month) == []


@ON_SQLITE
def test_what_the_bank_gives_back_after_all_is_a_return_like_another(month: Month2026) -> None:
    debit(month)
    prepare(month)
    approve(month)
    line = payout_of(month).lines[0]
    back = BankLine(
        cents=NET, on=datetime.date(2026, 11, 1), end_to_end_id=line.end_to_end_id, return_reason="AC04",
        code=("PMNT", "ICDT", "RRTN"),
    )  # fmt: skip
    opening = 100_000 - NET - 3_980 - 300
    month.import_(_november(back, opening=opening), now=NOVEMBER_2)
    assert payout_of(month).lines[0].state is LineState.RETURNED
    assert held(month) == {"shop": NET, "debt": 0, "fees": 26, "suspense": 0}
    assert faults(month) == []


def _november(line: BankLine, *, opening: int) -> bytes:
    day = datetime.date(2026, 11, 1)
    return statement_xml(line, identifier="REL-2026-11", opening=opening, from_on=day, to_on=day)


@ON_SQLITE
def test_the_banks_correction_is_proposed_and_then_nothing_is_approved(month: Month2026) -> None:
    line = payout_of(month).lines[0]
    back = BankLine(cents=NET, on=datetime.date(2026, 10, 30), text=f"ANNULATION {line.end_to_end_id}")
    debit(month, back)
    prepare(month)
    with reading(month.engine) as db:
        (proposal,) = [each for each in month_view(db, 1, OCTOBER).proposals if each.rule == "bank_correction"]
    transact(month.engine, decide, by=by(MAKER), shares=proposal.shares, items=proposal.items)
    with pytest.raises(errors.LineAlreadyResolved):
        approve(month)
    assert next_payout(month) == [(1, NET)]
    assert faults(month) == []


@ON_SQLITE
def test_what_is_not_a_rejected_debit_is_not_prepared(month: Month2026) -> None:
    debit(month, BankLine(cents=-NET + 1, on=datetime.date(2026, 10, 30), text="PRLV INCONNU"))
    rejected = payout_of(month).lines[0].end_to_end_id
    wrong: tuple[tuple[dict[str, object], type[Refusal]], ...] = (
        ({"line_no": 9}, errors.LineUnknown),
        ({"line_no": 3}, payout_errors.PayoutLineUnknown),
        ({"line_no": 2}, payout_errors.PayoutLineNotRejected),
        ({"line_no": 3, "end_to_end_id": rejected}, errors.LineNotInSuspense),
        ({"line_no": 4, "end_to_end_id": rejected}, errors.ResolutionImpossible),
    )
    for more, refusal in wrong:
        with pytest.raises(refusal):
            prepare(month, **more)


def test_a_debit_that_names_the_transfer_in_its_text_alone_is_one_too(month: Month2026) -> None:
    line = payout_of(month).lines[0]
    sent = month.second_statement(payout_of(month))
    named = f"<EndToEndId>{line.end_to_end_id}</EndToEndId>".encode()
    said = f"<RmtInf><Ustrd>VIR EMIS {line.end_to_end_id}</Ustrd></RmtInf>".encode()
    assert sent.count(b"<Refs>" + named + b"</Refs>") == 1
    month.import_(sent.replace(b"<Refs>" + named + b"</Refs>", b"").replace(b"</TxDtls>", said + b"</TxDtls>", 1))
    assert DifferenceKind.PAYOUT_REJECTED_DEBITED in listed(month)
    assert next_payout(month) == []
    with pytest.raises(payout_errors.PayoutLineUnknown):
        prepare(month)
    prepare(month, end_to_end_id=line.end_to_end_id)
    approve(month)
    assert held(month) == {"shop": 0, "debt": 0, "fees": 26, "suspense": 0}
    assert faults(month) == []


COPIED = "INSERT INTO paid_rejections SELECT territory_id, 9, bank_statement_id, line_no, part_no"
FRESH = "note, 'prepared', prepared_by, 1, NULL, NULL, NULL FROM paid_rejections"
ATTACKS = (
    # One person: the entry of the decision, the approval, the line.
    "UPDATE paid_rejections SET state = 'approved', approved_by = prepared_by, ended_at_ms = 1, decision_id = 1",
    "UPDATE paid_rejections SET state = 'approved', approved_by = 'staff:4', ended_at_ms = 1, decision_id = 1",
    "INSERT INTO bank_decision_entries SELECT territory_id, 1, 99, 'rejection_paid', 'X', 5, 1 FROM bank_decisions",
    "UPDATE payout_lines SET state = 'settled', settled_entry_id = order_entry_id WHERE line_no = 1",
    "UPDATE paid_rejections SET note = 'x'",
    "DELETE FROM paid_rejections",
    f"{COPIED}, (SELECT end_to_end_id FROM payout_lines WHERE line_no = 2), {FRESH}",
    f"{COPIED}, end_to_end_id, {FRESH}",
)


def test_the_database_holds_the_two_people(month: Month2026) -> None:
    debit(month, BankLine(cents=-100, on=datetime.date(2026, 10, 30), text="PRLV INCONNU"))
    prepare(month)
    # A decision that exists, to hang things on.
    fee = Share(bank_statement_id=2, line_no=4, part_no=1, amount_cents=-100)
    transact(
        month.engine, decide, by=by(CHECKER), shares=[fee],
        items=[Item(kind=Resolution.BANK_CHARGE, amount_cents=100)],
    )  # fmt: skip
    for attack in ATTACKS:
        with pytest.raises(Exception, match=r"paid_rejection|rejected|frozen|two_people"):
            run(month.engine, attack)
    assert faults(month) == []


@ON_SQLITE
def test_the_verifier_sees_who_approved_and_what_was_paid(month: Month2026) -> None:
    debit(month)
    prepare(month)
    approve(month)
    run(month.engine, "DROP TRIGGER paid_rejections_keep")
    run(month.engine, "UPDATE paid_rejections SET prepared_by = 'staff:9'")
    assert faults(month) == ["preparer_differs paid-rejection 1"]
    with month.engine.begin() as db:
        db.execute(text("UPDATE paid_rejections SET prepared_by = 'staff:3'"))
    assert faults(month) == []


PAGE = "/bureau/ecarts/2026-10"
PAID = "/bureau/ecarts/paye-malgre-rejet"


def site_of(month: Month2026) -> Site:
    clock = Clock(NOVEMBER_2)
    rt = Runtime(
        engine=month.engine, keyring=month.keyring, territory_id=1, base_url="http://localhost", clock=clock
    )  # fmt: skip
    return Site(create_app(rt), rt, clock)


def post(client: FlaskClient, path: str, **fields: str) -> int:
    return client.post(path, data=fields | {"csrf_token": csrf_token(client, PAGE)}).status_code


@ON_SQLITE
def test_the_pages_let_one_prepare_and_another_approve_without_a_script(month: Month2026) -> None:
    debit(month)
    site = site_of(month)
    accountant, approver = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    page = accountant.get(PAGE).text
    assert "Virement rejeté, mais débité" in page
    assert f"{PAID}/2/1/1?virement={payout_of(month).lines[0].end_to_end_id}" in page
    assert "puis l’a débité de 12,44" in accountant.get(f"{PAID}/2/1/1").text

    assert post(approver, f"{PAID}/2/1/1", note="Le relevé") == 403
    assert post(accountant, f"{PAID}/2/1/1", note="") == 422
    assert post(accountant, f"{PAID}/2/2/1", note="Le relevé") == 409
    assert post(accountant, f"{PAID}/2/1/1", note="Le commerce a reçu la somme") == 303
    assert post(accountant, f"{PAID}/1/approuver") == 403
    mine, theirs = accountant.get(PAGE).text, approver.get(PAGE).text
    assert ("Le commerce a reçu la somme" in mine, "Approuver : payé malgré le rejet" in mine) == (True, False)
    assert "Approuver : payé malgré le rejet" in theirs
    assert "payé malgré le rejet : à approuver" in approver.get("/bureau").text

    assert post(approver, f"{PAID}/9/approuver") == 404
    assert post(approver, f"{PAID}/1/approuver") == 303
    assert post(approver, f"{PAID}/1/approuver") == 409
    assert post(accountant, f"{PAID}/1/abandonner") == 409
    assert held(month)["suspense"] == 0
    assert "rejeté, puis payé" in accountant.get("/bureau/virements/1").text
    assert faults(month) == []


@ON_SQLITE
def test_what_a_closed_month_carried_is_decided_in_the_open_one(month: Month2026) -> None:
    debit(month)
    month.approve(month.prepare())
    site = site_of(month)
    site.clock.now = moment(4, 11)
    accountant, approver = site.client_of(Role.ACCOUNTANT), site.client_of(Role.APPROVER)
    token = csrf_token(accountant, PAGE)
    sent = accountant.post(f"{PAID}/2/1/1", data={"note": "Confirmé", "csrf_token": token})
    assert (sent.status_code, sent.location) == (303, "/bureau/ecarts/2026-11")
    assert "Approuver : payé malgré le rejet" not in approver.get(PAGE).text
    assert "Approuver : payé malgré le rejet" in approver.get(sent.location).text
    assert post(approver, f"{PAID}/1/approuver") == 303
    with reading(month.engine) as db:
        assert next(each.kind for each in differences(db, 1, OCTOBER)) is DifferenceKind.PAYOUT_REJECTED_DEBITED
        assert DifferenceKind.PAYOUT_REJECTED_DEBITED not in {each.kind for each in differences(db, 1, OCTOBER.next())}
        (decision,) = month_view(db, 1, OCTOBER.next()).decisions
        accounted = db.scalar(
            text("SELECT accounted_on FROM journal_entries WHERE id = :number"),
            {"number": decision.entries[0].entry_id},
        )
    assert str(accounted) == "2026-11-01"
    assert faults(month) == []
