"""T7: PostgreSQL's primary dies and its standby is promoted; what was acknowledged is there, and the dead may come back.

The standby follows through a wire of ours, whole or parted: then commits wait, and an operator may cancel the wait.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import cycle, islice
from pathlib import Path

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from tests.torture.clients import Payment, Told, at_once, by_key, pay
from tests.torture.conftest import Rig
from tests.torture.disk_databases import FoundedTown
from tests.torture.link import Link
from tests.torture.load import Load, paying, settled
from tests.torture.oracles import Outcome, lost, operations_stand
from tests.torture.pair import Pair, paired
from tests.torture.postgres import Postgresql
from tests.torture.server_mutants import DEAF
from tests.torture.serving import Settings
from tests.torture.town import Town

CLIENTS = 8
LIFE_PAYMENTS_MAX = 40
CANCELS_MAX = 4
# What the service makes of a cancelled wait, it makes meanwhile.
CANCELLED_S = 0.5
# How long tills go on paying over a parted wire, in the control: as in the trial of the plan (T7).
PARTED_S = 0.5
# A till that asks a server which must not answer gives up after so long.
PATIENCE_S = 2.0
ASKED_AGAIN_MAX = 6


class Fall(StrEnum):
    """What happened to the wire before the primary died."""

    HEALTHY = "wire whole"
    PARTED = "wire parted"
    CANCELLED = "wire parted, waits cancelled"


@dataclass
class Round:
    """A service on a pair of servers, and what became of its tills."""

    pair: Pair
    rig: Rig
    town: Town
    load: Load
    served_after_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def fall(self, how: Fall) -> Postgresql:
        """Let the tills pay, the primary die and the standby be promoted; return the dead one."""
        with paying(self.load, clients=CLIENTS):
            self.load.wait_for_payments(self.rig.rng.randint(1, LIFE_PAYMENTS_MAX))
            if how is not Fall.HEALTHY:
                self.pair.link.part()
                self.pair.wait_for(lambda: self.pair.waiting() > 0)
            if how is Fall.CANCELLED:
                for _ in range(self.rig.rng.randint(1, CANCELS_MAX)):
                    self.pair.wait_for(lambda: self.pair.cancel_waits() > 0)
                    time.sleep(CANCELLED_S)
            dead = self.pair.fail_over()
            promoted = time.monotonic()
            self.load.wait_for_payments(1)
            self.served_after_s.append(time.monotonic() - promoted)
        self.judge(str(how))
        return dead

    def judge(self, when: str) -> None:
        """Compare the server that writes with what the tills were told."""
        engine = open_engine(self.pair.url)
        with reading(engine) as db:
            self.faults += [f"{when}: {each}" for each in operations_stand(db, self.rig.journal.operations())]
        engine.dispose()

    def revive(self, dead: Postgresql) -> None:
        """Start the old primary again, lead a running service to it, and ask for new payments and those in doubt."""
        wire = Link(self.pair.primary.url)
        service = self.rig.spawner.start(_settings(self.town, wire.url.render_as_string()))
        doubted = self.rig.journal.in_doubt()[-ASKED_AGAIN_MAX:]
        dead.start()
        wire.lead_to(dead.url)

        def ask(payment: Payment) -> Told:
            self._accuse(by_key(service.port, payment.till, payment.key, timeout_s=PATIENCE_S), payment)
            told = pay(self.rig.journal, service.port, payment, timeout_s=PATIENCE_S)
            self._accuse(told, payment)
            return told

        at_once(CLIENTS * 2, ask, [*doubted, *(self.load.payment() for _ in range(CLIENTS))])
        service.kill()
        wire.stop()
        dead.kill()

    def _accuse(self, told: Told, payment: Payment) -> None:
        if told.status in {200, 201}:
            self.faults.append(f"the old primary said {told.status} to {payment.key}")


def test_a_promoted_standby_holds_all_that_was_acknowledged_and_the_dead_primary_acknowledges_nothing(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown]
):
    falls = list(islice(cycle((Fall.CANCELLED, Fall.HEALTHY, Fall.PARTED)), rig.dose(short=2, full=20)))
    with _serving(rig, scratch, founded) as played:
        for number, how in enumerate(falls):
            dead = played.fall(how)
            played.revive(dead)
            if number + 1 < len(falls):
                played.pair.follow()
        in_doubt = len(rig.journal.in_doubt())
        played.faults += settled(played.load)
        engine = open_engine(played.pair.url)
        findings = replace(played.town, engine=engine).findings(rig.journal.operations())
        engine.dispose()

    statuses = sorted({told.status for told in played.load.told} - {201})
    rig.figures(
        failovers=len(falls), acknowledged=rig.journal.count(Outcome.ACCEPTED), in_doubt=in_doubt,
        lost=lost(played.faults), served_again_after_s_at_most=round(max(played.served_after_s), 1),
    )  # fmt: skip
    assert played.faults == []
    assert findings == []
    assert set(statuses) <= {503}


def test_control_a_standby_that_is_not_waited_for_loses_what_was_acknowledged(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown]
):
    rounds = rig.dose(short=1, full=10)
    found = losing = 0
    with _serving(rig, scratch, founded, is_synchronous=False) as played:
        for number in range(rounds):
            with paying(played.load, clients=CLIENTS):
                played.load.wait_for_payments(CLIENTS)
                played.pair.link.part()
                time.sleep(PARTED_S)
                played.pair.fail_over()
            played.judge("not waited for")
            losing += lost(played.faults) > found
            found = lost(played.faults)
            if number + 1 < rounds:
                played.pair.follow()

    rig.figures(rounds=rounds, acknowledged=rig.journal.count(Outcome.ACCEPTED), lost=found, rounds_that_lost=losing)
    assert losing * 2 >= rounds


def test_control_a_service_deaf_to_the_warning_loses_what_it_acknowledged(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown]
):
    with _serving(rig, scratch, founded, mutant=DEAF) as played:
        played.fall(Fall.CANCELLED)

    rig.figures(acknowledged=rig.journal.count(Outcome.ACCEPTED), lost=lost(played.faults))
    assert lost(played.faults)


@contextmanager
def _serving(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown], *, is_synchronous: bool = True, mutant: str = ""
) -> Iterator[Round]:
    """Serve the town from a pair of servers; the service is never started again."""
    first = founded("postgresql")
    with paired(first, scratch, is_synchronous=is_synchronous) as pair:
        service = rig.spawner.start(_settings(first.town, pair.url, mutant=mutant))
        yield Round(pair, rig, first.town, Load(first.town, rig.journal, rig.rng, port=service.port))
        service.kill()


def _settings(town: Town, url: str, *, mutant: str = "") -> Settings:
    return Settings(home=str(town.home), database_url=url, began_s=town.began_s, mutant=mutant)
