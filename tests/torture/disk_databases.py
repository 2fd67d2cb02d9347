"""Databases on a disk whose power can be cut: how each runs, falls with its machine, and is checked afterwards."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading
from tests.factories.vandal import run
from tests.torture.postgres import Postgresql, own

DATABASE = "town.sqlite"
HEAPS = (
    "SELECT c.relname, v.blkno, v.msg FROM pg_class c, LATERAL verify_heapam(c.oid) v"
    " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
)
INDEXES = (
    "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
    " WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relnamespace = 'public'::regnamespace"
)


class DiskDatabase(Protocol):
    """A kind of database, for a disk."""

    def running(self, place: Path) -> AbstractContextManager[str]:
        """Give the address of the database that lies in the folder."""

    def prepare(self, engine: Engine) -> None:
        """Add to a new database what `check` needs."""

    def fall(self) -> None:
        """End with the machine."""

    def check(self, engine: Engine) -> list[str]:
        """Let the database say what is wrong with its files."""


class SqliteDisk:
    """A database that is a file on the disk."""

    @contextmanager
    def running(self, place: Path) -> Iterator[str]:
        """Give the address of the database that lies in the folder."""
        yield f"sqlite:///{place / DATABASE}"

    def prepare(self, engine: Engine) -> None:
        """Need nothing."""

    def fall(self) -> None:
        """Nothing runs beside the service."""

    def check(self, engine: Engine) -> list[str]:
        """Ask SQLite itself."""
        with reading(engine) as db:
            found = db.scalars(text("PRAGMA integrity_check")).all()
        return [] if found == ["ok"] else [f"integrity_check: {found}"]


class PostgresqlDisk:
    """A cluster on the disk, and its server."""

    def __init__(self, sockets: Path, *, log: Path | None = None) -> None:
        """Keep its sockets, and its log of transactions when it is not to lie with the data, elsewhere."""
        self._sockets = sockets
        self._log = log
        self._server: Postgresql | None = None

    @contextmanager
    def running(self, place: Path) -> Iterator[str]:
        """Run a server on the cluster that lies in the folder; it recovers what it finds."""
        self._server = Postgresql(place / "data", self._sockets)
        own(self._sockets)
        if not (place / "data").exists():
            own(place)
            self._server.create(log=self._log)
        self._server.start()
        try:
            yield self._server.url.render_as_string()
            self._server.stop_immediately()
        finally:
            self._server.kill()

    def fall(self) -> None:
        """End with the machine."""
        if self._server is not None:
            self._server.kill()

    def revive(self) -> bool:
        """Start the server again when it has ended, as whoever watches over it does; tell whether it had."""
        if self._server is None or self._server.is_running():
            return False
        self._server.kill()
        self._server.start()
        return True

    def check(self, engine: Engine) -> list[str]:
        """Let PostgreSQL read every table, and compare every index with its table; what is corrupt raises."""
        with reading(engine) as db:
            found = db.execute(text(HEAPS)).all()
            db.execute(text(INDEXES)).all()
        return [f"verify_heapam: {tuple(row)}" for row in found]

    def prepare(self, engine: Engine) -> None:
        """Bring the means to check."""
        run(engine, "CREATE EXTENSION amcheck")


def disk_database(dialect: str, place: Path, *, log: Path | None = None) -> SqliteDisk | PostgresqlDisk:
    """Return the kind of that dialect; PostgreSQL keeps its sockets in `place`, and its log in `log` when given."""
    return SqliteDisk() if dialect == "sqlite" else PostgresqlDisk(place / "sockets", log=log)
