"""What PostgreSQL knows of its tables before its own daemon has looked at them, a minute later."""

from sqlalchemy import Connection, Table


def look_again(db: Connection, *tables: Table) -> None:
    """Let PostgreSQL count the values of tables that have just been filled; in a transaction of its own.

    Until then it takes what is new there for rare, and reads all of it to find one. It may have to wait for the daemon,
    so not under the posting lock. SQLite goes by figures of our own (migration 0011).
    """
    if db.dialect.name == "postgresql":
        db.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in tables)}")
