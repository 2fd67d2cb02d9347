"""Hold what the bank said, as it is stored, against the journal."""

import datetime
from collections.abc import Iterator

from sqlalchemy import Connection

from monnaie_locale.commands.told import Told
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.model import MatchKind, Resolution, StoredMatch
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
            if not (_match_stands(each, told) and _resolution_stands(each, told)):
                yield Finding(
                    "bank_line_differs",
                    f"{subject} line {each.line_no}",
                    f"La ligne {each.line_no} du relevé {statement.statement_id} n’est pas aux comptes pour son"
                    f" montant ({format_euros(abs(each.amount_cents))}) et sa nature.",
                )
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


def _resolution_stands(match: StoredMatch, told: Told) -> bool:
    """Return whether what a person decided is in the books: the suspense undone, and what the line really is."""
    if match.resolved is None:
        return True
    cents = abs(match.amount_cents)
    undone = told.is_told(match.resolved.reversal_entry_id, EntryKind.REVERSAL, cents)
    is_its_own = told.reversed.get(match.resolved.reversal_entry_id) == match.entry_id
    return undone and is_its_own and told.is_told(match.resolved.entry_id, RESOLVED[match.resolved.kind], cents)
