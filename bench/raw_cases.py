"""The limits beside the engine: the same driver and the least SQL that a double-entry posting can be, without rules.

No idempotency, no limit on balances, no numbering, no log: a ceiling for the shape, not a ledger.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from sqlalchemy import URL

from bench.bare_ledgers import BareLedger, BarePostgresql, Payment, open_bare, prepare_bare
from bench.books import AMOUNT_CENTS_MAX, SHOPS, WALLETS
from bench.cases import BATCH, CALLERS, Case, Work
from bench.measure import Figures, Step, Timing, measure, ready
from bench.places import Place

GATHERED_MAX = 512


class BareWrong(Exception):
    """A raw case lost or invented money: its figures would be no limit of anything."""


@dataclass(frozen=True, slots=True)
class BareTown:
    """A database with the bare tables, copied before each run."""

    place: Place
    template: URL


def prepare(place: Place) -> BareTown:
    """Make the bare database, once; the accounts are numbered like the engine's: payers first, then shops."""
    url = place.empty()
    prepare_bare(url, accounts=WALLETS + SHOPS)
    return BareTown(place, url)


def cases(town: BareTown) -> Iterator[Case]:
    """Yield the raw limits of this database."""
    name = town.place.name
    for hot in (False, True):
        for callers in CALLERS:
            yield Case(name, Work.BARE_COMMIT, callers, hot, partial(_run_commits, town, callers, hot))
            for work in (Work.BARE_GROUP, Work.BARE_GATHERED):
                yield Case(name, work, callers, hot, partial(_run_group, town, callers, hot, work))
            if name == "postgresql":
                yield Case(name, Work.FUNCTION, callers, hot, partial(_run_functions, town, callers, hot))
        yield Case(name, Work.BARE_BATCH, 1, hot, partial(_run_batches, town, hot))


def payments(caller: int, hot: bool) -> Iterator[Payment]:  # noqa: FBT001 - bound by partial
    """Yield payments without end, drawn as the engine's are."""
    chance = random.Random(caller)
    last_shop = WALLETS + 1 if hot else WALLETS + SHOPS
    while True:
        shop = chance.randint(WALLETS + 1, last_shop)
        yield Payment(chance.randint(1, WALLETS), shop, chance.randint(1, AMOUNT_CENTS_MAX))


def _run_commits(town: BareTown, callers: int, hot: bool, timing: Timing) -> Figures:  # noqa: FBT001
    """Measure callers that each have a connection and commit each posting."""
    run = partial(_run_connections, town, callers=callers, hot=hot, timing=timing)
    return run(opened=open_bare, way_of=lambda ledger: ledger.post_one)


def _run_functions(town: BareTown, callers: int, hot: bool, timing: Timing) -> Figures:  # noqa: FBT001
    """Measure callers that each have a connection and call the server's function, one commit each."""
    run = partial(_run_connections, town, callers=callers, hot=hot, timing=timing)
    return run(opened=BarePostgresql, way_of=lambda ledger: ledger.post_by_function)


Ledger = TypeVar("Ledger", bound=BareLedger)


def _run_connections(
    town: BareTown,
    *,
    callers: int,
    hot: bool,
    timing: Timing,
    opened: Callable[[URL], Ledger],
    way_of: Callable[[Ledger], Callable[[Payment], None]],
) -> Figures:
    with _copy(town) as url:
        ledgers: list[BareLedger] = []

        def step_of(caller: int) -> Step:
            ledger, drawn = opened(url), ready(payments(caller, hot))
            ledgers.append(ledger)
            post = way_of(ledger)

            def step() -> int:
                post(next(drawn))
                return 1

            return step

        figures = measure(step_of, callers=callers, timing=timing)
        _check(ledgers[0], figures)
        for ledger in ledgers:
            ledger.close()
        return figures


def _run_group(town: BareTown, callers: int, hot: bool, work: Work, timing: Timing) -> Figures:  # noqa: FBT001
    """Measure callers that queue for one thread, which commits all that queued meanwhile."""
    with _copy(town) as url:
        group = BareGroup(open_bare(url), gathers=work is Work.BARE_GATHERED)

        def step_of(caller: int) -> Step:
            drawn = ready(payments(caller, hot))

            def step() -> int:
                group.submit(next(drawn))
                return 1

            return step

        figures = measure(step_of, callers=callers, timing=timing)
        group.stop()
        _check(group.ledger, figures)
        group.ledger.close()
        return figures


def _run_batches(town: BareTown, hot: bool, timing: Timing) -> Figures:  # noqa: FBT001 - bound by partial
    """Measure one caller that writes batches, one transaction each."""
    with _copy(town) as url:
        ledger = open_bare(url)

        def step_of(caller: int) -> Step:
            drawn = ready(payments(caller, hot))

            def step() -> int:
                ledger.post_many(list(itertools.islice(drawn, BATCH)))
                return BATCH

            return step

        figures = measure(step_of, callers=1, timing=timing)
        _check(ledger, figures)
        ledger.close()
        return figures


def _check(ledger: BareLedger, figures: Figures) -> None:
    counts = ledger.counts()
    if counts != (figures.acknowledged, 2 * figures.acknowledged, 0, 0):
        raise BareWrong(f"transfers, entries, sum, wrong balances: {counts}; acknowledged: {figures.acknowledged}")


class BareGroup:
    """A queue and one writing thread: the shape of the engine's writer, and nothing of its rules.

    It takes what queued while the last commit was in flight, as the loop that the promise was written beside. When it
    `gathers`, it also gives one turn to the callers that are about to ask, as the engine's writer does: its batches
    then hold 31 of 32 callers instead of 16, which makes the highest limit known for this shape.
    """

    def __init__(self, ledger: BareLedger, *, gathers: bool) -> None:
        """Start the thread."""
        self.ledger = ledger
        self._gathers = gathers
        self._queue: SimpleQueue[tuple[Payment, Callable[[], None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, payment: Payment) -> None:
        """Return once the payment is durable."""
        answered = threading.Lock()
        answered.acquire()
        self._queue.put((payment, answered.release))
        answered.acquire()

    def stop(self) -> None:
        """Write what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            gathered = [first]
            while len(gathered) < GATHERED_MAX and self._queued():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                gathered.append(following)
            self.ledger.post_many([payment for payment, _ in gathered])
            for _, answer in gathered:
                answer()

    def _queued(self) -> bool:
        """Return whether a payment waits, after a turn for the callers when it gathers."""
        if self._gathers and self._queue.empty():
            time.sleep(0)
        return not self._queue.empty()


@contextmanager
def _copy(town: BareTown) -> Iterator[URL]:
    url = town.place.copy_of(town.template)
    yield url
    town.place.drop(url)
