"""What does not agree about the transfers to the shops: order ↔ payout file ↔ bank ↔ returns. Pure."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.reconciliation.differences.finding import (
    found,
    is_shown,
    of_part,
    of_transfer,
    rejected_named,
    transfer_named,
    waiting,
)
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceKind, Facts, Transfer

# The other transfers of an order were debited, and so many days of statements later this one still is not.
MISSING_AFTER = datetime.timedelta(days=3)
TOLD_BEFORE = frozenset({"statement_already_imported", "statement_repeated"})


def payouts_in_transit(facts: Facts) -> Iterator[Difference]:
    """Ordered, not yet debited, and nothing says that the statement forgot it."""
    for transfer in _undebited(facts):
        if not _is_forgotten(facts, transfer):
            yield of_transfer(facts, transfer, DifferenceKind.PAYOUT_IN_TRANSIT, transfer.ordered_on)


def statement_entries_missing(facts: Facts) -> Iterator[Difference]:
    """One transfer of an order is not debited while the others are; or a statement that lacks a line was refused."""
    for transfer in _undebited(facts):
        if _is_forgotten(facts, transfer):
            yield of_transfer(facts, transfer, DifferenceKind.STATEMENT_ENTRY_MISSING, transfer.ordered_on)
    for refusal in facts.refusals:
        if refusal.code in TOLD_BEFORE or not is_shown(facts, refusal.refused_on, bool(refusal.imported_since)):
            continue
        yield found(
            facts,
            DifferenceKind.STATEMENT_ENTRY_MISSING,
            f"refusal:{refusal.refused_id}",
            abs(refusal.gap_cents),
            refusal.refused_on,
            explained_by=refusal.imported_since,
        )


def payouts_returned(facts: Facts) -> Iterator[Difference]:
    """A transfer came back, days later: the shop is owed again until another order pays it."""
    for transfer in facts.transfers:
        if transfer.returned_on is None or transfer.returned_entry_id is None or not transfer.is_returned(facts.day):
            continue
        again = [
            each.ordered_entry_id
            for each in facts.transfers
            if each.merchant_id == transfer.merchant_id
            and each.ordered_entry_id > transfer.returned_entry_id
            and each.ordered_on <= facts.day
        ]
        if again and transfer.returned_on < facts.month.first_day:
            continue
        yield of_transfer(
            facts,
            transfer,
            DifferenceKind.PAYOUT_RETURNED,
            transfer.returned_on,
            entry_id=transfer.returned_entry_id,
            explained_by=f"entry:{min(again)}" if again else "",
        )


def returns_unmatched(facts: Facts) -> Iterator[Difference]:
    """A return, or a credit that names a transfer of ours, which fits none that is out."""
    for part in waiting(facts, is_credit=True):
        if part.is_return or transfer_named(facts, part) or rejected_named(facts, part):
            yield of_part(facts, part, DifferenceKind.RETURN_UNMATCHED)


def payouts_doubled(facts: Facts) -> Iterator[Difference]:
    """A debit names a transfer that another debit has paid already."""
    for part in waiting(facts, is_credit=False):
        transfer = transfer_named(facts, part)
        if transfer is not None and transfer.is_debited(facts.day):
            yield of_part(facts, part, DifferenceKind.PAYOUT_DOUBLED, reference=transfer.end_to_end_id)


def payouts_of_another_amount(facts: Facts) -> Iterator[Difference]:
    """A debit names a transfer that waits, for another amount."""
    for part in waiting(facts, is_credit=False):
        transfer = transfer_named(facts, part)
        if transfer is not None and not transfer.is_debited(facts.day):
            yield replace(
                of_part(facts, part, DifferenceKind.PAYOUT_WRONG_AMOUNT, reference=transfer.end_to_end_id),
                expected_cents=transfer.amount_cents,
                gap_cents=part.waiting_cents + transfer.amount_cents,
            )


def payouts_rejected_and_debited(facts: Facts) -> Iterator[Difference]:
    """A debit names a transfer that the bank had rejected: the shop is owed it again, and is not paid meanwhile."""
    for part in waiting(facts, is_credit=False):
        transfer = rejected_named(facts, part)
        if transfer is not None:
            yield replace(
                of_part(facts, part, DifferenceKind.PAYOUT_REJECTED_DEBITED, reference=transfer.end_to_end_id),
                expected_cents=transfer.amount_cents,
                is_prepared=part.subject in facts.prepared,
            )


def ibans_changed(facts: Facts) -> Iterator[Difference]:
    """The shop's account changed between the order and the debit: the money goes, or went, to the old one."""
    for transfer in facts.transfers:
        debited_on = transfer.settled_on if transfer.is_debited(facts.day) else None
        if transfer.is_returned(facts.day) or (debited_on is not None and debited_on < facts.month.first_day):
            continue
        for change in facts.iban_changes:
            changed_on = paris_date(change.changed_at_ms)
            if (
                change.merchant_id == transfer.merchant_id
                and change.changed_at_ms >= transfer.prepared_at_ms
                and transfer.ordered_on <= facts.day
                and changed_on <= (debited_on or facts.day)
            ):
                yield of_transfer(facts, transfer, DifferenceKind.IBAN_CHANGED, changed_on)
                break


def _undebited(facts: Facts) -> Iterator[Transfer]:
    """Yield the transfers ordered and not debited, except those of which a waiting line speaks."""
    spoken_of = [transfer_named(facts, part) for part in waiting(facts, is_credit=False)]
    for transfer in facts.transfers:
        is_out = transfer.ordered_on <= facts.day and not transfer.is_debited(facts.day)
        if is_out and transfer not in spoken_of:
            yield transfer


def _is_forgotten(facts: Facts, transfer: Transfer) -> bool:
    """Return whether the rest of the order was debited, and the statements have gone on for days since."""
    if facts.bank_through_on is None:
        return False
    told_through = min(facts.day, facts.bank_through_on)
    return any(
        each.settled_on is not None and each.settled_on + MISSING_AFTER <= told_through
        for each in facts.transfers
        if each.payout_id == transfer.payout_id and each is not transfer
    )
