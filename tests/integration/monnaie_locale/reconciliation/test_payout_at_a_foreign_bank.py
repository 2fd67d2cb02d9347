"""A payout goes to a bank that we did not write; all that it answers is imported, and nothing is left in transit.

The bank is PyPI mock-bank: pain.002 at once, camt.054 and camt.053 on the day, pacs.004 when a transfer comes back.
"""

import datetime
from collections.abc import Iterator

import pytest
from lxml import etree
from sqlalchemy import Engine, text

from merchants.model import LineState, PaymentStatus, Payout, PayoutState
from merchants.payouts.news import news_of
from merchants.payouts.operations import prepare_payout
from merchants.queries import find_payout
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.exports.operations import payment_order_of
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.model import ImportReport, Resolution
from monnaie_locale.reconciliation.operations import import_statement, resolve_line
from monnaie_locale.reconciliation.queries import unresolved
from tests.factories.foreign_bank import Bank, open_bank
from tests.factories.ledger import territory
from tests.factories.month import FUNDED_CENTS, MAKER, Month2026, moment, open_month
from tests.factories.vandal import run

FIRST_CENTS, SECOND_CENTS = 1_250, 4_000
LATE = moment(5, 11)


@pytest.fixture
def bank() -> Iterator[Bank]:
    with open_bank(iban=territory().reserve_iban, balance_cents=FUNDED_CENTS, clock="2026-10-26T09:30") as opened:
        yield opened


def paid_month(engine: Engine) -> tuple[Month2026, Payout]:
    """Return a month in which both shops' payout is ordered, and the payout."""
    month = open_month(engine)
    month.import_(month.first_statement(), now=moment(11))
    month.spend()
    return month, month.pay()


def order_of(month: Month2026, payout: Payout) -> bytes:
    with reading(month.engine) as db:
        return payment_order_of(db, territory_id=1, payout_id=payout.id).content


def take(month: Month2026, content: bytes, **more: object) -> ImportReport:
    return transact(
        month.engine, import_statement, territory_id=1, content=content, actor=MAKER, now=LATE, **more  # type: ignore[arg-type]
    )  # fmt: skip


def held(month: Month2026, kind: AccountKind) -> int:
    account_id = month.world.single(kind)
    with reading(month.engine) as db:
        return balance_of(db, territory_id=1, account_id=account_id)


def owed(month: Month2026, place: int) -> int:
    with reading(month.engine) as db:
        return balance_of(db, territory_id=1, account_id=month.world.shop(month.shops[place].id))


def states(month: Month2026, payout: Payout) -> list[LineState]:
    with reading(month.engine) as db:
        return [line.state for line in find_payout(db, territory_id=1, payout_id=payout.id).lines]


def told(month: Month2026, payout: Payout) -> dict[int, tuple[PaymentStatus, str]]:
    with reading(month.engine) as db:
        found = news_of(db, territory_id=1, payout_id=payout.id)
    return {number: (each.status, each.reason) for number, each in found.items()}


def faults(month: Month2026) -> list[str]:
    with reading(month.engine) as db:
        verdict = verify_installation(db, territory_id=1, public_key_pem=month.keyring.public_key_pem)
    return [f"{finding.code} {finding.subject}" for finding in verdict.findings]


def kinds(contents: list[bytes]) -> list[str]:
    return [str(etree.QName(etree.fromstring(each)).namespace).rpartition(":")[2][:8] for each in contents]


def test_what_the_bank_accepts_and_debits_leaves_nothing_in_transit(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    order = order_of(month, payout)
    assert order == order_of(month, payout)
    assert bank.findings(order).strip().endswith("2 payments, 0 findings")
    assert "AM10" in bank.findings(order.replace(b"<CtrlSum>52.50<", b"<CtrlSum>52.51<", 1))
    bank.ask("POST", "/payments", order)

    (accepted,) = bank.collect()
    assert kinds([accepted]) == ["pain.002"]
    take(month, accepted)
    assert told(month, payout) == {1: (PaymentStatus.ACCEPTED, ""), 2: (PaymentStatus.ACCEPTED, "")}
    assert states(month, payout) == [LineState.ORDERED, LineState.ORDERED]
    assert held(month, AccountKind.PAYOUT_TRANSIT) == FIRST_CENTS + SECOND_CENTS

    bank.advance(3)
    later = bank.collect()
    assert set(kinds(later)) == {"camt.054", "camt.053"}
    for each in later:
        if kinds([each]) == ["camt.054"]:
            take(month, each)
    # A notice is news: it moves nothing, the statement does.
    assert {status for status, _ in told(month, payout).values()} == {PaymentStatus.DEBITED}
    assert held(month, AccountKind.PAYOUT_TRANSIT) == FIRST_CENTS + SECOND_CENTS
    for each in later:
        if kinds([each]) == ["camt.053"]:
            take(month, each)
    assert states(month, payout) == [LineState.SETTLED, LineState.SETTLED]
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    assert -held(month, AccountKind.RESERVE) == FUNDED_CENTS - FIRST_CENTS - SECOND_CENTS
    assert faults(month) == []


def test_what_the_bank_rejects_is_owed_again_and_paid_by_the_next_payout(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    bank.close_account(month.shops[0].iban)
    bank.ask("POST", "/payments", order_of(month, payout))

    (answer,) = bank.collect()
    report = take(month, answer)

    assert [(each.reason, each.is_given_back) for each in report.news] == [("AC04", True), ("", False)]
    assert states(month, payout) == [LineState.REJECTED, LineState.ORDERED]
    assert (owed(month, 0), owed(month, 1)) == (FIRST_CENTS, 0)
    assert held(month, AccountKind.PAYOUT_TRANSIT) == SECOND_CENTS
    with pytest.raises(errors.StatementAlreadyImported):
        take(month, answer)
    assert owed(month, 0) == FIRST_CENTS

    bank.advance(3)
    for each in bank.collect():
        take(month, each)
    assert states(month, payout) == [LineState.REJECTED, LineState.SETTLED]
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    with reading(db_engine) as db:
        assert find_payout(db, territory_id=1, payout_id=payout.id).state is PayoutState.SETTLED
        assert unresolved(db, territory_id=1) == []
    assert faults(month) == []

    again = transact(
        db_engine, prepare_payout, territory_id=1, label="Suite", cutoff_on=LATE.date(), execution_on=LATE.date(),
        actor=MAKER, now=LATE,
    )  # fmt: skip
    assert [(line.merchant_id, line.amount_cents) for line in again.lines] == [(month.shops[0].id, FIRST_CENTS)]


def test_a_transfer_that_comes_back_days_later_is_owed_again(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    bank.behave("return-later", days=2, reason="AC01", end_to_end_id=payout.lines[1].end_to_end_id)
    bank.ask("POST", "/payments", order_of(month, payout))
    bank.advance(7)

    answers = bank.collect()
    assert set(kinds(answers)) == {"pain.002", "camt.054", "camt.053", "pacs.004"}
    for each in answers:
        take(month, each)

    assert states(month, payout) == [LineState.SETTLED, LineState.RETURNED]
    assert told(month, payout)[2] == (PaymentStatus.RETURNED, "AC01")
    assert (owed(month, 0), owed(month, 1)) == (0, SECOND_CENTS)
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    assert -held(month, AccountKind.RESERVE) == FUNDED_CENTS - FIRST_CENTS
    assert faults(month) == []


def test_what_a_statement_leaves_out_waits_until_somebody_says_what_it_is(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    bank.behave("statement-gap")
    bank.ask("POST", "/payments", order_of(month, payout))
    bank.advance(1)
    bank.advance(1)
    answers = bank.collect()

    gaps = []
    for each in answers:
        if kinds([each]) != ["camt.053"]:
            take(month, each)
            continue
        try:
            take(month, each)
        except errors.StatementDoesNotAddUp:
            gaps.append(take(month, each, accepts_gap=True))
    (report,) = gaps
    assert "ne détaille pas" in report.warnings[0]
    (missing,) = report.in_suspense
    left_out = next(line for line in payout.lines if line.amount_cents == -missing.amount_cents)
    # The books hold what the bank holds, the notice told which transfer it was, and it still waits.
    assert -held(month, AccountKind.RESERVE) == FUNDED_CENTS - FIRST_CENTS - SECOND_CENTS
    assert told(month, payout)[left_out.line_no][0] is PaymentStatus.DEBITED
    assert held(month, AccountKind.PAYOUT_TRANSIT) == left_out.amount_cents
    assert faults(month) == []

    transact(
        db_engine, resolve_line, territory_id=1, bank_statement_id=missing.bank_statement_id, line_no=missing.line_no,
        kind=Resolution.PAYOUT_SETTLED, reference=left_out.end_to_end_id, note="Vu sur l'avis de débit", actor=MAKER,
        now=LATE,
    )  # fmt: skip
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    assert held(month, AccountKind.SUSPENSE_OUT) == 0
    assert faults(month) == []


def test_a_whole_order_rejected_is_given_back_and_a_repeated_one_is_not(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    order = order_of(month, payout)
    bank.ask("POST", "/payments", order)
    bank.ask("POST", "/payments", order)
    accepted, repeated = bank.collect()
    take(month, accepted)
    take(month, repeated)
    assert told(month, payout) == {1: (PaymentStatus.REPEATED, "DUPL"), 2: (PaymentStatus.REPEATED, "DUPL")}
    assert held(month, AccountKind.PAYOUT_TRANSIT) == FIRST_CENTS + SECOND_CENTS

    take(month, repeated.replace(b"DUPL", b"FF01"))
    assert states(month, payout) == [LineState.REJECTED, LineState.REJECTED]
    assert (owed(month, 0), owed(month, 1)) == (FIRST_CENTS, SECOND_CENTS)
    assert held(month, AccountKind.PAYOUT_TRANSIT) == 0
    assert faults(month) == []


def test_an_answer_to_somebody_elses_order_is_refused(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    order = order_of(month, payout)
    bank.ask("POST", "/payments", order.replace(b"VILLE1-P", b"AUTRE9-P"))
    (answer,) = bank.collect()
    with pytest.raises(errors.BankMessageNotOurs):
        take(month, answer)


ATTACKS = (
    "UPDATE payout_lines SET state = 'settled', settled_entry_id = order_entry_id WHERE line_no = 1",
    "INSERT INTO payout_rejections SELECT territory_id, 99, line_no, entry_id, reason FROM payout_rejections",
    "UPDATE payout_news SET status = 'accepted'",
    "UPDATE bank_messages SET format = ''",
    "DELETE FROM payout_rejections",
    "UPDATE payout_lines SET town = 'Ailleurs'",
    "UPDATE payouts SET pain_version = '03'",
)


def test_what_the_bank_said_cannot_be_turned_round_by_hand(db_engine: Engine, bank: Bank) -> None:
    month, payout = paid_month(db_engine)
    bank.close_account(month.shops[0].iban)
    bank.ask("POST", "/payments", order_of(month, payout))
    take(month, bank.collect()[0])
    for attack in ATTACKS:
        with pytest.raises(Exception, match=r"rejected|in_transit|append_only|frozen"):
            run(db_engine, attack)
    assert faults(month) == []


def test_a_shop_that_moves_does_not_change_an_order_that_was_approved(db_engine: Engine) -> None:
    month, payout = paid_month(db_engine)
    before = order_of(month, payout)
    with db_engine.begin() as db:
        db.execute(text("UPDATE merchants SET street = 'Rue Neuve', town = 'Autre-Ville'"))
    assert order_of(month, payout) == before


def test_the_books_of_a_rejection_are_held_against_the_order(db_engine: Engine, bank: Bank) -> None:
    """The verifier would see a rejection whose entry is another one's."""
    month, payout = paid_month(db_engine)
    bank.close_account(month.shops[0].iban)
    bank.ask("POST", "/payments", order_of(month, payout))
    take(month, bank.collect()[0])
    drop = {
        "sqlite": "DROP TRIGGER payout_rejections_news_update_5",
        "postgresql": "DROP TRIGGER payout_rejections_news_guard ON payout_rejections",
    }
    run(db_engine, drop[db_engine.dialect.name])
    run(db_engine, "UPDATE payout_rejections SET entry_id = entry_id - 1")
    assert f"payout_line_differs payout {payout.lines[0].end_to_end_id}" in faults(month)


def test_the_days_of_these_tests_are_the_banks(db_engine: Engine, bank: Bank) -> None:
    assert datetime.date(2026, 10, 26).isoformat() in bank.ask("GET", "/_mock/state")
