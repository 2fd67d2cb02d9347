"""Read the log: its signed heads, and the leaf hashes in order."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from monnaie_locale.journal.sealer import LogHead, as_head
from monnaie_locale.journal.tables import journal_entries, log_heads

LEAVES_PER_READ = 20_000
# Below any size: a head that somebody numbered -5 is read too.
BELOW_ALL = -(2**63)


def heads_of(db: Connection, *, territory_id: int, after: int = BELOW_ALL) -> Iterator[LogHead]:
    """Yield every signed head of a log larger than `after`, the smallest first."""
    wanted = (log_heads.c.territory_id == territory_id, log_heads.c.size > after)
    rows = db.execute(select(log_heads).where(*wanted).order_by(log_heads.c.size))
    for row in rows.mappings():
        yield as_head(row)


def head_at(db: Connection, *, territory_id: int, size: int) -> LogHead | None:
    """Return the head signed at a size, or None."""
    query = select(log_heads).where(log_heads.c.territory_id == territory_id, log_heads.c.size == size)
    row = db.execute(query).mappings().first()
    return None if row is None else as_head(row)


def leaf_hashes(db: Connection, *, territory_id: int, size: int) -> Iterator[bytes]:
    """Yield the leaf hashes of the first `size` entries, in the order of their numbers, memory flat."""
    for start in range(0, size, LEAVES_PER_READ):
        yield from db.scalars(
            select(journal_entries.c.leaf_hash)
            .where(
                journal_entries.c.territory_id == territory_id,
                journal_entries.c.id.between(start + 1, min(start + LEAVES_PER_READ, size)),
            )
            .order_by(journal_entries.c.id)
        )
