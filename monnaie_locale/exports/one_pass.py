"""Read the books once for several files: each takes the entries from its own first one on, and none runs ahead."""

from collections import deque
from collections.abc import Iterator

from monnaie_locale.exports.model import BookEntry


class OnePass:
    """The entries in the order of their numbers, handed to every feed; `last` is the number of the last one."""

    def __init__(self, entries: Iterator[BookEntry], *, last: int) -> None:
        """Read from `entries`, which nobody else reads."""
        self.last = last
        self._entries = entries
        self._feeds: list[Feed] = []

    def feed(self, *, after: int = 0) -> "Feed":
        """Return the entries numbered above `after`, for one file; asked for before anybody reads."""
        feed = Feed(self, after)
        self._feeds.append(feed)
        return feed

    def pull(self) -> None:
        """Read one more entry for everybody; StopIteration when there is none."""
        entry = next(self._entries)
        for feed in self._feeds:
            feed.put(entry)


class Feed(Iterator[BookEntry]):
    """What one file has still to take; `at` is the number up to which it has taken everything."""

    def __init__(self, source: OnePass, after: int) -> None:
        """Take from a pass what comes after a number."""
        self.at = after
        self._source = source
        self._waiting: deque[BookEntry] = deque()

    @property
    def progress(self) -> float:
        """Return how far it is, from 0 to 1."""
        return min(self.at / self._source.last, 1.0) if self._source.last else 1.0

    def put(self, entry: BookEntry) -> None:
        """Keep an entry until it is taken."""
        if entry.number > self.at:
            self._waiting.append(entry)

    def __next__(self) -> BookEntry:
        """Return the next entry."""
        while not self._waiting:
            self._source.pull()
        entry = self._waiting.popleft()
        self.at = entry.number
        return entry
