"""What does not agree about the reserve: announced ↔ received, charges, lines that name nothing. Pure."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

from monnaie_locale.reconciliation.differences.finding import (
    found,
    funding_named,
    is_shown,
    names,
    of_part,
    rejected_named,
    transfer_named,
    waiting,
)
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceKind, Facts
from monnaie_locale.reconciliation.differences.transfer_rules import TOLD_BEFORE

# What the CCAS announces comes within two weeks.
FUNDING_LATE_AFTER = datetime.timedelta(days=15)
TRANSFERS_NAMED = (transfer_named, rejected_named)


def bank_charges(facts: Facts) -> Iterator[Difference]:
    """Charges that the bank took from the reserve: the issuer makes them good, the oldest first."""
    left_cents = facts.topped_up_cents
    for charge in facts.bank_charges:
        good_cents = min(left_cents, charge.amount_cents)
        left_cents -= good_cents
        if good_cents == charge.amount_cents:
            continue
        yield found(
            facts,
            DifferenceKind.BANK_CHARGE,
            f"entry:{charge.entry_id}",
            charge.amount_cents - good_cents,
            charge.booked_on,
            entry_id=charge.entry_id,
        )


def fundings_late(facts: Facts) -> Iterator[Difference]:
    """Announced weeks ago, and no line speaks of it."""
    for funding in facts.fundings:
        is_due = funding.announced_on + FUNDING_LATE_AFTER <= facts.day and not funding.is_received(facts.day)
        if is_due and not any(names(part, funding) for part in facts.parts):
            yield found(
                facts,
                DifferenceKind.FUNDING_LATE,
                f"funding:{funding.reference}",
                funding.amount_cents,
                funding.announced_on,
                reference=funding.reference,
            )


def fundings_of_another_amount(facts: Facts) -> Iterator[Difference]:
    """A credit names a funding that is expected, for another amount."""
    for part in waiting(facts, is_credit=True):
        funding = funding_named(facts, part)
        if funding is not None and not funding.is_received(facts.day):
            yield replace(
                of_part(facts, part, DifferenceKind.FUNDING_WRONG_AMOUNT, reference=funding.reference),
                expected_cents=funding.amount_cents,
                gap_cents=part.waiting_cents - funding.amount_cents,
            )


def fundings_repeated(facts: Facts) -> Iterator[Difference]:
    """A credit names a funding that has come in already."""
    for part in waiting(facts, is_credit=True):
        funding = funding_named(facts, part)
        if funding is not None and funding.is_received(facts.day):
            yield of_part(facts, part, DifferenceKind.FUNDING_REPEATED, reference=funding.reference)


def credits_unknown(facts: Facts) -> Iterator[Difference]:
    """A credit names nothing that is known."""
    for part in waiting(facts, is_credit=True):
        if not part.is_return and not any(named(facts, part) for named in (*TRANSFERS_NAMED, funding_named)):
            yield of_part(facts, part, DifferenceKind.CREDIT_UNKNOWN)


def debits_unknown(facts: Facts) -> Iterator[Difference]:
    """A debit names nothing that is known."""
    for part in waiting(facts, is_credit=False):
        if not any(named(facts, part) for named in TRANSFERS_NAMED):
            yield of_part(facts, part, DifferenceKind.DEBIT_UNKNOWN)


def statements_repeated(facts: Facts) -> Iterator[Difference]:
    """A statement was sent again: it was refused, and nothing of it is in the books."""
    for refusal in facts.refusals:
        if refusal.code in TOLD_BEFORE and is_shown(facts, refusal.refused_on, is_explained=True):
            yield found(
                facts,
                DifferenceKind.STATEMENT_REPEATED,
                f"refusal:{refusal.refused_id}",
                0,
                refusal.refused_on,
                explained_by="refusal",
            )


def reserve_short(facts: Facts) -> Iterator[Difference]:
    """The reserve does not cover the units in circulation."""
    if facts.owed_cents > facts.reserve_cents:
        yield found(facts, DifferenceKind.RESERVE_SHORT, "reserve", facts.owed_cents - facts.reserve_cents, facts.day)
