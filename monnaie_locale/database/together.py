"""Read once for everybody who asks at the same time: the counterpart of the writer's group commit.

Whoever asks while nobody reads, reads at once, alone. Whoever asks meanwhile waits; then the first of those reads for
all of them, in one transaction begun after the last of them asked. So no answer is older than its question, nothing is
kept, there is no thread, and thirty-two callers cost a few statements instead of a few hundred. A busy
reader waits a moment for those it has just answered (`database.gathering`).
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine

from monnaie_locale.database.gathering import Gathering
from monnaie_locale.database.transaction import reading

QUESTIONS_MAX = 256
# Where an engine keeps who asks it: they live as long as it does.
READERS = "monnaie_locale_readers"

Question = TypeVar("Question")
Answer = TypeVar("Answer")
# Answers in the order of the questions.
Read = Callable[[Connection, Sequence[Question]], Sequence[Answer]]


def read_together(engine: Engine, read: Read[Question, Answer], question: Question) -> Answer:
    """Return the answer to one question, read in one transaction with those that are asked at the same time.

    Args:
        engine: the database.
        read: a function that answers many questions; those asked with the same one are read together. What it raises,
            every caller of the batch is told: what only one of them is refused is an answer, not an exception.
        question: what this caller wants to know.

    """
    return _reader_of(engine, read).ask(question)


class _Asked(Generic[Question, Answer]):
    """A question, the place where its answer, its error, or the turn to read arrives, and who is woken after it.

    Each wakes the next: woken all at once, they would fight for Python's lock.
    """

    __slots__ = ("_arrived", "answer", "error", "following", "is_answered", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.is_answered = False
        self.following: _Asked[Question, Answer] | None = None
        self._arrived = threading.Lock()
        self._arrived.acquire()

    def wake(self) -> None:
        self._arrived.release()

    def wait(self) -> None:
        self._arrived.acquire()
        self.wake_following()

    def wake_following(self) -> None:
        if self.following is not None:
            self.following.wake()


class _Reader(Generic[Question, Answer]):
    """Those who ask one kind of question of one database."""

    def __init__(self, engine: Engine, read: Read[Question, Answer]) -> None:
        self._engine = engine
        self._read = read
        self._lock = threading.Lock()
        self._waiting: list[_Asked[Question, Answer]] = []
        self._is_reading = False
        self._gathering = Gathering()

    def ask(self, question: Question) -> Answer:
        mine: _Asked[Question, Answer] = _Asked(question)
        with self._lock:
            self._waiting.append(mine)
            must_wait, self._is_reading = self._is_reading, True
            if must_wait:
                self._gathering.came(len(self._waiting))
        if must_wait:
            mine.wait()
        if not mine.is_answered:
            self._answer_all()
        if mine.error is not None:
            raise mine.error
        answer: Answer = mine.answer  # type: ignore[assignment]
        return answer

    def _answer_all(self) -> None:
        """Read for everybody who waits, give the turn to the first of those who came meanwhile, and answer."""
        batch = self._gathered()
        try:
            with reading(self._engine) as db:
                answers = self._read(db, [asked.question for asked in batch])
            for asked, answer in zip(batch, answers, strict=True):
                asked.answer = answer
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            for asked in batch:
                asked.error = error
        finally:
            with self._lock:
                self._gathering.served(len(batch), left=len(self._waiting))
                successor = self._waiting[0] if self._waiting else None
                self._is_reading = successor is not None
            if successor is not None:
                successor.wake()
        for asked, following in pairwise(batch):
            asked.is_answered, asked.following = True, following
        batch[-1].is_answered = True
        batch[0].wake_following()

    def _gathered(self) -> list[_Asked[Question, Answer]]:
        """Wait for those who may come, and take them; whoever reads is the first of them."""
        self._gathering.gather(lambda: len(self._waiting))
        with self._lock:
            batch, self._waiting = self._waiting[:QUESTIONS_MAX], self._waiting[QUESTIONS_MAX:]
        return batch


def _reader_of(engine: Engine, read: Read[Question, Answer]) -> _Reader[Question, Answer]:
    # setdefault is one step for all threads: two that ask for the first time get the same reader.
    readers: dict[Hashable, _Reader[Any, Any]] = vars(engine).setdefault(READERS, {})
    return readers.get(read) or readers.setdefault(read, _Reader(engine, read))
