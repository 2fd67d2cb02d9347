"""A line of the table that `make bench` ends with: what was measured, beside what, and what was asked."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise and what this run says of it.

    `value` is compared with `asked`: a ratio of two figures of the same run, or a plain quantity when the promise is one.
    """

    measure: str
    database: str
    value: float
    asked: float
    unit: str
    at_most: bool = False
    detail: str = ""

    @property
    def is_met(self) -> bool:
        """Tell whether the promise held in this run."""
        return self.value <= self.asked if self.at_most else self.value >= self.asked
