"""Towns on a disk of their own, whose power can be cut: how each database runs, falls, and is checked afterwards."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, text

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading
from tests.factories.vandal import run
from tests.torture.postgres import Postgresql, own
from tests.torture.power import copy_disk
from tests.torture.town import Town, found_town

CARDS = 4
CARD_CENTS = 10_000_000
DATABASE = "town.sqlite"
CLUSTER = "data"
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

    def running(self, place: Path, *, waits_for_disk: bool = True) -> AbstractContextManager[str]:
        """Give the address of the database that lies in the folder; it may be told that nothing can happen to it."""

    def fall(self) -> None:
        """End with the machine."""

    def check(self, engine: Engine) -> list[str]:
        """Let the database say what is wrong with its files."""


class SqliteDisk:
    """A database that is a file on the disk."""

    @contextmanager
    def running(self, place: Path, *, waits_for_disk: bool = True) -> Iterator[str]:
        """Give the address of the database that lies in the folder."""
        yield f"sqlite:///{place / DATABASE}"

    def fall(self) -> None:
        """Nothing runs beside the service."""

    def check(self, engine: Engine) -> list[str]:
        """Ask SQLite itself."""
        with reading(engine) as db:
            found = db.scalars(text("PRAGMA integrity_check")).all()
        return [] if found == ["ok"] else [f"integrity_check: {found}"]


class PostgresqlDisk:
    """A cluster on the disk, and its server."""

    def __init__(self, sockets: Path) -> None:
        """Keep its sockets and what it complains of elsewhere."""
        own(sockets)
        self._sockets = sockets
        self._server: Postgresql | None = None

    @contextmanager
    def running(self, place: Path, *, waits_for_disk: bool = True) -> Iterator[str]:
        """Run a server on the cluster that lies in the folder; it recovers what it finds."""
        self._server = Postgresql(place / CLUSTER, self._sockets, waits_for_disk=waits_for_disk)
        self._server.start()
        try:
            yield self._server.url.render_as_string()
            self._server.stop()
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


@dataclass(frozen=True, slots=True)
class FoundedTown:
    """A town at rest in a folder, founded once, to be copied onto disks."""

    folder: Path
    town: Town

    def copy_to(self, disk: Path) -> None:
        """Copy it onto a disk that does not exist yet."""
        copy_disk(self.folder, disk)


def disk_database(dialect: str, place: Path) -> SqliteDisk | PostgresqlDisk:
    """Return the kind of that dialect; PostgreSQL keeps its sockets in `place`."""
    return SqliteDisk() if dialect == "sqlite" else PostgresqlDisk(place / "sockets")


def found_on_disk(dialect: str, place: Path) -> FoundedTown:
    """Found a town in `place`, and stop its database in order."""
    kind = disk_database(dialect, place)
    folder, home = place / "town", place / "home"
    folder.mkdir()
    home.mkdir()
    if dialect == "postgresql":
        own(folder)
        Postgresql(folder / CLUSTER, place / "sockets").create()
    with kind.running(folder, waits_for_disk=False) as url:
        engine = open_engine(url)
        upgrade(engine)
        if dialect == "postgresql":
            run(engine, "CREATE EXTENSION amcheck")
        town = found_town(engine, home, cards=CARDS, card_cents=CARD_CENTS)
        engine.dispose()
    return FoundedTown(folder, town)


def move_log(cluster: Path, *, to: Path, seen_as: Path) -> None:
    """Move a cluster's log of transactions onto another disk, that will be mounted at `seen_as`."""
    shutil.move(cluster / "pg_wal", to / "pg_wal")
    own(to)
    (cluster / "pg_wal").symlink_to(seen_as / "pg_wal")
