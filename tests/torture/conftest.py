"""Options and fixtures of the torture suite: the dose, the seed, the figures told at the end.

    pytest tests/torture                         a short dose, what CI runs
    pytest tests/torture --dose full -s          the whole dose (`make torture`)
    pytest tests/torture --dose tenth --seed 7   a tenth of it, to time it; the same seed gives the same run

Every test runs an attack, then asks the oracles (tests/torture/oracles.py), then runs a negative control: a mutant or a
bad setting that the same oracles must catch.
"""

import functools
import os
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.conftest import NO_POWER_CUTS, PostgresqlServer, SqliteFiles, opened_postgresql
from tests.torture.clients import ClientJournal
from tests.torture.disk_databases import FoundedTown, found_on_disk
from tests.torture.power import DEVICE, why_not
from tests.torture.spawner import Spawner

DOSES = ("short", "tenth", "full")
FIGURES = "torture_figures"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare --dose and --seed."""
    group = parser.getgroup("torture")
    group.addoption("--dose", choices=DOSES, default="short", help="how much of each torture (default: short)")
    group.addoption("--seed", type=int, default=None, help="the seed of every choice (default: a new one, printed)")


@dataclass(frozen=True, slots=True)
class Dose:
    """How much of each attack this run takes."""

    name: str

    def __call__(self, *, short: int, full: int) -> int:
        """Return the count of this run: `short`, `full`, or a tenth of full (never below 1)."""
        return {"short": short, "tenth": max(1, full // 10), "full": full}[self.name]


@pytest.fixture(scope="session")
def dose(request: pytest.FixtureRequest) -> Dose:
    """Give the function that scales counts: `dose(short=5, full=200)`."""
    return Dose(request.config.getoption("--dose", default="short"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of the test, and print it with what repeats the run."""
    given = request.config.getoption("--seed", default=None)
    chosen = secrets.randbelow(2**31) if given is None else int(given)
    print(f"\n[seed {chosen}] pytest '{request.node.nodeid}' --seed {chosen}")  # noqa: T201 - every run prints its seed
    return chosen


@pytest.fixture
def rng(seed: int) -> random.Random:
    """Give the test's own generator."""
    return random.Random(seed)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Give a function that keeps figures of the run, told at the end with the time: `figures(cuts=100, lost=0)`."""
    kept: dict[str, object] = {}
    began = time.monotonic()
    yield kept.update
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in kept.items())
    line = f"{request.node.nodeid.removeprefix('tests/torture/')}: {told} ({time.monotonic() - began:.1f} s)"
    request.node.user_properties.append((FIGURES, line))
    print(f"\n{line}")  # noqa: T201 - the log of a run is its result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the figures of every test, then what could not be tested at all."""
    reports = [
        report
        for outcome in ("passed", "failed", "skipped", "error")
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    ]
    lines = [
        str(text)
        for report in reports
        if report.when == "teardown"
        for name, text in report.user_properties
        if name == FIGURES
    ]
    if lines:
        terminalreporter.section("torture")
        for line in lines:
            terminalreporter.line(line)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder that others may read, until the end."""
    with tempfile.TemporaryDirectory(prefix="monnaie-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    """Give SQLite's files a disk, as in a town: in memory, commits come too soon for a kill to fall between them."""
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgresqlServer]:
    """Give PostgreSQL a disk."""
    with opened_postgresql(None) as place:
        yield place


@pytest.fixture(scope="session")
def migrated_templates() -> dict[str, URL]:
    """Remember the templates of these servers, apart from those of the ordinary tests."""
    return {}


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Give a folder where PostgreSQL, which runs as another user, may come in."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def disks(scratch: Path) -> Path:
    """Give a folder for disks whose power can be cut; skip loudly where none can be mounted."""
    if not DEVICE.exists():
        # A machine without the device cannot be given one: that is said, even where everything is required.
        pytest.skip(f"{NO_POWER_CUTS}: there is no {DEVICE}")
    if reason := why_not():
        if os.environ.get("REQUIRE_EVERYTHING"):
            pytest.fail(f"{NO_POWER_CUTS}: {reason}, and REQUIRE_EVERYTHING is set", pytrace=False)
        pytest.skip(f"{NO_POWER_CUTS}: {reason}")
    return scratch


@pytest.fixture(scope="session")
def founded() -> Iterator[Callable[[str], FoundedTown]]:
    """Give a function that returns the town of a dialect, founded once, to be copied onto disks."""
    with ExitStack() as stack:
        yield functools.cache(lambda dialect: found_on_disk(dialect, stack.enter_context(scratch_folder())))


@pytest.fixture(scope="session")
def spawner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawner]:
    """Give the process that forks servers."""
    parent = Spawner(tmp_path_factory.mktemp("servers") / "servers.log")
    yield parent
    parent.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What every attack on a running service needs."""

    home: Path
    spawner: Spawner
    journal: ClientJournal
    rng: random.Random
    dose: Dose
    figures: Callable[..., None]


@pytest.fixture
def rig(tmp_path: Path, spawner: Spawner, rng: random.Random, dose: Dose, figures: Callable[..., None]) -> Rig:
    """Give an empty folder for an installation, server processes, and the clients' journal outside the service."""
    home = tmp_path / "home"
    home.mkdir()
    journal = ClientJournal(tmp_path / "asked-and-told.jsonl")
    return Rig(home=home, spawner=spawner, journal=journal, rng=rng, dose=dose, figures=figures)
