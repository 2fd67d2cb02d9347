"""Make many files at once: the long ones together, from one reading of the books, the printed ones in threads beside.

typst lets other threads run while it sets a page, so that threads are enough to use both processors.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from monnaie_locale.exports.operations import ExportFile, StreamedFile

Made_co = TypeVar("Made_co", covariant=True)
T = TypeVar("T")
THREADS = 2
# Printed files that wait for a thread hold their lines in memory.
WAITING_MAX = 6
# The files made from one reading take about half of the time: what they have read is told in as many steps.
STEPS_OF_READING = 100


class Sink(Protocol[Made_co]):
    """Where a file goes, part by part."""

    def add(self, part: bytes) -> None:
        """Take a part."""

    def done(self) -> Made_co:
        """Return what was made of all parts."""


class Whole:
    """A file whole in memory."""

    def __init__(self, file: StreamedFile) -> None:
        """Begin a file."""
        self._file = file
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        """Keep a part."""
        self._parts.append(part)

    def done(self) -> ExportFile:
        """Return the file."""
        return ExportFile(self._file.name, self._file.media_type, b"".join(self._parts))


@dataclass(slots=True)
class _Making(Generic[T]):
    """The files under way: what is made by its place, those that read together, those in threads."""

    sink: Callable[[StreamedFile], Sink[T]]
    tell: Callable[[int], None]
    pool: ThreadPoolExecutor
    made: dict[int, T] = field(default_factory=dict)
    reading: dict[int, tuple[StreamedFile, Sink[T]]] = field(default_factory=dict)
    printing: dict[Future[T], int] = field(default_factory=dict)

    def take(self, place: int, file: StreamedFile) -> None:
        """Begin a file, or make it."""
        if file.feed is not None:
            self.reading[place] = (file, self.sink(file))
        elif file.is_apart:
            while len(self.printing) >= WAITING_MAX:
                self._go_on()
            self.printing[self.pool.submit(_drained, file, self.sink(file))] = place
        else:
            self.made[place] = _drained(file, self.sink(file))
        self._collect()

    def finish(self) -> list[T]:
        """Return everything, in the order in which it was taken."""
        while self.reading or self.printing:
            self._go_on()
            self._collect()
        return [self.made[place] for place in sorted(self.made)]

    def _go_on(self) -> None:
        """Write a part of the file that has read least; once there is none, wait for a thread."""
        if not self.reading:
            wait(self.printing, return_when=FIRST_COMPLETED)
            self._collect()
            return
        place = min(self.reading, key=lambda each: _at(self.reading[each][0]))
        file, sink = self.reading[place]
        part = next(file.parts, None)
        if part is None:
            self.made[place] = sink.done()
            del self.reading[place]
        else:
            sink.add(part)
        self._collect()

    def _collect(self) -> None:
        """Keep what the threads have made; raises what they raised."""
        for future in [each for each in self.printing if each.done()]:
            self.made[self.printing.pop(future)] = future.result()
        read = [file.feed.progress for file, _ in self.reading.values() if file.feed is not None]
        self.tell(len(self.made) + int(STEPS_OF_READING * min(read, default=1.0)))


def finished(
    files: Iterable[StreamedFile], *, sink: Callable[[StreamedFile], Sink[T]], tell: Callable[[int], None]
) -> list[T]:
    """Return what the sinks made of the files, in their order.

    Args:
        files: those that read the books together come before those that do not need them.
        sink: begins a file's sink; called once a file.
        tell: told how many steps are done: one a file, and STEPS_OF_READING for the books.

    Raises what making a file raises; the others are left unfinished.
    """
    with ThreadPoolExecutor(THREADS, thread_name_prefix="documents") as pool:
        making = _Making(sink, tell, pool)
        for place, file in enumerate(files):
            making.take(place, file)
        return making.finish()


def whole(files: Iterable[StreamedFile]) -> Iterator[ExportFile]:
    """Yield the files in memory."""
    yield from finished(files, sink=Whole, tell=lambda _: None)


def _drained(file: StreamedFile, sink: Sink[T]) -> T:
    for part in file.parts:
        sink.add(part)
    return sink.done()


def _at(file: StreamedFile) -> int:
    return 0 if file.feed is None else file.feed.at
