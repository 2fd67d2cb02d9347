"""Group commit: one thread posts whatever queued while the last commit was in flight, and answers after the commit.

No timer: an idle service posts at once, a busy one fills its batches by itself. One writer per process; several
processes share the territory's posting lock in the database.
"""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from monnaie_locale.database.transaction import CommitInDoubt, StandingConnection
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.journal.post import post, post_batch
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.posting import Posted, Posting

BATCH_MAX = 512


class _Waiter:
    """A request and the place where its answer arrives."""

    __slots__ = ("_answer", "_arrived", "posting")

    def __init__(self, posting: Posting) -> None:
        self.posting = posting
        self._answer: Posted | BaseException | None = None
        self._arrived = threading.Lock()
        self._arrived.acquire()

    def give(self, answer: Posted | BaseException) -> None:
        self._answer = answer
        self._arrived.release()

    def wait(self) -> Posted:
        with self._arrived:
            answer = self._answer
        if isinstance(answer, Posted):
            return answer
        raise answer if answer is not None else LedgerUnavailable


class Writer:
    """The queue of postings of one process and the thread that commits them."""

    def __init__(self, engine: Engine, *, clock_ms: Callable[[], int]) -> None:
        """Start the thread; `clock_ms` gives the instant of recording, milliseconds UTC."""
        self._connection = StandingConnection(engine)
        self._clock_ms = clock_ms
        self._stopped = False
        self._queue: SimpleQueue[_Waiter | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, posting: Posting) -> Posted:
        """Return what was posted once it is durable; raises the refusal, or ledger_unavailable."""
        if self._stopped:
            raise LedgerUnavailable
        waiter = _Waiter(posting)
        self._queue.put(waiter)
        return waiter.wait()

    def stop(self) -> None:
        """Post what is queued, then end the thread."""
        self._stopped = True
        self._queue.put(None)
        self._thread.join()
        while not self._queue.empty():
            # Came in between the last look and the end: nothing was posted, and the caller must not wait for ever.
            late = self._queue.get()
            if late is not None:
                late.give(LedgerUnavailable())

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, stopping = self._gathered(first)
            for group in _by_territory(batch):
                self._post(group)
            if stopping:
                break
        self._connection.close()

    def _gathered(self, first: _Waiter) -> tuple[list[_Waiter], bool]:
        """Take what has queued since; only this thread takes, so a queue that is not empty gives at once."""
        batch = [first]
        while len(batch) < BATCH_MAX and self._queued():
            waiter = self._queue.get()
            if waiter is None:
                return batch, True
            batch.append(waiter)
        return batch, False

    def _queued(self) -> bool:
        """Return whether a request waits, after letting the threads that are about to ask do so.

        Callers answered by the last commit ask again within microseconds: without a turn of their own they would
        always miss this batch, and every other batch would be nearly empty.
        """
        if self._queue.empty():
            time.sleep(0)
        return not self._queue.empty()

    def _post(self, waiters: list[_Waiter]) -> None:
        postings = [waiter.posting for waiter in waiters]
        try:
            answers = self._connection.transact(post_batch, postings, recorded_at_ms=self._clock_ms())
        except OperationalError as error:
            # The database cannot be reached or written: one by one, each would wait as long for the same answer.
            for waiter in waiters:
                waiter.give(_unavailable(error))
        except (Refusal, DBAPIError, CommitInDoubt):
            # The database refused the batch as a whole, or its commit is in doubt: one by one, the keys tell.
            for waiter in waiters:
                waiter.give(self._post_alone(waiter.posting))
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; the thread must live on
            for waiter in waiters:
                waiter.give(error)
        else:
            for waiter, answer in zip(waiters, answers, strict=True):
                waiter.give(answer)

    def _post_alone(self, posting: Posting) -> Posted | BaseException:
        try:
            return self._connection.transact(post, posting, recorded_at_ms=self._clock_ms())
        except Refusal as refusal:
            return refusal
        except (DBAPIError, CommitInDoubt) as error:
            return _unavailable(error)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; the thread must live on
            return error


def _unavailable(error: Exception) -> LedgerUnavailable:
    unavailable = LedgerUnavailable()
    unavailable.__cause__ = error
    return unavailable


def _by_territory(waiters: list[_Waiter]) -> list[list[_Waiter]]:
    groups: dict[int, list[_Waiter]] = {}
    for waiter in waiters:
        groups.setdefault(waiter.posting.territory_id, []).append(waiter)
    return list(groups.values())
