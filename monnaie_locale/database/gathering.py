"""When to begin with a batch: as soon as everybody who asked lately has come, or when nobody comes any more.

Callers answered by one batch ask again within milliseconds, one after the other, because they share Python's lock.
Whoever began with the first of them would serve batches of two or three. An idle service waits for nobody.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

# Nobody came for so long: nobody will. And at most so long in all, about a commit of a busy disk.
QUIET_S = 0.001
GATHER_MAX_S = 0.010
# More than will ever wait: while a batch is served, nobody rings.
NOBODY = 1 << 30


class Gathering:
    """How many are expected, and the bell that they ring when they have all come."""

    def __init__(self) -> None:
        """Expect one: the first who asks is served at once."""
        self._expected = 1
        self._rings_at = 1
        self._bell: SimpleQueue[None] = SimpleQueue()

    def came(self, count: int) -> None:
        """Say that `count` callers now wait."""
        if count >= self._rings_at:
            self._bell.put(None)

    def gather(self, waiting: Callable[[], int]) -> None:
        """Wait while more come, until those expected are there; then let nobody ring."""
        until = time.monotonic() + GATHER_MAX_S
        seen = -1
        while seen < (count := waiting()) < self._expected and time.monotonic() < until:
            seen = count
            with suppress(Empty):
                self._bell.get(timeout=QUIET_S)
        self._silence()

    def await_one(self, waiting: Callable[[], int]) -> None:
        """Sleep until somebody comes, or `wake` is called; then let nobody ring."""
        self._rings_at = 1
        if not waiting():
            self._bell.get()
        self._silence()

    def wake(self) -> None:
        """Ring the bell for no caller."""
        self._rings_at = 1
        self._bell.put(None)

    def served(self, count: int, *, left: int) -> None:
        """Say that `count` callers were served, and that `left` came meanwhile: so many may come again."""
        self._expected = self._rings_at = max(count + left, self._expected - 1)

    def _silence(self) -> None:
        self._rings_at = NOBODY
        with suppress(Empty):
            while True:
                self._bell.get_nowait()
