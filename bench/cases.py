"""What is measured: a case is one kind of work, on one database, with so many callers."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bench.measure import Figures, Timing

CALLERS = (1, 8, 32)
# How many postings a caller of a "batch" case puts in one transaction.
BATCH = 1_000


class Work(StrEnum):
    """The kinds of work, engine first, then the raw limits beside it."""

    ENGINE = "engine"
    ENGINE_BATCH = "engine, batches of 1000"
    BARE_COMMIT = "bare SQL, one commit each"
    BARE_GROUP = "bare group commit"
    BARE_GATHERED = "bare group commit that gathers"
    BARE_BATCH = "bare SQL, batches of 1000"
    FUNCTION = "one SQL function, one commit each"
    SAME_RULES = "same rules, one commit each"
    PGBENCH = "pgbench TPC-B"
    HORDAK = "django-hordak"
    HORDAK_GUARDED = "django-hordak, purses not below zero"


class Key(NamedTuple):
    """What tells a case from the others; `hot` means that every posting credits the same account."""

    database: str
    work: Work
    callers: int
    hot: bool

    @property
    def name(self) -> str:
        """Return it as a person would select it, e.g. sqlite/engine/random/32."""
        return f"{self.database}/{self.work}/{'one shop' if self.hot else 'random'}/{self.callers}"


@dataclass(frozen=True, slots=True)
class Case:
    """What is run, and how."""

    database: str
    work: Work
    callers: int
    hot: bool
    run: Callable[[Timing], Figures]

    @property
    def key(self) -> Key:
        """Return what tells this case from the others."""
        return Key(self.database, self.work, self.callers, self.hot)
