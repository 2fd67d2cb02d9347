"""A distribution of a hundred thousand lines by the real command line, while a till charges without a pause.

A bare loop of batched inserts stands beside it: the same number of rows, without rules, keys or balances.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import books, bulk_town
from bench.measure import NS_PER_MS, Timing
from bench.places import Place
from bench.rows import Row
from monnaie_locale.commands.acting import KEY_VARIABLE
from monnaie_locale.journal.writer import Writer

LINES, LINES_QUICK = 100_000, 2_000
LINES_PER_S_MIN = 15_000
COMMAND_S_MAX = 30
MEMORY_MIB_MAX = 300
CHARGE_P99_MS_MAX = 500
KIB_PER_MIB = 1024
# What runs the command and says what it cost; a child of its own, so that its memory is its own.
MEASURED = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=False)
print(json.dumps({"seconds": time.perf_counter() - began, "status": done.returncode, "said": done.stdout.decode(),
                  "memory_kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}))
"""


@dataclass(frozen=True, slots=True)
class Command:
    """What one run of the command took."""

    seconds: float
    memory_mib: float
    said: dict[str, object]


@dataclass(slots=True)
class Charges:
    """The waits of a till that charges continually, and nothing else."""

    waited_ns: list[int] = field(default_factory=list)

    def p99_ms(self) -> float:
        """Return the wait that one charge in a hundred exceeds."""
        ordered = sorted(self.waited_ns)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / NS_PER_MS

    def worst_ms(self) -> float:
        """Return the longest wait."""
        return max(self.waited_ns) / NS_PER_MS


def rows(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    """Yield the promises about a distribution on one kind of database."""
    del timing  # a distribution lasts what it lasts
    count = LINES_QUICK if quick else LINES
    with tempfile.TemporaryDirectory(prefix="monnaie-bulk-", ignore_cleanup_errors=True) as folder:
        _say(f"{place.name}: enrolling {count:,} households…")
        town = bulk_town.found(place, Path(folder), household_count=count)
        with _charging(town) as charges:
            prepared = _prepare(town)
            before = len(charges.waited_ns)
            approved = _approve(town)
        _say(
            f"{place.name}: prepared in {prepared.seconds:.1f} s, paid in {approved.seconds:.1f} s,"
            f" {len(charges.waited_ns)} charges meanwhile, worst {charges.worst_ms():.0f} ms"
        )
        if found := bulk_town.findings(town, charges=len(charges.waited_ns)):
            raise books.BooksWrong("; ".join(found))
        yield from _rows(place, count, prepared, approved, charges, while_paying=len(charges.waited_ns) - before)
        place.drop(town.url)


def _rows(
    place: Place, count: int, prepared: Command, approved: Command, charges: Charges, *, while_paying: int
) -> Iterator[Row]:
    posting_s = float(str(approved.said["posting_seconds"]))
    seconds = prepared.seconds + approved.seconds
    yield Row(
        measure="distribution, lines posted",
        database=place.name,
        value=count / posting_s,
        asked=LINES_PER_S_MIN,
        unit="lines/s",
        detail=f"{count:,} lines in {posting_s:.1f} s, purses opened and {while_paying} charges included",
    )
    yield Row(
        measure="distribution, both commands",
        database=place.name,
        value=seconds,
        asked=COMMAND_S_MAX,
        unit="s",
        at_most=True,
        detail=f"prepare {prepared.seconds:.1f} s, approve {approved.seconds:.1f} s, start of Python included",
    )
    yield Row(
        measure="distribution, peak memory",
        database=place.name,
        value=max(prepared.memory_mib, approved.memory_mib),
        asked=MEMORY_MIB_MAX,
        unit="MiB",
        at_most=True,
        detail=f"prepare {prepared.memory_mib:.0f} MiB, approve {approved.memory_mib:.0f} MiB",
    )
    yield Row(
        measure="charges during a distribution, p99",
        database=place.name,
        value=charges.p99_ms(),
        asked=CHARGE_P99_MS_MAX,
        unit="ms",
        at_most=True,
        detail=f"{len(charges.waited_ns)} charges, worst {charges.worst_ms():.0f} ms",
    )


def _prepare(town: bulk_town.BulkTown) -> Command:
    return _run(
        town, town.maker_key, "prepare", str(town.csv), "--programme", str(town.programme_id),
        "--expires-on", bulk_town.EXPIRES_ON.isoformat(), "--label", "Aide de decembre",
    )  # fmt: skip


def _approve(town: bulk_town.BulkTown) -> Command:
    return _run(town, town.checker_key, "approve", "1")


def _run(town: bulk_town.BulkTown, key: str, *words: str) -> Command:
    command = [
        sys.executable, "-m", "monnaie_locale", "distribution", *words, "--json",
        "--home", str(town.home), "--database-url", town.database_url,
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        env=os.environ | {KEY_VARIABLE: key},
        capture_output=True,
        check=True,
    )
    cost = json.loads(done.stdout)
    if cost["status"] != 0:
        raise books.BooksWrong(f"the command failed: {cost['said']} {done.stderr.decode()}")
    return Command(cost["seconds"], cost["memory_kib"] / KIB_PER_MIB, json.loads(cost["said"]))


@contextmanager
def _charging(town: bulk_town.BulkTown) -> Iterator[Charges]:
    """Charge from another process than the command's, one payment after the other, until the block ends."""
    engine = town.engine()
    writer = Writer(engine, clock_ms=books.now_ms)
    charges, stop = Charges(), threading.Event()
    errors: list[BaseException] = []

    def charge() -> None:
        payments = itertools.chain(books.charges(town.charged, caller=1, hot=False))
        try:
            while not stop.is_set():
                began = time.perf_counter_ns()
                writer.submit(next(payments))
                charges.waited_ns.append(time.perf_counter_ns() - began)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=charge, daemon=True)
    thread.start()
    try:
        yield charges
    finally:
        stop.set()
        thread.join()
        writer.stop()
        engine.dispose()
    for error in errors:
        raise error


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
