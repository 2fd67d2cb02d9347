"""Open an engine on SQLite or PostgreSQL, with the settings that durability needs."""

import psycopg
import pysqlite3.dbapi2
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from monnaie_locale.database.discretion import leave_values_out
from monnaie_locale.database.turns import begin_in_turn, begin_reading, let_go

# SQLite before 3.51.3 can corrupt a database when two connections checkpoint at once (the WAL-reset fault), so the
# library comes from PyPI and not from the system.
SQLITE_VERSION_MIN = (3, 51, 3)
BUSY_TIMEOUT_MS = 10_000
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL, not NORMAL: with NORMAL a power cut takes back commits that were acknowledged.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    # 64 MiB of log before it is folded into the file: at the default 4 MiB, every tenth commit of a busy town pays.
    "PRAGMA wal_autocheckpoint = 16000",
)
# The statements of a posting exist in one text for each number of rows (database.bulk): keep them all prepared.
SQLITE_CONNECT = {"check_same_thread": False, "cached_statements": 512}
# A statement that fails goes to the log with its error: not with the codes, digests and hashes that it was given.
HIDE_VALUES = True
WEAK_COMMITS = ("off", "local")
# PostgreSQL's warning that a wait for a standby was given up: committed here, not there.
REPLICATION_WARNING = "synchronous replication"
STANDBY_WAIT_MAX_MS = 5_000
# Commits wait for a standby, and this server is none itself.
WAITS = "SELECT current_setting('synchronous_standby_names') <> '' AND NOT pg_is_in_recovery()"
# A commit with nothing but a mark in the log: once it returns without a warning, all that was visible before is on the
# standby too. In a DO block, where the time allowed covers the commit as well.
MARK = "DO $$ BEGIN PERFORM pg_logical_emit_message(true, 'monnaie-locale', 'mark'); COMMIT; END $$"
NOTICES = "monnaie_locale_notices"
READ_ONLY = "monnaie_locale_read_only"


class StandbyMissing(psycopg.OperationalError):
    """The server may show what its standby does not have; it is tried again with the next connection."""


def open_engine(url: str, *, pool_size: int = 40) -> Engine:
    """Return an engine for `sqlite:///…` or `postgresql+psycopg://…`.

    Args:
        url: the SQLAlchemy address of the database.
        pool_size: how many connections may be open at once.

    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size=pool_size)
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, pool_use_lifo=True, hide_parameters=HIDE_VALUES
    )
    event.listen(engine, "handle_error", leave_values_out)
    event.listen(engine, "connect", _keep_notices)
    event.listen(engine, "connect", _wait_for_the_disk)
    event.listen(engine, "connect", _wait_for_the_standby)
    return engine


def _open_sqlite(url: str, *, pool_size: int) -> Engine:
    if pysqlite3.dbapi2.sqlite_version_info < SQLITE_VERSION_MIN:
        message = f"SQLite {pysqlite3.dbapi2.sqlite_version} is too old: {SQLITE_VERSION_MIN} is the first safe one"
        raise RuntimeError(message)
    # Last in, first out, on both databases: statements are prepared per connection and pages cached there; in turn,
    # forty connections would each do it all again.
    engine = create_engine(
        url,
        module=pysqlite3.dbapi2,
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,
        hide_parameters=HIDE_VALUES,
        connect_args=SQLITE_CONNECT,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_immediate)
    event.listen(engine, "close", lambda _connection, record: let_go(record))
    return engine


def _keep_notices(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    # What the server says while committing: `transact` reads it.
    notices: list[str] = record.info.setdefault(NOTICES, [])
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))


def _wait_for_the_disk(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # A server set to answer COMMIT before its disk did (off), or before its standby (local), would acknowledge payments
    # that a power cut takes back. Stronger settings are left as they are.
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SHOW synchronous_commit")
    (setting,) = cursor.fetchone() or ("",)
    if setting in WEAK_COMMITS:
        cursor.execute("SET synchronous_commit TO on")
    cursor.close()
    connection.autocommit = False


def _wait_for_the_standby(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    # A server that was restarted, or was primary once, shows entries that its standby never had: an answer read there
    # would acknowledge what a promotion takes back. A connection that shows no more than the standby has is opened.
    notices: list[str] = record.info[NOTICES]
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(WAITS)
    if cursor.fetchone() == (True,):
        cursor.execute(f"SET statement_timeout = {STANDBY_WAIT_MAX_MS}")
        cursor.execute(MARK)
        cursor.execute("RESET statement_timeout")
    cursor.close()
    connection.autocommit = False
    if any(REPLICATION_WARNING in notice for notice in notices):
        connection.close()
        raise StandbyMissing("no standby answers: what this server shows may be nowhere else")


def _set_pragmas(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # None: the driver never begins by itself, so that `_begin_immediate` decides how a transaction starts.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_immediate(db: Connection) -> None:
    # A writer takes the lock before it reads: two writers that both read first would each decide on a stale balance.
    read_only = db.get_execution_options().get(READ_ONLY, False)
    if read_only:
        begin_reading(db, timeout_ms=BUSY_TIMEOUT_MS)
    else:
        begin_in_turn(db, timeout_ms=BUSY_TIMEOUT_MS)
