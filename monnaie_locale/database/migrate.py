"""Bring a database to the newest schema, with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from monnaie_locale.database.transaction import transact

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(engine: Engine, *, revision: str = "head") -> None:
    """Run the migrations up to `revision`, all or none."""
    transact(engine, _run, going_up=True, revision=revision)


def downgrade(engine: Engine, *, revision: str = "base") -> None:
    """Undo the migrations down to `revision`; for tests and rehearsals, it drops tables."""
    transact(engine, _run, going_up=False, revision=revision)


def _run(db: Connection, *, going_up: bool, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = db
    if going_up:
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)
