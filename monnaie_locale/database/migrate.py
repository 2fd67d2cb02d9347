"""Bring a database to the newest schema, with Alembic."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from monnaie_locale.database.in_use import alone
from monnaie_locale.database.transaction import transact

# Any number that nothing else locks in this database.
ONE_AT_A_TIME = 20_261_126
NEWEST = "head"
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(engine: Engine, *, revision: str = NEWEST, refuse: Callable[[str], object] | None = None) -> str:
    """Run the migrations up to `revision`, all or none, and return the revision before.

    Args:
        engine: one that does not announce itself (`in_use.announce`).
        revision: the last one to run.
        refuse: told the revision before, once nobody else can change it; what it raises is raised.

    Raises BooksInUse when there is something to do and a service or a command is at work.

    """
    with ExitStack() as until_committed:
        return transact(engine, _go_up, until_committed, revision=revision, refuse=refuse)


def downgrade(engine: Engine, *, revision: str = "base") -> None:
    """Undo the migrations down to `revision`; for tests and rehearsals, it drops tables."""
    with ExitStack() as until_committed:
        transact(engine, _go_down, until_committed, revision=revision)


def revision_of(db: Connection) -> str:
    """Return the revision of a database's schema, "" when no migration ran on it."""
    return MigrationContext.configure(db).get_current_revision() or ""


@cache
def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this version of the program, the newest first."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return tuple(script.revision for script in scripts.walk_revisions())


def _go_up(db: Connection, until_committed: ExitStack, *, revision: str, refuse: Callable[[str], object] | None) -> str:
    _take_turn(db)
    before = revision_of(db)
    if refuse is not None:
        refuse(before)
    if revision != NEWEST or before != known_revisions()[0]:
        until_committed.enter_context(alone(db))
        command.upgrade(_config(db), revision)
    return before


def _go_down(db: Connection, until_committed: ExitStack, *, revision: str) -> None:
    _take_turn(db)
    until_committed.enter_context(alone(db))
    command.downgrade(_config(db), revision)


def _take_turn(db: Connection) -> None:
    if db.dialect.name == "postgresql":
        # Whoever runs them meanwhile waits, and then finds nothing left to do; SQLite's one writer is such a lock.
        db.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))


def _config(db: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = db
    return config
