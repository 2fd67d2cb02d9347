"""Copy and fill a PostgreSQL database by PostgreSQL's own programs, `pg_dump` and `pg_restore`.

Where the database is and its password go to them in the environment, which only their own user reads: a command line is
read by everybody.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine

from monnaie_locale.database.discretion import lines_without_values

DUMP, RESTORE = "pg_dump", "pg_restore"
EXPORT_SNAPSHOT = "SELECT pg_export_snapshot()"
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
TABLES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
)
# A command that runs at night must not wait for somebody to type a password.
NEVER_ASK = "--no-password"
VARIABLES = {
    option.keyword.decode(): option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar
}
SAID_CHARACTERS_MAX = 300


class ToolFailed(Exception):
    """The program ended with an error, whose last words are the message."""


def tool_version(tool: str) -> int | None:
    """Return the major version of the program that the PATH leads to, or None when there is none."""
    program = shutil.which(tool)
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, check=False, text=True)  # noqa: S603 - PostgreSQL's
    found = VERSION.search(said.stdout)
    return None if found is None else int(found[1])


def server_version(db: Connection) -> int:
    """Return the major version of the server."""
    return int(db.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000


def is_empty(db: Connection) -> bool:
    """Return whether the database holds no table, view or sequence of anybody's."""
    return not int(db.exec_driver_sql(TABLES).scalar_one())


def dump(db: Connection, target: Path) -> None:
    """Write the state of the database that a connection sees, compressed, to a file that is empty; not synced here.

    Args:
        db: a connection that sees one state; the dump is of that very state, whatever is committed meanwhile.
        target: an empty file.

    Raises ToolFailed.

    """
    snapshot = db.exec_driver_sql(EXPORT_SNAPSHOT).scalar_one()
    # Without owners: whoever restores it may have another role.
    words = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}")
    _run(DUMP, NEVER_ASK, *words, environment=_environment(db.engine))


def read_through(path: Path) -> None:
    """Read a whole dump as a restoration would, and keep nothing; raises ToolFailed."""
    _run(RESTORE, f"--file={os.devnull}", str(path), environment=dict(os.environ))


def fill(engine: Engine, source: Path) -> None:
    """Fill an empty database from a dump, in one transaction: all of it or nothing; raises ToolFailed."""
    words = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    name = str(_parameters(engine)["dbname"])
    _run(RESTORE, NEVER_ASK, *words, f"--dbname={name}", str(source), environment=_environment(engine))


def analyse(db: Connection) -> None:
    """Let PostgreSQL look at what it was filled with: a dump holds no statistics, and plans made without are slow."""
    db.exec_driver_sql("ANALYZE")


def _run(tool: str, *words: str, environment: dict[str, str]) -> None:
    program = shutil.which(tool)
    if program is None:
        raise ToolFailed(tool)
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, on words that are ours
        [program, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = lines_without_values(done.stderr.decode(errors="replace").strip(), tool=tool)
        raise ToolFailed(said[-SAID_CHARACTERS_MAX:])


def _parameters(engine: Engine) -> dict[str, object]:
    _, parameters = engine.dialect.create_connect_args(engine.url)
    return dict(parameters)


def _environment(engine: Engine) -> dict[str, str]:
    """Return the environment that leads libpq to the database (PostgreSQL's documentation, 34.15)."""
    ours = {VARIABLES[name]: str(value) for name, value in _parameters(engine).items() if name in VARIABLES}
    return {**os.environ, **ours}
