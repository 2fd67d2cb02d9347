"""What PostgreSQL knows of its tables before its own daemon has looked at them, a minute later."""

from sqlalchemy import Connection, Table


def look_again(db: Connection, *tables: Table) -> None:
    """Let PostgreSQL count the values of tables that have just been filled, in the transaction that filled them.

    Until then it takes what is new there for rare, and reads all of it to find one. SQLite goes by figures of ours
    (migration 0011).
    """
    if db.dialect.name == "postgresql":
        db.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in tables)}")
