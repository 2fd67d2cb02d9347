"""Hold the offline guarantees against the journal: who moved what, and that they paid only what was taken offline."""

from collections.abc import Iterator

from sqlalchemy import Connection

from merchants.offline.charges import taken_offline
from monnaie_locale.commands.told import Told
from monnaie_locale.journal.account_history import numbers_touching
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.journal.verify import Finding
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.programmes.guarantee_queries import guarantee_accounts, guarantee_moves_of
from monnaie_locale.programmes.operations.guaranteeing import move_digest

ENTRIES_PER_READ = 500


def check_guarantees(db: Connection, *, territory_id: int, told: Told) -> Iterator[Finding]:
    """Each move stands by its own entry, as it was approved; a guarantee pays only charges that were taken offline."""
    unclaimed = dict(told.guaranteed)
    for move in guarantee_moves_of(db, territory_id=territory_id):
        if move.entry_id is None:
            continue
        if unclaimed.pop(move.entry_id, None) != (move_digest(move), move.approved_by):
            yield Finding(
                "guarantee_move_differs",
                f"guarantee-move {move.move_id}",
                f"Le mouvement de garantie n° {move.move_id} n’est pas celui de l’écriture n° {move.entry_id}.",
            )
    for entry_id in sorted(unclaimed):
        yield Finding(
            "guarantee_move_missing",
            f"entry {entry_id}",
            f"L’écriture n° {entry_id} alimente ou reprend une garantie, et le mouvement a disparu.",
        )
    yield from _check_charges(db, territory_id)


def _check_charges(db: Connection, territory_id: int) -> Iterator[Finding]:
    accounts = guarantee_accounts(db, territory_id=territory_id)
    numbers = numbers_touching(db, territory_id=territory_id, account_ids=accounts.values())
    for start in range(0, len(numbers), ENTRIES_PER_READ):
        part = numbers[start : start + ENTRIES_PER_READ]
        entries = entries_by_number(db, territory_id=territory_id, entry_ids=part)
        charges = {posted.entry.entry_id for posted in entries if posted.entry.kind is EntryKind.CHARGE}
        for entry_id in sorted(charges - taken_offline(db, territory_id=territory_id, entry_ids=charges)):
            yield Finding(
                "guarantee_not_offline",
                f"entry {entry_id}",
                f"L’encaissement n° {entry_id} a été payé par une garantie sans avoir été pris hors connexion.",
            )
