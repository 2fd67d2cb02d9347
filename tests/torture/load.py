"""Tills that go on paying while something terrible happens, until they are told to stop."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading
from tests.torture.clients import ClientJournal, Payment, Told, at_once, pay
from tests.torture.oracles import Outcome, money_is_conserved
from tests.torture.town import Town

AMOUNT_CENTS_MAX = 900
# A till that gets no answer looks up before it asks again.
PAUSE_S = 0.1
SETTLERS = 8
WATCH_S = 0.02
NAMES = itertools.count(1)


@dataclass
class Load:
    """What the tills send to, and what they have been told."""

    town: Town
    journal: ClientJournal
    rng: random.Random
    port: int = 0
    told: list[Told] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def payment(self) -> Payment:
        """Return the next payment, under a key never used."""
        return Payment(
            self.rng.choice(self.town.tills),
            self.rng.choice(self.town.cards),
            self.rng.randint(1, AMOUNT_CENTS_MAX),
            f"p{next(NAMES)}",
        )

    def run(self) -> None:
        """Pay, again and again."""
        while not self.stopping.is_set():
            told = pay(self.journal, self.port, self.payment())
            self.told.append(told)
            if told.outcome is Outcome.IN_DOUBT:
                time.sleep(PAUSE_S)

    def wait_for(self, happens: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait until something is so; the attack has no meaning otherwise."""
        until = time.monotonic() + seconds
        while not happens():
            assert time.monotonic() < until, "the service does not answer any more"
            time.sleep(0.001)

    def wait_for_payments(self, count: int) -> None:
        """Wait until so many more payments are acknowledged."""
        wanted = self.acknowledged() + count
        self.wait_for(lambda: self.acknowledged() >= wanted)

    def acknowledged(self) -> int:
        """Return how many payments were acknowledged."""
        return sum(told.outcome is Outcome.ACCEPTED for told in list(self.told))


@contextmanager
def paying(load: Load, *, clients: int) -> Iterator[Load]:
    """Let so many tills pay during the block."""
    load.stopping.clear()
    threads = [threading.Thread(target=load.run, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join()


@contextmanager
def watched(engine: Engine) -> Iterator[list[str]]:
    """Read all balances again and again during the block; give what was found wrong in any of those readings (O9)."""
    findings: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_S):
            with reading(engine) as db:
                findings.extend(money_is_conserved(db))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield findings
    finally:
        over.set()
        thread.join()


def settled(load: Load) -> list[str]:
    """Ask again, with the same keys, for every payment in doubt; say which were not answered by a receipt."""
    payments = load.journal.in_doubt()
    told = at_once(SETTLERS, lambda payment: pay(load.journal, load.port, payment), payments)
    return [
        f"{payment.key}: {each.status} {each.code}"
        for payment, each in zip(payments, told, strict=True)
        if each.outcome is not Outcome.ACCEPTED
    ]
