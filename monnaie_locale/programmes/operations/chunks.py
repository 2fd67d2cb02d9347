"""Long work done in chunks that each commit: how far it is, and whether it goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# How long one request of a browser or a program works before it says how far it is.
SECONDS_PER_REQUEST = 8.0

# How long a chunk should hold the books, and the bounds of its size. On SQLite, chunks of a tenth of a second posted a
# tenth fewer lines, those of a quarter no more (DECISIONS 2026-11-26).
CHUNK_S = 0.2
CHUNK_LINES_MIN = 100
CHUNK_LINES_MAX = 4_000

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


@dataclass(slots=True)
class Pace:
    """How many lines the next transaction writes, so that it holds the books for about a fifth of a second.

    A payment waits for one chunk at most; a chunk that is too small pays the disk for few lines.
    """

    lines: int = 500
    is_fixed: bool = False

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the chunk that the block writes, and choose the next one by it."""
        began = time.monotonic()
        yield
        took_s = time.monotonic() - began
        if not self.is_fixed:
            wanted = int(self.lines * CHUNK_S / max(took_s, CHUNK_S / 2))
            self.lines = min(max(wanted, CHUNK_LINES_MIN), CHUNK_LINES_MAX)


def pace_of(lines_per_chunk: int | Pace | None) -> Pace:
    """Return the pace that is asked for: a number of lines, one that goes on, or a new one."""
    if isinstance(lines_per_chunk, Pace):
        return lines_per_chunk
    return Pace() if lines_per_chunk is None else Pace(lines_per_chunk, is_fixed=True)
