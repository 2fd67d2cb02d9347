"""Group commit: one thread posts whatever queued while the last commit was in flight, and answers after the commit.

An idle service posts at once, a busy one fills its batches by itself. One writer per process; several processes share
the territory's posting lock in the database.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from monnaie_locale.database.gathering import Gathering
from monnaie_locale.database.transaction import CommitInDoubt, StandingConnection
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.journal.plans import Request, post_requests
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.posting import Posted

BATCH_MAX = 512


class _Waiter:
    """A request, the place where its answer arrives, and who is to be woken after it.

    The writer wakes the first caller of a batch, and each wakes the next: woken all at once, they would fight for
    Python's lock, and that takes longer than the commit did.
    """

    __slots__ = ("_arrived", "answer", "following", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.answer: Posted | BaseException | None = None
        self.following: _Waiter | None = None
        self._arrived = threading.Lock()
        self._arrived.acquire()

    def wake(self) -> None:
        self._arrived.release()

    def wait(self) -> Posted:
        """Return the answer once its turn has come; ledger_unavailable when the writer ended without one."""
        try:
            self._await_turn()
        except BaseException:
            # Interrupted: those behind must still be woken when the turn comes.
            threading.Thread(target=self._await_turn, daemon=True).start()
            raise
        answer = self.answer
        if answer is None:
            raise LedgerUnavailable
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _await_turn(self) -> None:
        self._arrived.acquire()
        if self.following is not None:
            self.following.wake()


class Writer:
    """The queue of postings of one process and the thread that commits them."""

    def __init__(self, engine: Engine, *, clock_ms: Callable[[], int]) -> None:
        """Start the thread; `clock_ms` gives the instant of recording, milliseconds UTC."""
        self._connection = StandingConnection(engine)
        self._clock_ms = clock_ms
        self._stopped = threading.Event()
        self._waiting: deque[_Waiter] = deque()
        self._gathering = Gathering()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Posted:
        """Return what was posted once it is durable; raises the refusal, or ledger_unavailable."""
        if self._stopped.is_set():
            raise LedgerUnavailable
        waiter = _Waiter(request)
        self._waiting.append(waiter)
        self._gathering.came(len(self._waiting))
        if self._stopped.is_set():
            # Stopped since we looked: whether the thread still saw this request is known once it has ended.
            self._thread.join()
            self._let_go()
        return waiter.wait()

    def stop(self) -> None:
        """Post what is queued, then end the thread."""
        self._stopped.set()
        self._gathering.wake()
        self._thread.join()
        self._let_go()

    def _let_go(self) -> None:
        """Wake who came in between the thread's last look and its end: nothing was posted."""
        with suppress(IndexError):
            while True:
                self._waiting.popleft().wake()

    def _run(self) -> None:
        while batch := self._gathered():
            for group in _by_territory(batch):
                self._post(group)
            self._gathering.served(len(batch), left=len(self._waiting))
        self._connection.close()

    def _gathered(self) -> list[_Waiter]:
        """Wait for requests and take them; none when the writer was stopped.

        Callers answered by the last commit ask again within milliseconds. The thread sleeps until they have come: woken
        by the first of them, it would take Python's lock from the others each time and post batches of half the size.
        """
        self._gathering.gather(lambda: len(self._waiting))
        while not self._waiting:
            if self._stopped.is_set():
                return []
            self._gathering.await_one(lambda: len(self._waiting))
        batch = [self._waiting.popleft()]
        while self._waiting and len(batch) < BATCH_MAX:
            batch.append(self._waiting.popleft())
        return batch

    def _post(self, waiters: list[_Waiter]) -> None:
        for waiter, answer in zip(waiters, self._answers(waiters), strict=True):
            waiter.answer = answer
        for waiter, following in pairwise(waiters):
            waiter.following = following
        waiters[0].wake()

    def _answers(self, waiters: list[_Waiter]) -> Sequence[Posted | BaseException]:
        requests = [waiter.request for waiter in waiters]
        try:
            return self._connection.transact(post_requests, requests, recorded_at_ms=self._clock_ms())
        except OperationalError as error:
            # The database cannot be reached or written: one by one, each would wait as long for the same answer.
            return [_unavailable(error) for _ in waiters]
        except Exception:  # noqa: BLE001 - each is told what its own request met
            # The batch failed as a whole, or its commit is in doubt: one by one, the keys tell. So neither a row that
            # the database refuses nor a fault of ours in one request is that of its neighbours.
            return [self._post_alone(request) for request in requests]
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; the thread must live on
            return [error for _ in waiters]

    def _post_alone(self, request: Request) -> Posted | BaseException:
        try:
            (answer,) = self._connection.transact(post_requests, [request], recorded_at_ms=self._clock_ms())
        except Refusal as refusal:
            return refusal
        except (DBAPIError, CommitInDoubt) as error:
            return _unavailable(error)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; the thread must live on
            return error
        return answer


def _unavailable(error: Exception) -> LedgerUnavailable:
    unavailable = LedgerUnavailable()
    unavailable.__cause__ = error
    return unavailable


def _by_territory(waiters: list[_Waiter]) -> list[list[_Waiter]]:
    groups: dict[int, list[_Waiter]] = {}
    for waiter in waiters:
        groups.setdefault(waiter.request.territory_id, []).append(waiter)
    return list(groups.values())
