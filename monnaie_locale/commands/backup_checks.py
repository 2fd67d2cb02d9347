"""Does a copy of the books stand: the file, the signed log, where it ends. Then everything else, as `verify` does."""

from collections.abc import Iterator

from sqlalchemy import Connection

from monnaie_locale.commands.verification_heads import KeptHead, check_kept_heads
from monnaie_locale.database.sqlite_copy import faults_of_file
from monnaie_locale.journal.log import head_at
from monnaie_locale.journal.queries import entry_of, head_of
from monnaie_locale.journal.sealer import LogHead, latest_head
from monnaie_locale.keyring import signature_is_valid


def last_entry_of(db: Connection, *, territory_id: int) -> tuple[int, int]:
    """Return the number of the last entry and when it was recorded, milliseconds UTC; zeros when there is none."""
    number = head_of(db, territory_id=territory_id).last_entry_id
    if number == 0:
        return 0, 0
    return number, entry_of(db, territory_id=territory_id, entry_id=number).entry.recorded_at_ms


def faults_of_copy(
    db: Connection, *, territory_id: int, head: LogHead | None, public_key_pem: str, quickly: bool = False
) -> Iterator[str]:
    """Yield in French what is wrong with the copy itself; nothing of it is ever skipped.

    Args:
        db: a connection to the copy, or to the very state that was copied.
        territory_id: whose books.
        head: the head that must be in it; None when nothing was ever sealed.
        public_key_pem: the key that signed it.
        quickly: leave out whether each index of a SQLite file says what its table says.

    """
    if db.dialect.name == "sqlite":
        for fault in faults_of_file(db, quickly=quickly)[:1]:
            yield f"fichier SQLite abîmé : {fault}"
    newest = latest_head(db, territory_id=territory_id)
    if head is None:
        if newest is not None:
            yield "un journal scellé que rien n’annonce"
        return
    if head_at(db, territory_id=territory_id, size=head.size) != head:
        yield f"la tête du journal à {head.size} écritures n’y est pas"
    if not signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text()):
        yield f"la signature du journal à {head.size} écritures est fausse"
    kept = [KeptHead(head.size, head.root)]
    for finding in check_kept_heads(db, territory_id=territory_id, kept=kept):
        yield finding.french
