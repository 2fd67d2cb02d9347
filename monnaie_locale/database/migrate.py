"""Bring a database to the newest schema, with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from monnaie_locale.database.transaction import transact

# Any number that nothing else locks in this database.
ONE_AT_A_TIME = 20_261_126
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(engine: Engine, *, revision: str = "head") -> None:
    """Run the migrations up to `revision`, all or none."""
    transact(engine, _run, going_up=True, revision=revision)


def downgrade(engine: Engine, *, revision: str = "base") -> None:
    """Undo the migrations down to `revision`; for tests and rehearsals, it drops tables."""
    transact(engine, _run, going_up=False, revision=revision)


def revision_of(db: Connection) -> str:
    """Return the revision of a database's schema, "" when no migration ran on it."""
    return MigrationContext.configure(db).get_current_revision() or ""


def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this version of the program, the newest first."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return tuple(script.revision for script in scripts.walk_revisions())


def _run(db: Connection, *, going_up: bool, revision: str) -> None:
    if db.dialect.name == "postgresql":
        # Whoever runs them meanwhile waits, and then finds nothing left to do; SQLite's one writer is such a lock.
        db.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = db
    if going_up:
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)
