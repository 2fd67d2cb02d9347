"""Several files from one reading: each gets the entries that are its own, and none runs far ahead of the others."""

import dataclasses

import pytest

from monnaie_locale.exports.finishing import finished, whole
from monnaie_locale.exports.one_pass import OnePass
from monnaie_locale.exports.operations import ExportFile, StreamedFile

ENTRIES = 5_000
PER_PART = 100


@dataclasses.dataclass(frozen=True)
class Entry:
    number: int


class Books:
    """Entries that say how far they were read."""

    def __init__(self) -> None:
        self.read = 0

    def entries(self):
        for number in range(1, ENTRIES + 1):
            self.read = number
            yield Entry(number)


def listing(name: str, feed, *, on_part=lambda: None) -> StreamedFile:
    def parts():
        numbers = []
        for entry in feed:
            numbers.append(entry.number)
            if len(numbers) == PER_PART:
                on_part()
                yield "".join(f"{number}\n" for number in numbers).encode()
                numbers = []
        yield "".join(f"{number}\n" for number in numbers).encode()

    return StreamedFile(name, "text/plain", parts(), feed=feed)


def test_each_file_has_its_entries_and_the_books_are_read_once() -> None:
    books = Books()
    one_pass = OnePass(books.entries(), last=ENTRIES)
    ahead = []
    late = one_pass.feed(after=3_210)
    first = one_pass.feed()
    second = one_pass.feed()
    files = [
        listing("late", late),
        listing("first", first, on_part=lambda: ahead.append(first.at - second.at)),
        listing("second", second, on_part=lambda: ahead.append(second.at - first.at)),
        StreamedFile("apart", "text/plain", iter((b"beside",)), is_apart=True),
    ]

    made = {file.name: file.content for file in whole(files)}

    assert list(made) == ["late", "first", "second", "apart"]
    assert made["first"] == made["second"] == "".join(f"{number}\n" for number in range(1, ENTRIES + 1)).encode()
    assert made["late"] == "".join(f"{number}\n" for number in range(3_211, ENTRIES + 1)).encode()
    assert books.read == ENTRIES
    assert max(ahead) <= PER_PART


def test_what_breaks_in_a_thread_is_raised() -> None:
    def broken():
        raise ZeroDivisionError
        yield b""

    with pytest.raises(ZeroDivisionError):
        list(whole([StreamedFile("broken", "text/plain", broken(), is_apart=True)]))


def test_the_steps_told_only_grow() -> None:
    one_pass = OnePass(Books().entries(), last=ENTRIES)
    told: list[int] = []
    files = [listing("first", one_pass.feed()), StreamedFile.of(ExportFile("other", "text/plain", b""))]

    class Nothing:
        def __init__(self, file) -> None:
            del file

        def add(self, part) -> None:
            del part

        def done(self) -> None:
            return None

    finished(files, sink=Nothing, tell=told.append)

    assert told == sorted(told)
    assert told[-1] == 102
