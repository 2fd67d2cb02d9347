"""The mirror of a journal entry: a correction is a new entry that names what it reverses."""

from monnaie_locale.ledger.entries import JournalEntry
from monnaie_locale.ledger.posting import Draw


def mirror(entry: JournalEntry) -> tuple[Draw, ...]:
    """Return the draws that undo the entry, last transfer first."""
    return tuple(
        Draw((line.credit_account_id,), line.debit_account_id, line.amount_cents) for line in reversed(entry.transfers)
    )
