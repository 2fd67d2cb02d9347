"""T7: PostgreSQL's primary dies, its standby is promoted: what was acknowledged is there. The dead may come back.

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
from tests.torture.server_mutants import DEAF, SHOWS_ALL
from tests.torture.serving import Settings
from tests.torture.town import Town

CLIENTS = 8
LIFE_PAYMENTS_MAX = 40
CANCELS_MAX = 4
# What the service makes of a cancelled wait, it makes meanwhile.
CANCELLED_S = 0.5
# How long tills ask on over a parted wire before the primary dies.
PARTED_S = 0.5
# A till that asks a server which must not answer gives up after so long.
PATIENCE_S = 1.5


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
    doubted_before: set[str] = field(default_factory=set)

    def fall(self, how: Fall) -> Postgresql:
        """Let the tills pay, the primary die and the standby be promoted; return the dead one."""
        with paying(self.load, clients=CLIENTS):
            self.load.wait_for_payments(self.rig.rng.randint(1, LIFE_PAYMENTS_MAX))
            if how is not Fall.HEALTHY:
                self.pair.link.part()
                self.pair.wait_for(lambda: self.pair.waiting() > 0)
                # Whoever waits may be the sealer; the tills' commit stands behind it by then.
                time.sleep(PARTED_S)
            if how is Fall.CANCELLED:
                for _ in range(self.rig.rng.randint(1, CANCELS_MAX)):
                    self.pair.wait_for(lambda: self.pair.cancel_waits() > 0)
                    time.sleep(CANCELLED_S)
            dead = self.pair.fail_over()
            promoted = time.monotonic()
            self.load.wait_for_payments(1)
            self.served_after_s.append(time.monotonic() - promoted)
        self.judge()
        return dead

    def judge(self) -> None:
        """Compare the server that writes with what the tills were told, from the beginning."""
        engine = open_engine(self.pair.primary.url.render_as_string())
        with reading(engine) as db:
            found = operations_stand(db, self.rig.journal.operations())
        engine.dispose()
        self.faults += [fault for fault in found if fault not in self.faults]

    def revive(self, dead: Postgresql, *, mutant: str = "") -> None:
        """Start the old primary again, lead a running service to it, and ask for new payments and those in doubt."""
        wire = Link(self.pair.primary.url)
        service = self.rig.spawner.start(_settings(self.town, wire.url.render_as_string(), mutant=mutant))
        # The first of this round: their commit was waiting when the primary died, and is in its log.
        doubted = [each for each in self.rig.journal.in_doubt() if each.key not in self.doubted_before][:CLIENTS]
        dead.start()
        wire.lead_to(dead.url)

        def ask(payment: Payment) -> Told:
            self._accuse(by_key(service.port, payment.till, payment.key, timeout_s=PATIENCE_S), payment)
            told = pay(self.rig.journal, service.port, payment, timeout_s=PATIENCE_S)
            self._accuse(told, payment)
            return told

        at_once(CLIENTS * 2, ask, [*doubted, *(self.load.payment() for _ in range(CLIENTS))])
        self.doubted_before = {each.key for each in self.rig.journal.in_doubt()}
        service.kill()
        wire.stop()
        dead.kill()

    def _accuse(self, told: Told, payment: Payment) -> None:
        if told.status in {200, 201}:
            self.faults.append(f"the old primary said {told.status} to {payment.key}")


def test_a_promoted_standby_holds_all_that_was_acknowledged_and_the_dead_primary_acknowledges_nothing(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown]
):
    falls = list(islice(cycle(rig.rng.sample(list(Fall), len(Fall))), rig.dose(short=1, full=20)))
    with _serving(rig, scratch, founded) as played:
        for number, how in enumerate(falls):
            dead = played.fall(how)
            played.revive(dead)
            if number + 1 < len(falls):
                played.pair.follow()
        in_doubt = len(rig.journal.in_doubt())
        played.faults += settled(played.load)
        engine = open_engine(played.pair.primary.url.render_as_string())
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
            played.judge()
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
        with paying(played.load, clients=CLIENTS):
            played.load.wait_for_payments(CLIENTS)
            played.pair.link.part()
            played.pair.wait_for(lambda: played.pair.waiting() > 0)
            # More than were on their way when the wire parted.
            wanted = played.load.acknowledged() + CLIENTS + 1
            played.pair.wait_for(lambda: played.pair.cancel_waits() >= 0 and played.load.acknowledged() >= wanted)
            played.pair.fail_over()
        played.judge()

    rig.figures(acknowledged=rig.journal.count(Outcome.ACCEPTED), lost=lost(played.faults))
    assert lost(played.faults)


def test_control_a_service_that_shows_what_the_standby_may_not_have_acknowledges_on_the_dead_primary(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown]
):
    with _serving(rig, scratch, founded) as played:
        dead = played.fall(Fall.PARTED)
        assert played.faults == []
        played.revive(dead, mutant=SHOWS_ALL)

    rig.figures(said_by_the_dead=len(played.faults))
    assert played.faults


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
