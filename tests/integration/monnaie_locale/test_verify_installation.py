"""What other packages keep, held against the journal on both databases: a clean month, then each fault by hand."""

import datetime

import pytest
from sqlalchemy import Engine

from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.programmes.operations.distributing import approve_distribution, prepare_distribution
from monnaie_locale.programmes.operations.paying_out import post_distribution
from monnaie_locale.reconciliation.model import Resolution
from monnaie_locale.reconciliation.operations import resolve_line
from tests.factories.market import issue
from tests.factories.month import CHECKER, FUNDED_CENTS, MAKER, BankLine, Month2026, moment, open_month
from tests.factories.vandal import run, take_the_guards_down

OTHER_IBAN = "FR7630006000011234567890189"
UNKNOWN = BankLine(cents=4_242, on=datetime.date(2026, 10, 6), text="VIREMENT SANS REFERENCE")
FORGED_BY = "staff:9"

# What was done by hand -> the SQL -> the code and the subject that verify must give.
FAULTS = {
    "a household's aid said to be another's": (
        "UPDATE distribution_lines SET wallet_id = 77 WHERE line_no = 2",
        ("distribution_line_differs", "distribution 1 line 2"),
    ),
    "two households' amounts exchanged, the total unchanged": (
        "UPDATE distribution_lines SET amount_cents = 30000 - amount_cents",
        ("distribution_line_differs", "distribution 1 line 1"),
    ),
    "an aid said to last longer": (
        "UPDATE distributions SET expires_on = '2027-01-31'",
        ("distribution_line_differs", "distribution 1 line 1"),
    ),
    "an aid said to be approved by another": (
        f"UPDATE distributions SET approved_by = '{FORGED_BY}'",
        ("distribution_approver_differs", "distribution 1"),
    ),
    "a transfer sent to another account": (
        f"UPDATE payout_lines SET iban = '{OTHER_IBAN}' WHERE line_no = 1",
        ("payout_order_differs", "payout {first}"),
    ),
    "a transfer sent to another shop": (
        "UPDATE payout_lines SET merchant_id = 9 WHERE line_no = 2",
        ("payout_order_differs", "payout {second}"),
    ),
    "a transfer made larger": (
        "UPDATE payout_lines SET amount_cents = amount_cents + 1 WHERE line_no = 1",
        ("payout_line_differs", "payout {first}"),
    ),
    "a payout said to be approved by another": (
        f"UPDATE payouts SET approved_by = '{FORGED_BY}'",
        ("payout_order_differs", "payout {first}"),
    ),
    "a payout whose total changed": (
        "UPDATE payouts SET total_cents = total_cents + 1",
        ("payout_differs", "payout 1"),
    ),
    "a transfer that disappeared once it was debited": (
        "DELETE FROM payout_lines WHERE line_no = 1",
        ("payout_line_missing", "entry {order}"),
    ),
    "a month said to be approved by another": (
        f"UPDATE closes SET approved_by = '{FORGED_BY}'",
        ("close_differs", "close 2026-10"),
    ),
    "a month said to be prepared by another": (
        f"UPDATE closes SET prepared_by = '{FORGED_BY}'",
        ("close_differs", "close 2026-10"),
    ),
    "a certificate moved to another month": (
        "UPDATE closes SET period_starts_on = '2026-11-01', period_ends_on = '2026-11-30'",
        ("close_differs", "close 2026-11"),
    ),
    "a month closed that is not locked any more": ("DELETE FROM closed_periods", ("close_not_locked", "close 2026-10")),
    "a month locked that nobody closed": ("DELETE FROM closes", ("lock_without_close", "period 2026-10-31")),
    "a transfer debited said to be bank charges": (
        "UPDATE bank_matches SET kind = 'bank_charge' WHERE bank_statement_id = 2 AND line_no = 1",
        ("bank_line_differs", "statement REL-2026-10-B line 1"),
    ),
    "bank charges said to be an unknown debit": (
        "UPDATE bank_matches SET kind = 'suspense_out' WHERE kind = 'bank_charge'",
        ("bank_line_differs", "statement REL-2026-10-B line 3"),
    ),
    "an unknown credit said to be settled otherwise": (
        "UPDATE bank_decision_entries SET kind = 'funding'",
        ("decision_differs", "decision 1"),
    ),
    "an unknown credit settled by somebody else's entries": (
        "UPDATE bank_decision_entries SET entry_id = 1",
        ("decision_differs", "decision 1"),
    ),
    "a checklist that is none": ("UPDATE closes SET checklist = 'x'", ("row_unreadable", "closes")),
}


def live(engine: Engine) -> tuple[Month2026, dict[str, str]]:
    """Live October by the operations alone and close it; return the names that the findings may give."""
    month = open_month(engine)
    wallets = [issue(month.world, month.keyring, reference=reference).wallet_id for reference in ("A", "B")]
    month.import_(month.first_statement(UNKNOWN), now=moment(11))
    common = {"territory_id": month.territory_id, "now": moment(12)}
    prepared = transact(
        engine,
        prepare_distribution,
        programme_id=1,
        lines=list(zip(wallets, (20_000, 10_000), strict=True)),
        expires_on=datetime.date(2026, 12, 31),
        label="Octobre",
        actor=MAKER,
        **common,
    )
    distribution = {"distribution_id": prepared.distribution_id, "actor": CHECKER}
    transact(engine, approve_distribution, **distribution, **common)
    post_distribution(engine, **distribution, **common)
    for wallet, shop, cents in zip(wallets, month.shops, (1_250, 4_000), strict=True):
        month.world.charge(wallet, shop.id, cents)
    transact(
        engine,
        resolve_line,
        territory_id=month.territory_id,
        bank_statement_id=1,
        line_no=2,
        kind=Resolution.RESERVE_TOP_UP,
        actor=MAKER,
        now=moment(13),
    )
    payout = month.pay()
    month.import_(month.second_statement(payout, opening=FUNDED_CENTS + UNKNOWN.cents))
    month.approve(month.prepare())
    first, second = payout.lines
    return month, {
        "first": first.end_to_end_id,
        "second": second.end_to_end_id,
        "order": str(first.order_entry_id),
    }


def found(month: Month2026) -> list[tuple[str, str]]:
    with reading(month.engine) as db:
        verdict = verify_installation(db, territory_id=month.territory_id, public_key_pem=month.keyring.public_key_pem)
    return [(finding.code, finding.subject) for finding in verdict.findings]


def test_a_month_lived_by_the_operations_is_clean_with_the_guards_up_or_down(db_engine: Engine) -> None:
    month, _ = live(db_engine)
    assert found(month) == []

    take_the_guards_down(db_engine)
    assert found(month) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_no_longer_says_what_was_approved_is_named(db_engine: Engine, fault: str) -> None:
    month, names = live(db_engine)
    statement, (code, subject) = FAULTS[fault]
    take_the_guards_down(db_engine)

    run(db_engine, statement)

    assert (code, subject.format(**names)) in found(month)


def test_a_distribution_half_posted_is_no_fault(db_engine: Engine) -> None:
    month, _ = live(db_engine)
    common = {"territory_id": month.territory_id, "now": moment(4, 11)}
    prepared = transact(
        db_engine,
        prepare_distribution,
        programme_id=1,
        lines=[(1, 100), (2, 200)],
        expires_on=datetime.date(2026, 12, 31),
        label="Novembre",
        actor=MAKER,
        **common,
    )
    distribution = {"distribution_id": prepared.distribution_id, "actor": CHECKER}
    transact(db_engine, approve_distribution, **distribution, **common)

    with pytest.raises(InterruptedError):
        post_distribution(db_engine, **distribution, **common, lines_per_chunk=1, progress=interrupt)

    assert found(month) == []


def interrupt(_done: int, _total: int) -> None:
    """Stop as a power cut would, after the first chunk."""
    raise InterruptedError
