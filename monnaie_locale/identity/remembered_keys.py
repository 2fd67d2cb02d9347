"""Tills whose API key was read a moment ago: for the routes whose operation reads the key again itself.

A charge is worked out in the writer's transaction. Read there, the key costs a part of a statement; read by the guard,
it costs a wait of its own before the charge's. What is remembered opens nothing alone: it names the till, so that the
charge can be prepared, and the key's digest goes with it to be read again.
"""

import time
from collections.abc import Callable

from monnaie_locale.identity.model import Subject
from monnaie_locale.identity.roles import SubjectKind

# As long as a till is busy: the key is read again with each of its charges, whatever is remembered.
REMEMBERED_S = 60.0
# More than the tills of a town. Whoever fills it only makes the next ones be read.
REMEMBERED_MAX = 1024


class RememberedKeys:
    """Which till a key's digest stands for, as read at most a minute ago."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing yet; `clock_s` counts seconds and never goes back."""
        self._clock_s = clock_s
        self._found: dict[bytes, tuple[float, Subject]] = {}

    def find(self, digest: bytes) -> Subject | None:
        """Return the till of a key's digest, or None when the key must be read."""
        until, subject = self._found.get(digest, (0.0, None))
        return subject if self._clock_s() < until else None

    def remember(self, digest: bytes, subject: Subject) -> None:
        """Remember whose key was just read; only a till's, no other subject has such routes."""
        if subject.kind is not SubjectKind.TILL:
            return
        if len(self._found) >= REMEMBERED_MAX:
            self._found.clear()
        self._found[digest] = (self._clock_s() + REMEMBERED_S, subject)

    def __len__(self) -> int:
        """Return how many are kept, those past their time included."""
        return len(self._found)
