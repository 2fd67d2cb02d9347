"""How a difference is made, and what a bank line names: what the rules have in common. Pure."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import replace

from monnaie_locale.reconciliation.differences.model import (
    Difference,
    DifferenceKind,
    DifferenceState,
    Facts,
    Funding,
    Part,
    Transfer,
)
from monnaie_locale.reconciliation.references import mentions

# A month's statement may come the month after.
STATEMENT_DELAY = datetime.timedelta(days=31)


def found(
    facts: Facts,
    kind: DifferenceKind,
    subject: str,
    amount_cents: int,
    happened_on: datetime.date,
    *,
    entry_id: int | None = None,
    reference: str = "",
    explained_by: str = "",
) -> Difference:
    """Return a difference seen on the last day of the month; `explained_by` settles it."""
    return Difference(
        kind=kind,
        subject=subject,
        amount_cents=amount_cents,
        happened_on=happened_on,
        age_days=max(0, (facts.day - happened_on).days),
        entry_id=entry_id,
        reference=reference,
        state=DifferenceState.EXPLAINED if explained_by else DifferenceState.OPEN,
        explained_by=explained_by,
    )


def of_part(facts: Facts, part: Part, kind: DifferenceKind, *, reference: str = "") -> Difference:
    """Return a difference about what waits of a bank line."""
    difference = found(
        facts, kind, part.subject, abs(part.waiting_cents), part.booked_on, entry_id=part.entry_id, reference=reference
    )
    return replace(difference, gap_cents=part.waiting_cents)


def of_transfer(
    facts: Facts,
    transfer: Transfer,
    kind: DifferenceKind,
    happened_on: datetime.date,
    *,
    entry_id: int | None = None,
    explained_by: str = "",
) -> Difference:
    """Return a difference about a transfer: about its order, or another entry of it."""
    return found(
        facts,
        kind,
        transfer.subject,
        transfer.amount_cents,
        happened_on,
        entry_id=entry_id or transfer.ordered_entry_id,
        reference=transfer.end_to_end_id,
        explained_by=explained_by,
    )


def is_shown(facts: Facts, day: datetime.date, is_explained: bool) -> bool:  # noqa: FBT001 - read where it is used
    """Return whether something of a day belongs to this month's list: what is explained is told once, in its month."""
    latest_on = facts.day + STATEMENT_DELAY
    return (facts.month.first_day <= day <= latest_on) if is_explained else day <= latest_on


def waiting(facts: Facts, *, is_credit: bool) -> Iterator[Part]:
    """Yield the credits, or the debits, of which something waits."""
    return (part for part in facts.parts if part.waiting_cents and (part.waiting_cents > 0) == is_credit)


def transfer_named(facts: Facts, part: Part) -> Transfer | None:
    """Return the one transfer that a line names, in its own field or in its text."""
    return _named(facts.transfers, part)


def rejected_named(facts: Facts, part: Part) -> Transfer | None:
    """Return the one transfer rejected by the bank that a line names, when it names no other."""
    return None if transfer_named(facts, part) else _named(facts.rejected, part)


def _named(transfers: Sequence[Transfer], part: Part) -> Transfer | None:
    for transfer in transfers:
        if part.end_to_end_id == transfer.end_to_end_id:
            return transfer
    named = [each for each in transfers if mentions(each.end_to_end_id, text=part.text, fields=(part.end_to_end_id,))]
    return named[0] if len(named) == 1 else None


def funding_named(facts: Facts, part: Part) -> Funding | None:
    """Return the one funding that a credit names."""
    named = [each for each in facts.fundings if names(part, each)]
    return named[0] if len(named) == 1 else None


def names(part: Part, funding: Funding) -> bool:
    """Return whether a credit names a funding."""
    return part.waiting_cents > 0 and mentions(funding.reference, text=part.text, fields=(part.end_to_end_id,))
