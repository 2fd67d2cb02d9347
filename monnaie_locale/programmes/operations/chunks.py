"""Long work done in chunks that each commit: how far it is, and whether it goes on."""

import time
from collections.abc import Callable

# How many lines one transaction writes: the books are locked that long.
LINES_PER_CHUNK = 2_000
# How long one request of a browser or a program works before it says how far it is.
SECONDS_PER_REQUEST = 8.0

# Called with (lines done, lines in all) after each chunk.
Progress = Callable[[int, int], None]
# Asked after each chunk.
GoesOn = Callable[[], bool]


def no_progress(_done: int, _total: int) -> None:
    """Say nothing of how far it is."""


def to_the_end() -> bool:
    """Go on until everything is done."""
    return True


def for_seconds(seconds: float) -> GoesOn:
    """Return what says yes for that long: a request that works longer would die with its worker."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until
