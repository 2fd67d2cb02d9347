"""Hold what the bank said, as it is stored, against the journal."""

import datetime
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from merchants.payouts.transfer_queries import rejected_fees
from monnaie_locale.commands.told import Told
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.decision_queries import decisions_of
from monnaie_locale.reconciliation.decisions import REVERSAL_WORD, SUSPENSE_WORD
from monnaie_locale.reconciliation.model import (
    DecidedEntry,
    Decision,
    DecisionKind,
    MatchKind,
    Resolution,
    StoredMatch,
)
from monnaie_locale.reconciliation.queries import bank_position, matches_of, statements_of

MATCHED: dict[MatchKind, EntryKind] = {
    MatchKind.FUNDING: EntryKind.FUNDING,
    MatchKind.RESERVE_TOP_UP: EntryKind.RESERVE_TOP_UP,
    MatchKind.PAYOUT_SETTLED: EntryKind.PAYOUT_SETTLED,
    MatchKind.PAYOUT_RETURNED: EntryKind.PAYOUT_RETURNED,
    MatchKind.BANK_CHARGE: EntryKind.BANK_CHARGE,
    MatchKind.SUSPENSE_IN: EntryKind.SUSPENSE,
    MatchKind.SUSPENSE_OUT: EntryKind.SUSPENSE,
}
RESOLVED: dict[Resolution, EntryKind] = {
    Resolution.FUNDING: EntryKind.FUNDING,
    Resolution.RESERVE_TOP_UP: EntryKind.RESERVE_TOP_UP,
    Resolution.PAYOUT_SETTLED: EntryKind.PAYOUT_SETTLED,
    Resolution.PAYOUT_RETURNED: EntryKind.PAYOUT_RETURNED,
    Resolution.BANK_CHARGE: EntryKind.BANK_CHARGE,
    Resolution.EXPIRED_REPAID: EntryKind.EXPIRED_REPAID,
    Resolution.BANK_CORRECTION: EntryKind.SUSPENSE,
    Resolution.REJECTION_PAID: EntryKind.PAYOUT_SETTLED,
}
ENTRY_KINDS: dict[str, EntryKind] = {
    **{resolution.value: kind for resolution, kind in RESOLVED.items()},
    REVERSAL_WORD: EntryKind.REVERSAL,
    SUSPENSE_WORD: EntryKind.SUSPENSE,
}


def check_bank(db: Connection, *, territory_id: int, told: Told) -> Iterator[Finding]:
    """Statements follow one another, their lines add up, and each line is in the books as what it is, to the cent."""
    closing_cents: int | None = None
    for statement in reversed(statements_of(db, territory_id=territory_id)):
        subject = f"statement {statement.statement_id}"
        matches = matches_of(db, territory_id=territory_id, bank_statement_id=statement.bank_statement_id)
        follows = closing_cents in {None, statement.opening_cents}
        if not follows or statement.opening_cents + sum(m.amount_cents for m in matches) != statement.closing_cents:
            yield Finding(
                "statement_does_not_add_up",
                subject,
                f"Le relevé {statement.statement_id} ne suit plus le précédent, ou ses lignes ne font plus son solde.",
            )
        closing_cents = statement.closing_cents
        for each in matches:
            if not _match_stands(each, told):
                yield Finding(
                    "bank_line_differs",
                    f"{subject} line {each.line_no}",
                    f"La ligne {each.line_no} du relevé {statement.statement_id} n’est pas aux comptes pour son"
                    f" montant ({format_euros(abs(each.amount_cents))}) et sa nature.",
                )
    yield from _check_decisions(db, territory_id, told)
    position = bank_position(db, territory_id=territory_id, day=datetime.date.max)
    if position is not None and position.balance_cents != closing_cents:
        yield Finding(
            "bank_lines_differ",
            "bank lines",
            f"Les lignes des relevés mènent à {format_euros(position.balance_cents)}, le dernier relevé dit"
            f" {format_euros(closing_cents or 0)}.",
        )


def _match_stands(match: StoredMatch, told: Told) -> bool:
    """Return whether a line is in the books as what it was matched with; a line that moved nothing is not there."""
    if match.kind is MatchKind.NOTHING_MOVED:
        return match.entry_id is None and match.amount_cents == 0
    return told.is_told(match.entry_id, MATCHED[match.kind], abs(match.amount_cents))


def _check_decisions(db: Connection, territory_id: int, told: Told) -> Iterator[Finding]:
    """Each decision's entries are what they are said to be; they make its lines, or undo those of another decision."""
    decisions = decisions_of(db, territory_id=territory_id)
    by_number = {each.decision_id: each for each in decisions}
    fees = rejected_fees(db, territory_id=territory_id)
    for each in decisions:
        undone = None if each.undoes_id is None else by_number.get(each.undoes_id)
        entries_stand = all(_entry_stands(entry, told, fees) for entry in each.entries)
        if not (entries_stand and _adds_up(each, undone, told)):
            yield Finding(
                "decision_differs",
                f"decision {each.decision_id}",
                f"La décision n° {each.decision_id} sur le relevé n’est pas aux comptes comme elle est écrite.",
            )


def _entry_stands(entry: DecidedEntry, told: Told, fees: Mapping[str, int]) -> bool:
    """Return whether an entry is what the decision says; a rejected transfer that is paid takes the fee again."""
    fee_cents = fees.get(entry.reference, 0) if entry.kind == Resolution.REJECTION_PAID else 0
    return told.is_told(entry.entry_id, ENTRY_KINDS[entry.kind], entry.amount_cents + fee_cents)


def _adds_up(decision: Decision, undone: Decision | None, told: Told) -> bool:
    """Return whether the entries of a decision are those of its lines, to the cent."""
    if decision.kind is DecisionKind.CARRY:
        return not decision.shares and not decision.entries
    if decision.kind is DecisionKind.UNDO:
        if undone is None:
            return False
        reversed_ids = [told.reversed.get(entry.entry_id) for entry in reversed(decision.entries)]
        opposite = [-share.amount_cents for share in decision.shares]
        return reversed_ids == [entry.entry_id for entry in undone.entries] and opposite == [
            share.amount_cents for share in undone.shares
        ]
    amounts = [share.amount_cents for share in decision.shares]
    if decision.kind is DecisionKind.UNMATCH:
        return amounts == [0] and [entry.kind for entry in decision.entries] == [REVERSAL_WORD, SUSPENSE_WORD]
    # A correction of the bank's is a debit and a credit: each side makes the whole.
    lines_cents = max(sum(cents for cents in amounts if cents > 0), -sum(cents for cents in amounts if cents < 0))
    said = [entry.amount_cents for entry in decision.entries if entry.kind != REVERSAL_WORD]
    return sum(said) == lines_cents
