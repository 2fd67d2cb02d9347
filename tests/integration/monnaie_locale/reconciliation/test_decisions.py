"""Deciding on real databases what bank lines are: n lines as m things, undone once, never in a closed month."""

import datetime

import pytest
from sqlalchemy import Engine, text

from merchants.model import LineState, PayoutState
from merchants.queries import find_payout
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import single_account
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.errors import InsufficientFunds
from monnaie_locale.programmes.model import FundingState
from monnaie_locale.programmes.queries import funding_order_of
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decision_queries import decisions_of
from monnaie_locale.reconciliation.decisions import By, decide, take_match_back, undo
from monnaie_locale.reconciliation.model import Decision, Item, Resolution, Share
from monnaie_locale.reconciliation.queries import match_of, unresolved
from tests.factories.month import CHECKER, FUNDED_CENTS, MAKER, BankLine, Month2026, moment, open_month, statement_xml
from tests.factories.vandal import run

OCTOBER_6 = datetime.date(2026, 10, 6)
DEBIT = BankLine(cents=-1_700, on=OCTOBER_6, text="PRLV INCONNU")
FEE = Item(kind=Resolution.BANK_CHARGE, amount_cents=1_700)


def by(month: Month2026, **more: object) -> By:
    values: dict[str, object] = {
        "territory_id": month.territory_id, "actor": MAKER, "note": "Vu avec la banque", "now": moment(2, 11)
    }  # fmt: skip
    return By(**(values | more))  # type: ignore[arg-type]


def share(cents: int, *, line: int = 2, statement: int = 1) -> Share:
    return Share(bank_statement_id=statement, line_no=line, part_no=1, amount_cents=cents)


def say(month: Month2026, shares: list[Share], items: list[Item], **more: object) -> Decision:
    return transact(month.engine, decide, by=by(month, **more), shares=shares, items=items)


def held(month: Month2026, kind: AccountKind) -> int:
    with reading(month.engine) as db:
        account_id = single_account(db, territory_id=month.territory_id, kind=kind)
        return balance_of(db, territory_id=month.territory_id, account_id=account_id)


def waiting(month: Month2026) -> list[int]:
    with reading(month.engine) as db:
        return [each.waiting_cents for each in unresolved(db, territory_id=month.territory_id)]


def imported(engine: Engine, *lines: BankLine) -> Month2026:
    month = open_month(engine)
    month.import_(month.first_statement(*(lines or (DEBIT,))), now=moment(11))
    return month


def test_a_line_is_split_and_what_is_not_said_waits(db_engine: Engine) -> None:
    month = imported(db_engine)

    decision = say(month, [share(-700)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=700)])

    assert waiting(month) == [-1_000]
    assert held(month, AccountKind.SUSPENSE_OUT) == -1_000
    assert held(month, AccountKind.BANK_CHARGES) == -700
    assert [entry.amount_cents for entry in decision.entries] == [700]
    say(month, [share(-1_000)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=1_000)])
    assert waiting(month) == []


def test_one_line_for_several_transfers_and_several_lines_for_one(db_engine: Engine) -> None:
    month = imported(db_engine)
    month.spend()
    payout = month.pay()
    first, second = payout.lines
    both = first.amount_cents + second.amount_cents
    on = datetime.date(2026, 10, 27)
    month.import_(
        statement_xml(
            BankLine(cents=-both, on=on, text="VIR"), identifier="B", opening=FUNDED_CENTS - 1_700, from_on=on, to_on=on
        ),
        now=moment(28),
    )

    say(
        month,
        [share(-both, line=1, statement=2)],
        [
            Item(kind=Resolution.PAYOUT_SETTLED, amount_cents=line.amount_cents, reference=line.end_to_end_id)
            for line in payout.lines
        ],
    )

    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    with reading(db_engine) as db:
        assert find_payout(db, territory_id=1, payout_id=payout.id).state is PayoutState.SETTLED


def test_two_payments_are_one_funding_and_undoing_lets_the_order_wait_again(db_engine: Engine) -> None:
    month = open_month(db_engine)
    halves = [
        month.funding_line(cents=cents, text=f"CCAS {month.order.reference}")
        for cents in (40_000, FUNDED_CENTS - 40_000)
    ]
    month.import_(
        statement_xml(*halves, identifier="A", opening=0, from_on=halves[0].on, to_on=OCTOBER_6), now=moment(11)
    )
    shares = [share(half.cents, line=number) for number, half in enumerate(halves, start=1)]
    item = Item(kind=Resolution.FUNDING, amount_cents=FUNDED_CENTS, reference=month.order.reference)

    def state() -> FundingState:
        with reading(db_engine) as db:
            return funding_order_of(db, territory_id=1, funding_order_id=month.order.funding_order_id).state

    decision = say(month, shares, [item])
    assert (state(), waiting(month)) == (FundingState.RECEIVED, [])

    transact(db_engine, undo, by=by(month, actor=CHECKER), decision_id=decision.decision_id)
    assert (state(), waiting(month)) == (FundingState.EXPECTED, [half.cents for half in halves])
    assert held(month, AccountKind.SUSPENSE_IN) == FUNDED_CENTS

    # An undone step may be made again: the key of the first time does not give the entry that was undone.
    say(month, shares, [item])
    assert (state(), waiting(month)) == (FundingState.RECEIVED, [])


def test_money_that_has_moved_on_is_not_undone(db_engine: Engine) -> None:
    month = open_month(db_engine)
    line = month.funding_line(text="CCAS")
    month.import_(statement_xml(line, identifier="A", opening=0, from_on=line.on, to_on=OCTOBER_6), now=moment(11))
    item = Item(kind=Resolution.FUNDING, amount_cents=FUNDED_CENTS, reference=month.order.reference)
    decision = say(month, [share(FUNDED_CENTS, line=1)], [item])
    month.spend()

    with pytest.raises(InsufficientFunds):
        transact(db_engine, undo, by=by(month), decision_id=decision.decision_id)


def test_what_the_import_matched_wrongly_is_taken_back_and_said_again(db_engine: Engine) -> None:
    month = imported(db_engine)
    month.spend()
    payout = month.pay()
    month.import_(month.second_statement(payout, opening=FUNDED_CENTS - 1_700))
    line = payout.lines[0]

    transact(db_engine, take_match_back, by=by(month), bank_statement_id=2, line_no=1)

    assert held(month, AccountKind.PAYOUT_TRANSIT) == line.amount_cents
    with reading(db_engine) as db:
        again = find_payout(db, territory_id=1, payout_id=payout.id)
        assert match_of(db, territory_id=1, bank_statement_id=2, line_no=1, part_no=1).is_in_suspense
    assert (again.state, again.lines[0].state) == (PayoutState.SENT, LineState.ORDERED)
    with pytest.raises(errors.LineNotInSuspense):
        transact(db_engine, take_match_back, by=by(month), bank_statement_id=2, line_no=1)

    item = Item(kind=Resolution.PAYOUT_SETTLED, amount_cents=line.amount_cents, reference=line.end_to_end_id)
    say(month, [share(-line.amount_cents, line=1, statement=2)], [item])
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    assert month.verdict().findings == ()


def test_a_debit_is_not_undone_under_its_return(db_engine: Engine) -> None:
    month = imported(db_engine)
    month.spend()
    payout = month.pay()
    line = payout.lines[0]
    back = BankLine(
        cents=line.amount_cents, on=datetime.date(2026, 10, 30), end_to_end_id=line.end_to_end_id, return_reason="AC04"
    )
    month.import_(month.second_statement(payout, back, opening=FUNDED_CENTS - 1_700))

    with pytest.raises(errors.DecisionUsed):
        transact(db_engine, take_match_back, by=by(month), bank_statement_id=2, line_no=1)


def test_the_banks_error_and_its_correction_are_one_decision(db_engine: Engine) -> None:
    month = imported(db_engine, DEBIT, BankLine(cents=1_700, on=OCTOBER_6, text="ANNULATION"))
    correction = Item(kind=Resolution.BANK_CORRECTION, amount_cents=1_700)

    say(month, [share(-1_700), share(1_700, line=3)], [correction])

    assert waiting(month) == []
    assert held(month, AccountKind.SUSPENSE_IN) == held(month, AccountKind.SUSPENSE_OUT) == 0


@pytest.mark.parametrize(
    ("shares", "items", "refusal"),
    [
        ([share(-1_700)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=1_699)], errors.DecisionUnbalanced),
        ([share(-1_701)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=1_701)], errors.LineAlreadyResolved),
        ([share(-1_700)], [Item(kind=Resolution.RESERVE_TOP_UP, amount_cents=1_700)], errors.ResolutionImpossible),
        ([share(1_700)], [FEE], errors.ResolutionImpossible),
        ([share(-850), share(-850)], [FEE], errors.ResolutionImpossible),
        ([], [FEE], errors.ResolutionImpossible),
        ([share(-1_700)], [], errors.ResolutionImpossible),
        ([share(-1_700)], [Item(kind=Resolution.BANK_CORRECTION, amount_cents=1_700)], errors.ResolutionImpossible),
        ([share(-1_700, line=9)], [FEE], errors.LineUnknown),
        ([share(FUNDED_CENTS, line=1)], [FEE], errors.LineNotInSuspense),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_does_not_fit_is_refused_without_a_trace(
    db_engine: Engine, shares: list[Share], items: list[Item], refusal: type[Exception]
) -> None:
    month = imported(db_engine)

    with pytest.raises(refusal):
        say(month, shares, items)

    with reading(db_engine) as db:
        assert decisions_of(db, territory_id=1) == []


def test_a_decision_is_undone_once_and_an_undo_is_for_good(db_engine: Engine) -> None:
    month = imported(db_engine)
    decision = say(month, [share(-1_700)], [FEE])
    undone = transact(db_engine, undo, by=by(month), decision_id=decision.decision_id)

    assert waiting(month) == [-1_700]
    assert held(month, AccountKind.BANK_CHARGES) == 0
    with pytest.raises(errors.DecisionAlreadyUndone):
        transact(db_engine, undo, by=by(month), decision_id=decision.decision_id)
    with pytest.raises(errors.DecisionNotUndoable):
        transact(db_engine, undo, by=by(month), decision_id=undone.decision_id)
    with pytest.raises(errors.DecisionUnknown):
        transact(db_engine, undo, by=by(month), decision_id=99)


def test_nothing_is_undone_in_a_closed_month(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live(DEBIT_LATER)
    decision = say(month, [share(-400, line=4, statement=2)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=400)])
    month.approve(month.prepare())

    with pytest.raises(errors.DecisionPeriodClosed):
        transact(db_engine, undo, by=by(month, now=moment(5, 11)), decision_id=decision.decision_id)
    with pytest.raises(errors.DecisionPeriodClosed):
        transact(db_engine, take_match_back, by=by(month, now=moment(5, 11)), bank_statement_id=2, line_no=1)


DEBIT_LATER = BankLine(cents=-400, on=datetime.date(2026, 10, 30), text="PRLV INCONNU")
DECISION = (
    "INSERT INTO bank_decisions (territory_id, id, kind, period_ends_on, subject, note, decided_by, decided_at_ms,"
    " undoes_id) VALUES (1, {id}, '{kind}', '{period}', '{subject}', '{note}', 'staff:3', 1, {undoes})"
)
PART = (
    "INSERT INTO bank_decision_parts (territory_id, decision_id, bank_statement_id, line_no, part_no, amount_cents)"
    " VALUES (1, 1, {statement}, {line}, 1, {cents})"
)


def decision_row(**more: object) -> str:
    values = {"id": 2, "kind": "match", "period": "2026-10-31", "subject": "", "note": "", "undoes": "NULL"}
    return DECISION.format(**(values | more))


@pytest.mark.parametrize(
    ("attack", "guard"),
    [
        (PART.format(statement=1, line=3, cents=-1_701), "bank_line_already_resolved"),
        (PART.format(statement=1, line=3, cents=1), "bank_line_already_resolved"),
        (PART.format(statement=1, line=3, cents=0), "bank_line_already_resolved"),
        (PART.format(statement=1, line=1, cents=5), "bank_line_already_resolved"),
        (decision_row(kind="undo", undoes=9), "decision_not_undoable"),
        (decision_row(kind="undo", undoes=1, period="2026-11-30"), "decision_not_undoable"),
        (decision_row(kind="undo"), "ck_bank_decisions_undoes"),
        (decision_row(kind="carry", note="x"), "ck_bank_decisions_subject"),
        (decision_row(kind="other"), "ck_bank_decisions_kind"),
        (decision_row(kind="carry", subject="x"), "ck_bank_decisions_reason"),
    ],
)
def test_the_database_refuses_it_too(db_engine: Engine, attack: str, guard: str) -> None:
    month = imported(db_engine, DEBIT, BankLine(cents=-1_700, on=OCTOBER_6, text="PRLV BIS"))
    say(month, [share(-1_700)], [FEE])

    with pytest.raises(Exception, match=guard):
        run(db_engine, attack)


def test_the_database_refuses_a_second_undo_and_a_closed_month(db_engine: Engine) -> None:
    month = open_month(db_engine)
    month.live(DEBIT_LATER)
    say(month, [share(-400, line=4, statement=2)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=400)])
    transact(db_engine, undo, by=by(month), decision_id=1)
    with pytest.raises(Exception, match="decision_already_undone"):
        run(db_engine, decision_row(id=3, kind="undo", undoes=1))
    say(month, [share(-400, line=4, statement=2)], [Item(kind=Resolution.BANK_CHARGE, amount_cents=400)])
    month.approve(month.prepare())

    with pytest.raises(Exception, match="decision_period_closed"):
        run(db_engine, decision_row(id=9))


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE payout_lines SET state = 'ordered', settled_entry_id = NULL WHERE line_no = 1",
        "UPDATE payouts SET state = 'sent' WHERE id = 1",
        "UPDATE funding_orders SET state = 'expected', entry_id = NULL WHERE id = 1",
    ],
)
def test_nothing_goes_back_a_step_whose_entry_stands(db_engine: Engine, attack: str) -> None:
    month = open_month(db_engine)
    month.live()

    with pytest.raises(Exception, match=r"state_order|funding_already_received|frozen"):
        run(db_engine, attack)
    with reading(db_engine) as db:
        assert db.scalar(text("SELECT count(*) FROM payout_lines WHERE state = 'settled'")) == 2
