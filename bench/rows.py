"""The table that `make bench` ends with: what was measured, beside what, what was asked and what was found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TITLES = ("measure", "database", "asked", "found", "met")
# From here on a figure is read by its size, not by its decimals.
WHOLE_FROM = 100


class Verdict(StrEnum):
    """What a run says of a promise."""

    MET = "yes"
    NOT_MET = "NO"
    NOT_MEASURED = "not measured"
    NOTHING_ASKED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise and what this run says of it.

    `value` is compared with `asked`: a ratio of two figures of one run, or a plain quantity when the promise is one.
    A row without `value` was not measured, and says so; a row without `asked` is a figure that nobody promised.
    """

    measure: str
    database: str
    value: float | None
    asked: float | None = None
    unit: str
    at_most: bool = False
    detail: str = ""

    @property
    def verdict(self) -> Verdict:
        """Tell what to write in the last column."""
        if self.value is None:
            return Verdict.NOT_MEASURED
        if self.asked is None:
            return Verdict.NOTHING_ASKED
        held = self.value <= self.asked if self.at_most else self.value >= self.asked
        return Verdict.MET if held else Verdict.NOT_MET

    @property
    def is_met(self) -> bool:
        """Tell whether the promise held in this run; one that was not measured did not."""
        return self.verdict in {Verdict.MET, Verdict.NOTHING_ASKED}

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the row as people read it, in the order of TITLES."""
        asked = "-" if self.asked is None else f"{'≤' if self.at_most else '≥'} {exact(self.asked)} {self.unit}"
        found = "-" if self.value is None else f"{rounded(self.value, up=self.at_most)} {self.unit}"
        return (self.measure, self.database, asked, found, self.verdict)


def exact(figure: float) -> str:
    """Return a figure as it was promised: 0.6 is not 0.60."""
    return f"{figure:,.6f}".rstrip("0").rstrip(".")


def rounded(figure: float, *, up: bool) -> str:
    """Return a measured figure in few digits, never rounded in our favour: 0.599 is not shown as 0.60."""
    if not math.isfinite(figure):
        return str(figure)
    steps = 1 if abs(figure) >= WHOLE_FROM else 100
    towards = math.ceil if up else math.floor
    # The inner round undoes what binary fractions add: 0.29 * 100 is 28.999999999999996.
    shown = towards(round(figure * steps, 6)) / steps
    return f"{shown:,.0f}" if steps == 1 else f"{shown:.2f}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as an aligned Markdown table, a measure's databases together, and what stands behind each."""
    order = list(dict.fromkeys(row.measure for row in rows))
    rows = sorted(rows, key=lambda row: order.index(row.measure))
    lines = [TITLES, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(TITLES))]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    drawn.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    behind = [f"  {row.measure}, {row.database}: {row.detail}" for row in rows if row.detail]
    return "\n".join([*drawn, *(["", *behind] if behind else [])])
