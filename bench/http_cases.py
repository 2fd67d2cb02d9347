"""A charge over HTTP, from the socket to the receipt, beside an empty endpoint of the same server: measured with wrk.

The server is the service's own, `monnaie-locale serve`, one process; wrk runs on the same machine. The empty endpoint
is measured before and after the charges, in the same run.
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
from statistics import mean
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
RATIO_ASKED = 0.4
P99_ASKED_MS = 100.0
# More than any server here answers: the cards must last the whole run, each pays five times at most.
CHARGES_PER_S_MAX = 3_000
SCRIPTS = Path(__file__).parent / "wrk"
HEALTH = "/api/v1/health"
START_S = 60.0
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


def rows(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    """Measure a charge over HTTP on this database; without wrk, say so and measure nothing."""
    del quick  # the length of the run says how many cards are needed
    wrk = shutil.which("wrk")
    if wrk is None:
        _say("!!! A CHARGE OVER HTTP WAS NOT MEASURED: wrk is missing (apt package wrk).")
        return
    empty, charges, answered = _measured(place, timing, wrk)
    empty_per_s = mean(load.per_second for load in empty)
    detail = (
        f"{charges.per_second:,.0f}/s, empty endpoint {' and '.join(f'{load.per_second:,.0f}' for load in empty)}/s,"
        f" {CONNECTIONS} connections; {answered} charges checked in the books"
    )
    yield Row(
        measure="a charge over HTTP / an empty endpoint of the same server",
        database=place.name,
        value=charges.per_second / empty_per_s,
        asked=RATIO_ASKED,
        unit="×",
        detail=detail,
    )
    yield Row(
        measure="a charge over HTTP, p99",
        database=place.name,
        value=charges.p99_ms,
        asked=P99_ASKED_MS,
        unit="ms",
        at_most=True,
        detail=f"p50 {charges.p50_ms:.1f} ms, worst {charges.worst_ms:.0f} ms, {CONNECTIONS} connections",
    )


def _measured(place: Place, timing: Timing, wrk: str) -> tuple[list[Load], Load, int]:
    """Return the empty endpoint before and after, the charges, and how many charges were answered, warm-up included."""
    card_count = int((timing.warm_up_s + timing.seconds + 1) * CHARGES_PER_S_MAX / http_town.UNPINNED_COUNT_MAX)
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
        with server(folder, database=url) as base_url:
            empty = [_empty(wrk, base_url, timing)]
            charges = _charges(wrk, base_url, timing, folder)
            empty.append(_empty(wrk, base_url, timing))
        answered = http_town.check(engine, town=town, answers=folder / "answers", connections=2 * CONNECTIONS)
        engine.dispose()
    place.drop(url)
    return empty, charges, answered


def _empty(wrk: str, base_url: str, timing: Timing) -> Load:
    run_wrk(wrk, f"{base_url}{HEALTH}", "figures", seconds=timing.warm_up_s)
    load = run_wrk(wrk, f"{base_url}{HEALTH}", "figures", seconds=timing.seconds)
    _say(f"empty endpoint: {load.per_second:,.0f}/s, p99 {load.p99_ms:.1f} ms")
    return load


def _charges(wrk: str, base_url: str, timing: Timing, folder: Path) -> Load:
    charges, answers = folder / "charges", folder / "answers"
    answers.touch()
    run_wrk(wrk, base_url, "charges", str(charges), "0", str(answers), seconds=timing.warm_up_s)
    # What the warm-up asked and was cut off from may be posted: its keys and its cards' turns are left out.
    used = len(answers.read_bytes().splitlines()) + CONNECTIONS
    load = run_wrk(wrk, base_url, "charges", str(charges), str(used), str(answers), seconds=timing.seconds)
    _say(f"charges: {load.per_second:,.0f}/s, p99 {load.p99_ms:.1f} ms")
    return load


def run_wrk(wrk: str, url: str, script: str, *arguments: str, seconds: float) -> Load:
    """Run wrk with one of our scripts and return its figures; an answer above 399 or a broken connection is a fault."""
    whole_s = max(1, round(seconds))  # wrk counts in seconds
    with TemporaryDirectory() as folder:
        lua = Path(folder) / "script.lua"
        parts = dict.fromkeys((script, "figures"))
        lua.write_text("\n".join((SCRIPTS / f"{part}.lua").read_text(encoding="ascii") for part in parts))
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{whole_s}s", "--timeout", f"{TIMEOUT_S}s", "-s", str(lua), url]
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
