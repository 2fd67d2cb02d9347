"""Does a copy of the books stand: the file, the signed log, where it ends. Then everything else, as `verify` does."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from monnaie_locale.commands.verification_heads import KeptHead, check_kept_heads
from monnaie_locale.database.sqlite_copy import faults_of_file
from monnaie_locale.journal.log import head_at
from monnaie_locale.journal.queries import entry_of, head_of
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.keyring import signature_is_valid


def last_entry_of(db: Connection, *, territory_id: int) -> tuple[int, int]:
    """Return the number of the last entry and when it was recorded, milliseconds UTC; zeros when there is none."""
    number = head_of(db, territory_id=territory_id).last_entry_id
    if number == 0:
        return 0, 0
    return number, entry_of(db, territory_id=territory_id, entry_id=number).entry.recorded_at_ms


def faults_of_copy(
    db: Connection, *, heads: Iterable[LogHead | None], public_key_pem: str, quickly: bool = False
) -> Iterator[str]:
    """Yield in French what is wrong with the copy itself; nothing of it is ever skipped.

    Args:
        db: a connection to the copy, or to the very state that was copied.
        heads: those that must be in it; None when nothing was sealed yet.
        public_key_pem: the key that signed it.
        quickly: leave out whether each index of a SQLite file says what its table says.

    """
    if db.dialect.name == "sqlite":
        for fault in faults_of_file(db, quickly=quickly)[:1]:
            yield f"fichier SQLite abîmé : {fault}"
    for head in dict.fromkeys(heads):
        if head is not None:
            yield from _faults_of_head(db, head, public_key_pem)


def _faults_of_head(db: Connection, head: LogHead, public_key_pem: str) -> Iterator[str]:
    territory_id = head.territory_id
    if head_at(db, territory_id=territory_id, size=head.size) != head:
        yield f"la tête du journal à {head.size} écritures n’y est pas"
    if not signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text()):
        yield f"la signature du journal à {head.size} écritures est fausse"
    kept = [KeptHead(head.size, head.root)]
    for finding in check_kept_heads(db, territory_id=territory_id, kept=kept):
        yield finding.french
