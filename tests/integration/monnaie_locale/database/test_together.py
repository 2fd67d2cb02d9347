"""Questions asked at the same time are read in one transaction, begun after they were asked."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text

from monnaie_locale.database.together import read_together

CALLERS = 12


class Doubling:
    """Answers twice the number; the first batch is held until the test lets it go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.reads, self.goes_on = threading.Event(), threading.Event()

    def __call__(self, db: Connection, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.reads.set()
        assert self.goes_on.wait(10)
        if -1 in numbers:
            raise LookupError("not a number of ours")
        return [db.scalar(text("SELECT 2 * :n"), {"n": number}) for number in numbers]


def asked_at_once(engine: Engine, read: Doubling, numbers: Sequence[int]) -> list[int | BaseException]:
    """Ask the first number, and the others while it is being read."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        asking = [pool.submit(read_together, engine, read, numbers[0])]
        assert read.reads.wait(10)
        asking += [pool.submit(read_together, engine, read, number) for number in numbers[1:]]
        reader = vars(engine)["monnaie_locale_readers"][read]
        while len(reader._waiting) < len(numbers) - 1:
            threading.Event().wait(0.001)
        read.goes_on.set()
        return [future.exception() or future.result() for future in asking]


def test_those_who_wait_are_read_together_and_each_has_its_own_answer(db_engine: Engine):
    read = Doubling()

    answers = asked_at_once(db_engine, read, range(CALLERS))

    assert answers == [2 * number for number in range(CALLERS)]
    assert read.batches[0] == [0]
    assert [sorted(batch) for batch in read.batches[1:]] == [list(range(1, CALLERS))]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_fault_is_told_to_everybody_of_the_batch_and_the_next_one_is_read(db_engine: Engine):
    read = Doubling()

    answers = asked_at_once(db_engine, read, [1, 2, -1, 3])

    assert answers[0] == 2
    assert all(isinstance(answer, LookupError) for answer in answers[1:])
    assert read_together(db_engine, read, 4) == 8


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_nobody_is_answered_from_a_state_older_than_the_question(db_engine: Engine):
    def names(db: Connection, asked: Sequence[str]) -> list[bool]:
        found = set(db.scalars(text("SELECT name FROM sqlite_schema")))
        return [name in found for name in asked]

    assert read_together(db_engine, names, "written_meanwhile") is False
    with db_engine.begin() as db:
        db.execute(text("CREATE TABLE written_meanwhile (id INTEGER)"))
    assert read_together(db_engine, names, "written_meanwhile") is True
