"""Small integer identifiers, one sequence per territory and table."""

from sqlalchemy import Connection, Table, func, select, text

# PostgreSQL: whoever numbers the rows of a table waits for the one before, until its transaction ends.
NUMBERING_LOCK = text("SELECT pg_advisory_xact_lock(:territory_id, hashtext(:table_name))")


def next_id(db: Connection, table: Table, *, territory_id: int) -> int:
    """Return the next `id` of `table` in the territory; the transaction holds the numbering until it ends.

    On SQLite a writer is alone already.
    """
    if db.dialect.name == "postgresql":
        db.execute(NUMBERING_LOCK, {"territory_id": territory_id, "table_name": table.name})
    highest = db.scalar(select(func.max(table.c.id)).where(table.c.territory_id == territory_id))
    return (highest or 0) + 1
