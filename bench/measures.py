"""What is measured besides the engine's own cases, and what each of them was asked for.

A measure is a module of bench with `rows(place, timing, *, quick)`. Its promises are written here as rows without a
value: what does not run, or fails, is printed as "not measured", never left out.
"""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bench import bulk_cases, http_cases, scale_cases, verify_cases
from bench.measure import Timing
from bench.places import Place
from bench.rows import Row


class Rows(Protocol):
    """What a measure's module does, once for each database: it yields rows, and raises when the books are wrong."""

    def __call__(self, place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
        """Yield the rows; `quick` means small sizes, to see that it works."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure; `name` is what --only and --skip select, as in sqlite/http."""

    name: str
    rows: Rows | None
    promises: tuple[Row, ...]

    def unmeasured(self, database: str, *, why: str, found: Sequence[Row] = ()) -> Iterator[Row]:
        """Yield the promises of which `found` says nothing."""
        answered = {row.measure for row in found}
        for promise in self.promises:
            if promise.measure not in answered:
                yield replace(promise, database=database, detail=why)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a measure found on a database, and the error that ended it."""

    rows: list[Row]
    error: str = ""


def promised(measure: str, asked: float, unit: str, *, at_most: bool = False) -> Row:
    """Return a promise that nothing has been measured of yet."""
    return Row(measure=measure, database="", value=None, asked=asked, unit=unit, at_most=at_most)


def taken(measure: Measure, place: Place, timing: Timing, *, quick: bool) -> Outcome:
    """Run a measure on a database; one that fails keeps what it found before, and the others go on."""
    if measure.rows is None:
        return Outcome(list(measure.unmeasured(place.name, why="nothing measures it yet")))
    found: list[Row] = []
    why = "the measure gave no such row"
    error = ""
    try:
        found.extend(measure.rows(place, timing, quick=quick))
    except Exception as raised:  # noqa: BLE001 - it is printed, told in the table, and makes the command fail
        traceback.print_exc()
        why = error = f"{type(raised).__name__}: {raised}"
    return Outcome([*found, *measure.unmeasured(place.name, why=why, found=found)], error)


# In the order of the table. `rows` is the module's function; None: not written yet.
MEASURES: tuple[Measure, ...] = (
    Measure(
        "bulk",
        bulk_cases.rows,
        (
            promised("distribution, lines posted", 15_000, "lines/s"),
            promised("distribution, both commands", 30, "s", at_most=True),
            promised("distribution, peak memory", 300, "MiB", at_most=True),
            promised("charges during a distribution, p99", 500, "ms", at_most=True),
        ),
    ),
    Measure(
        "http",
        http_cases.rows,
        (
            promised("a charge over HTTP / an empty endpoint of the same server", 0.4, "×"),
            promised("a charge over HTTP, p99", 100, "ms", at_most=True),
        ),
    ),
    Measure(
        "scale",
        scale_cases.rows,
        (
            promised("wallet's page in long books / in short ones", 1.5, "×", at_most=True),
            promised("shop's month in long books / in short ones", 1.5, "×", at_most=True),
            promised("size on disk per transfer", 350, "bytes", at_most=True),
        ),
    ),
    Measure(
        "verify",
        verify_cases.rows,
        (
            promised("verify", 100_000, "transfers/s"),
            # "Linear", said as a figure: ten times the books, and no transfer costs half as much again.
            promised("verify, a transfer in ten times the books / in the books", 1.5, "×", at_most=True),
            promised("close, a transfer in ten times the books / in the books", 1.5, "×", at_most=True),
        ),
    ),
)
