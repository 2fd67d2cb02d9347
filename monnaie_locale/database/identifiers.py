"""Small integer identifiers, one sequence per territory and table."""

from sqlalchemy import Connection, Table, func, select


def next_id(db: Connection, table: Table, *, territory_id: int) -> int:
    """Return the next `id` of `table` in the territory; a lost race is retried by `transact`."""
    highest = db.scalar(select(func.max(table.c.id)).where(table.c.territory_id == territory_id))
    return (highest or 0) + 1
