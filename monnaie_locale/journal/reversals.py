"""What was reversed, and the key under which a step that was undone is posted anew."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from monnaie_locale.journal.queries import find_posted
from monnaie_locale.journal.tables import journal_entries

LOOKUP_MAX = 500


def reversals_of(
    db: Connection, *, territory_id: int, entry_ids: Collection[int], as_of_ms: int | None = None
) -> dict[int, int]:
    """Return the entry that reverses each of these entries, for those reversed; by an instant, milliseconds UTC."""
    found: dict[int, int] = {}
    wanted = sorted(entry_ids)
    reverses = journal_entries.c.reverses_entry_id
    for start in range(0, len(wanted), LOOKUP_MAX):
        query = select(reverses, journal_entries.c.id).where(
            journal_entries.c.territory_id == territory_id, reverses.in_(wanted[start : start + LOOKUP_MAX])
        )
        if as_of_ms is not None:
            query = query.where(journal_entries.c.recorded_at_ms <= as_of_ms)
        found.update({row[0]: row[1] for row in db.execute(query)})
    return found


def standing_key(db: Connection, *, territory_id: int, caller: str, idempotency_key: str) -> str:
    """Return the key, or its next rank as long as what it posted has been reversed: an undone step may be made again.

    Keys never expire, so the same key would give the entry that was undone.
    """
    rank, key = 1, idempotency_key
    while posted := find_posted(db, territory_id=territory_id, caller=caller, idempotency_key=key):
        entry_id = posted.entry.entry_id
        if entry_id not in reversals_of(db, territory_id=territory_id, entry_ids=[entry_id]):
            break
        rank += 1
        key = f"{idempotency_key}:{rank}"
    return key
