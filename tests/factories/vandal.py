"""Raw SQL by somebody who has the database's password: through the guards, or with the guards taken down."""

from sqlalchemy import Engine, event, text

from monnaie_locale.database.transaction import transact


def run(engine: Engine, *statements: str, **values: object) -> None:
    """Run the statements in one transaction, as they are."""
    transact(engine, lambda db: [db.execute(text(statement), values) for statement in statements])


def take_the_guards_down(engine: Engine) -> None:
    """Drop or disable every trigger and foreign key check, as an owner of the database can."""

    def drop(db):
        if db.dialect.name == "sqlite":
            for name in db.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                db.exec_driver_sql(f"DROP TRIGGER {name}")
            return
        tables = db.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        for table in tables:
            db.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")

    transact(engine, drop)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA foreign_keys = OFF"))
        engine.dispose()
