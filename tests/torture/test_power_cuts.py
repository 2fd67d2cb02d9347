"""T5: the power fails under load. What was acknowledged is on the disk, whatever half of the rest is there too.

A town on a disk of ours (powerfs.py): tills pay, the power is cut, the folder is what the disk holds. Then the next
boot: the database is opened where it lies, every oracle is asked, and it serves again. Later cuts hit the same town.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from tests.torture.clients import ClientJournal
from tests.torture.conftest import Rig
from tests.torture.disk_databases import DiskDatabase, FoundedTown, disk_database
from tests.torture.load import Load, paying, settled
from tests.torture.oracles import Outcome, lost, operations_stand
from tests.torture.power import DROP, TORN, mounted
from tests.torture.server_mutants import COMMIT_WITHOUT_DISK
from tests.torture.serving import Settings
from tests.torture.town import Town

CLIENTS = 6
LIFE_PAYMENTS_MAX = 40
CUTS_PER_TOWN = 10


@dataclass
class Machine:
    """A machine with one town on its disk, started again and again."""

    kind: DiskDatabase
    rig: Rig
    town: Town
    journal: ClientJournal
    folder: Path
    acknowledged: int = 0
    in_doubt: int = 0

    def life(self, number: int, *, policy: str, mutant: str = "") -> None:
        """Boot, serve, and end by a power cut."""
        mount = self.folder.with_name(f"{self.folder.name}-mount{number}")
        seed = self.rig.rng.randrange(2**31)
        with mounted(self.folder, mount, policy=policy, seed=seed) as disk, self.kind.running(mount) as url:
            server = self.rig.spawner.start(
                Settings(home=str(self.town.home), database_url=url, began_s=self.town.began_s, mutant=mutant)
            )
            load = Load(self.town, self.journal, self.rig.rng, port=server.port)
            with paying(load, clients=CLIENTS):
                load.wait_for_payments(self.rig.rng.randint(1, LIFE_PAYMENTS_MAX))
                disk.cut()
                server.kill()
                self.kind.fall()
        self.acknowledged += load.acknowledged()

    def boot(self, *, mutant: bool = False) -> tuple[int, list[str]]:
        """Open what the disk holds; return how many acknowledged payments are lost, and everything that is wrong."""
        with self.kind.running(self.folder, waits_for_disk=False) as url:
            engine = open_engine(url)
            town = replace(self.town, engine=engine)
            with reading(engine) as db:
                missing = operations_stand(db, self.journal.operations())
            findings = self.kind.check(engine) + town.findings(self.journal.operations())
            if not mutant:
                findings += self._serves(url)
            engine.dispose()
        return lost(missing), findings

    def _serves(self, url: str) -> list[str]:
        """Let every payment in doubt be asked again, and one more be made."""
        settings = Settings(home=str(self.town.home), database_url=url, began_s=self.town.began_s)
        server = self.rig.spawner.start(settings)
        load = Load(self.town, self.journal, self.rig.rng, port=server.port)
        self.in_doubt += len(self.journal.in_doubt())
        faults = settled(load)
        with paying(load, clients=1):
            load.wait_for_payments(1)
        server.kill()
        return faults


@pytest.fixture(params=["sqlite", "postgresql"])
def machines(
    request: pytest.FixtureRequest, rig: Rig, disks: Path, founded: Callable[[str], FoundedTown]
) -> Callable[[], Machine]:
    """Give a function that makes a new machine with the same town on its disk."""
    kind = disk_database(request.param, disks)
    first = founded(request.param)
    made: list[Path] = []

    def make() -> Machine:
        for old in made[-1:]:
            shutil.rmtree(old)
        made.append(disks / f"disk{len(made)}")
        first.copy_to(made[-1])
        journal = ClientJournal(disks / f"asked-and-told{len(made)}.jsonl")
        return Machine(kind, rig, first.town, journal, made[-1])

    return make


def test_a_power_cut_takes_back_nothing_acknowledged(machines: Callable[[], Machine], rig: Rig):
    cuts = {DROP: rig.dose(short=3, full=50), TORN: rig.dose(short=2, full=50)}
    policies = [policy for policy, count in cuts.items() for _ in range(count)]
    rig.rng.shuffle(policies)
    faults: list[str] = []
    acknowledged = in_doubt = missing = 0
    for first in range(0, len(policies), CUTS_PER_TOWN):
        machine = machines()
        for number, policy in enumerate(policies[first : first + CUTS_PER_TOWN]):
            machine.life(number, policy=policy)
            gone, findings = machine.boot()
            missing += gone
            faults += [f"cut {first + number} ({policy}): {finding}" for finding in findings]
        acknowledged += machine.journal.count(Outcome.ACCEPTED)
        in_doubt += machine.in_doubt

    rig.figures(**{f"cuts_{name}": count for name, count in cuts.items()}, acknowledged=acknowledged,
                in_doubt=in_doubt, lost=missing)  # fmt: skip
    assert faults == []
    assert missing == 0


def test_control_commits_that_do_not_wait_for_the_disk_are_lost(machines: Callable[[], Machine], rig: Rig):
    wanted = rig.dose(short=6, full=20)
    machine = machines()
    cuts = missing = losing = 0
    # Once half of them have lost something, the rest cannot change the verdict.
    while cuts < wanted and losing * 2 < wanted:
        machine.life(cuts, policy=(DROP, TORN)[cuts % 2], mutant=COMMIT_WITHOUT_DISK)
        gone, _ = machine.boot(mutant=True)
        cuts += 1
        losing += gone > missing
        missing = max(gone, missing)

    rig.figures(cuts=cuts, acknowledged=machine.acknowledged, lost=missing, cuts_that_lost=losing)
    assert losing * 2 >= wanted
