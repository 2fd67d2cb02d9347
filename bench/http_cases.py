"""A charge over HTTP, from the socket to the receipt, beside an empty endpoint of the same server: measured with wrk.

The server is the service's own, `monnaie-locale serve`, one process; wrk runs on the same machine. The charges are
measured in rounds, the empty endpoint before and after each; the figures are the middle ones of the rounds. Last, half
of the connections charge while the other half ask the empty endpoint without end: who speeds up light requests may
starve the tills, and only this tells (DECISIONS 2026-11-27).
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, text

from bench import http_town
from bench.measure import Timing
from bench.places import Place, scratch_folder
from bench.rows import Row
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import transact

CONNECTIONS = 32
HALF = CONNECTIONS // 2
ROUNDS = 5
RATIO_ASKED = 0.4
P99_ASKED_MS = 100.0
# More than any server here answers: the cards must last the whole run, each pays five times at most.
CHARGES_PER_S_MAX = 3_000
SCRIPTS = Path(__file__).parent / "wrk"
HEALTH = "/api/v1/health"
START_S = 60.0
CROWD_BEGINS_S = 0.5
# Longer than any run: the crowd is told to go.
CROWD_MAX_S = 600
# A disk that others keep busy may hold a commit for seconds: the p99 says so, it is not a lost answer.
TIMEOUT_S = 20
US_PER_S = 1_000_000
US_PER_MS = 1_000


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted in one run."""

    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    requests: int


@dataclass(frozen=True, slots=True)
class Round:
    """A run of charges, and the empty endpoint around it."""

    charges: Load
    empty_per_s: float

    @property
    def ratio(self) -> float:
        """Return how many charges were taken in the time of one empty request."""
        return self.charges.per_second / self.empty_per_s


def rows(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    """Measure a charge over HTTP on this database; without wrk, say so and measure nothing."""
    wrk = shutil.which("wrk")
    if wrk is None:
        _say("!!! A CHARGE OVER HTTP WAS NOT MEASURED: wrk is missing (apt package wrk).")
        return
    rounds, crowded, answered = _measured(place, timing, wrk, rounds=1 if quick else ROUNDS)
    per_second = median(each.charges.per_second for each in rounds)
    empty_per_s = median(each.empty_per_s for each in rounds)
    ratios = ", ".join(f"{each.ratio:.2f}" for each in rounds)
    detail = (
        f"{per_second:,.0f}/s, empty endpoint {empty_per_s:,.0f}/s, {CONNECTIONS} connections; rounds {ratios};"
        f" {answered} charges checked in the books"
    )
    yield Row(
        measure="a charge over HTTP / an empty endpoint of the same server",
        database=place.name,
        value=median(each.ratio for each in rounds),
        asked=RATIO_ASKED,
        unit="×",
        detail=detail,
    )
    p50_ms = median(each.charges.p50_ms for each in rounds)
    worst_ms = max(each.charges.worst_ms for each in rounds)
    yield Row(
        measure="a charge over HTTP, p99",
        database=place.name,
        value=median(each.charges.p99_ms for each in rounds),
        asked=P99_ASKED_MS,
        unit="ms",
        at_most=True,
        detail=f"p50 {p50_ms:.1f} ms, worst {worst_ms:.0f} ms, {CONNECTIONS} connections",
    )
    yield Row(
        measure="a charge over HTTP among light requests, p99",
        database=place.name,
        value=median(each.p99_ms for each in crowded),
        unit="ms",
        detail=f"{median(each.per_second for each in crowded):,.0f}/s, {HALF} connections of each kind",
    )


def _measured(place: Place, timing: Timing, wrk: str, *, rounds: int) -> tuple[list[Round], list[Load], int]:
    """Return the rounds, those among light requests, and how many charges were answered, warm-up included."""
    seconds = timing.warm_up_s + 2 * rounds * (timing.seconds + 1)
    card_count = int(seconds * CHARGES_PER_S_MAX / http_town.UNPINNED_COUNT_MAX)
    url = place.empty()
    address = url.render_as_string(hide_password=False)
    engine = open_engine(address)
    with scratch_folder(None) as folder:
        upgrade(engine)
        _say(f"{place.name}: opening a town of {card_count:,} cards and {http_town.SHOPS} shops…")
        town = http_town.open_town(engine, home=folder, card_count=card_count)
        transact(engine, _analyse)
        engine.dispose()
        (folder / "charges").write_text("\n".join(http_town.charges(town)) + "\n", encoding="ascii")
        (folder / "answers").touch()
        with server(folder, database=url) as base_url:
            _empty(wrk, base_url, timing.warm_up_s)
            _charges(wrk, base_url, timing.warm_up_s, folder, runs_before=0)
            measured = list(_rounds(wrk, base_url, timing, folder, rounds=rounds))
            crowded = [
                _crowded(wrk, base_url, timing.seconds, folder, runs_before=1 + rounds + before)
                for before in range(rounds)
            ]
        # Each run of wrk may be cut off from as many answers as it has connections; they are posted all the same.
        answered = http_town.check(
            engine, town=town, answers=folder / "answers", connections=(2 * rounds + 1) * CONNECTIONS
        )
        engine.dispose()
    place.drop(url)
    return measured, crowded, answered


def _rounds(wrk: str, base_url: str, timing: Timing, folder: Path, *, rounds: int) -> Iterator[Round]:
    before = _empty(wrk, base_url, timing.seconds)
    for round_no in range(1, rounds + 1):
        charges = _charges(wrk, base_url, timing.seconds, folder, runs_before=round_no)
        after = _empty(wrk, base_url, timing.seconds)
        yield Round(charges, mean((before.per_second, after.per_second)))
        before = after


def _empty(wrk: str, base_url: str, seconds: float) -> Load:
    load = run_wrk(wrk, f"{base_url}{HEALTH}", "figures", seconds=seconds)
    _say(f"empty endpoint: {load.per_second:,.0f}/s, p99 {load.p99_ms:.1f} ms")
    return load


def _crowded(wrk: str, base_url: str, seconds: float, folder: Path, *, runs_before: int) -> Load:
    """Charge on half of the connections while the others ask the empty endpoint from before to after it."""
    crowd = [wrk, "-t1", f"-c{HALF}", f"-d{CROWD_MAX_S}s", f"{base_url}{HEALTH}"]
    with subprocess.Popen(crowd, stdout=subprocess.DEVNULL) as others:
        try:
            time.sleep(CROWD_BEGINS_S)
            load = _charges(wrk, base_url, seconds, folder, runs_before=runs_before, connections=HALF)
            ended_with = others.poll()
        finally:
            others.terminate()
    if ended_with is not None:
        raise RuntimeError("the light requests ended before the charges")
    return load


def _charges(
    wrk: str, base_url: str, seconds: float, folder: Path, *, runs_before: int, connections: int = CONNECTIONS
) -> Load:
    charges, answers = folder / "charges", folder / "answers"
    # What a run before asked and was cut off from may be posted: its keys and its cards' turns are left out.
    used = len(answers.read_bytes().splitlines()) + runs_before * CONNECTIONS
    load = run_wrk(
        wrk, base_url, "charges", str(charges), str(used), str(answers), seconds=seconds, connections=connections
    )
    _say(f"charges: {load.per_second:,.0f}/s, p99 {load.p99_ms:.1f} ms")
    return load


def run_wrk(wrk: str, url: str, script: str, *arguments: str, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Run wrk with one of our scripts and return its figures; an answer above 399 or a broken connection is a fault."""
    whole_s = max(1, round(seconds))  # wrk counts in seconds
    with TemporaryDirectory() as folder:
        lua = Path(folder) / "script.lua"
        parts = dict.fromkeys((script, "figures"))
        lua.write_text("\n".join((SCRIPTS / f"{part}.lua").read_text(encoding="ascii") for part in parts))
        command = [wrk, "-t1", f"-c{connections}", f"-d{whole_s}s", "--timeout", f"{TIMEOUT_S}s", "-s", str(lua), url]
        command += ["--", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed: {done.stdout[-500:]} {done.stderr[-500:]}")
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    if figures["errors"]:
        raise RuntimeError(f"{figures['errors']} of {figures['requests']} requests failed: {done.stdout[-500:]}")
    return Load(
        per_second=figures["requests"] * US_PER_S / figures["duration_us"],
        p50_ms=figures["p50_us"] / US_PER_MS,
        p99_ms=figures["p99_us"] / US_PER_MS,
        worst_ms=figures["max_us"] / US_PER_MS,
        requests=figures["requests"],
    )


@contextmanager
def server(home: Path, *, database: URL) -> Iterator[str]:
    """Serve the installation as an operator does, and give its address."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "monnaie_locale", "serve", "--home", str(home), "--port", str(port)),
        *("--database-url", database.render_as_string(hide_password=False)),
    ]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            _await(f"http://127.0.0.1:{port}{HEALTH}", process, home / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(START_S)


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _analyse(db: Connection) -> None:
    # As a server that has run for a day: without statistics the first plans are guesses.
    db.execute(text("ANALYZE"))


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
