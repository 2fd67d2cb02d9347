"""Pages of a long table. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

ROWS_PER_PAGE = 50
PAGE_MAX = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and where they stand among all of them."""

    rows: Sequence[T]
    number: int
    total: int
    per_page: int = ROWS_PER_PAGE

    @property
    def last(self) -> int:
        """Return the number of the last page, 1 when there is nothing."""
        return max(1, -(-self.total // self.per_page))

    @property
    def first_row(self) -> int:
        """Return the rank of the first row shown, counted from 1."""
        return 0 if self.total == 0 else (self.number - 1) * self.per_page + 1

    @property
    def last_row(self) -> int:
        """Return the rank of the last row shown."""
        return min(self.number * self.per_page, self.total)


def page_number(typed: str | None) -> int:
    """Return the page asked for in an address; 1 when it is not a number."""
    if typed and typed.isascii() and typed.isdigit():
        return min(max(1, int(typed[:7])), PAGE_MAX)
    return 1


def offset_of(number: int, *, per_page: int = ROWS_PER_PAGE) -> int:
    """Return how many rows to skip before page `number`."""
    return (number - 1) * per_page
