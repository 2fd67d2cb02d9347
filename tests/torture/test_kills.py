"""T5: the server process is killed under load, and the database server too: nothing acknowledged is lost.

A kill says nothing of the disk (the system keeps what was written): for that, see test_power_cuts.py.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from tests.torture.conftest import Rig
from tests.torture.disk_databases import CLUSTER, FoundedTown
from tests.torture.load import Load, paying, settled
from tests.torture.oracles import Outcome, lost, operations_stand
from tests.torture.postgres import Postgresql, own
from tests.torture.server_mutants import ANSWER_BEFORE_COMMIT
from tests.torture.serving import Settings
from tests.torture.town import Town, found_town

CLIENTS = 8
CARDS = 4
CARD_CENTS = 10_000_000
LIFE_PAYMENTS_MAX = 40
CONTROL_KILLS_MAX = 10


def test_a_killed_server_process_loses_nothing_acknowledged(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    kills = rig.dose(short=5, full=200)
    load = Load(town, rig.journal, rig.rng)
    faults: list[str] = []
    for _ in range(kills):
        _live_and_die(town, rig, load)
        with reading(db_engine) as db:
            faults += operations_stand(db, rig.journal.operations())
        if rig.rng.random() < 0.1:
            town.remember_heads()
    in_doubt = len(rig.journal.in_doubt())
    server = rig.spawner.start(_settings(town))
    load.port = server.port
    faults += settled(load)
    server.kill()

    findings = town.findings(rig.journal.operations())

    rig.figures(kills=kills, acknowledged=rig.journal.count(Outcome.ACCEPTED), in_doubt=in_doubt, lost=lost(faults))
    assert faults == []
    assert findings == []


def test_control_answers_before_the_commit_are_lost_with_the_process(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    load = Load(town, rig.journal, rig.rng)
    found = kills = 0
    while not found and kills < CONTROL_KILLS_MAX:
        kills += 1
        _live_and_die(town, rig, load, mutant=ANSWER_BEFORE_COMMIT)
        with reading(db_engine) as db:
            found = lost(operations_stand(db, rig.journal.operations()))

    rig.figures(kills=kills, acknowledged=rig.journal.count(Outcome.ACCEPTED), lost=found)
    assert found


def test_a_killed_database_server_loses_nothing_acknowledged_and_is_found_again(
    rig: Rig, scratch: Path, founded: Callable[[str], FoundedTown]
):
    kills = rig.dose(short=2, full=20)
    faults: list[str] = []
    first = founded("postgresql")
    first.copy_to(scratch / "disk")
    own(scratch / "sockets")
    database = Postgresql(scratch / "disk" / CLUSTER, scratch / "sockets")
    database.start()
    engine = open_engine(database.url.render_as_string())
    town = replace(first.town, engine=engine)
    service = rig.spawner.start(_settings(town))
    load = Load(town, rig.journal, rig.rng, port=service.port)
    for number in range(kills):
        with paying(load, clients=CLIENTS):
            load.wait_for_payments(rig.rng.randint(1, LIFE_PAYMENTS_MAX))
            # Every other time by its own hand, without a checkpoint; else as the kernel kills.
            (database.kill if number % 2 else database.stop_immediately)()
            database.start()
            # The same service process, never started again, serves by itself.
            load.wait_for_payments(CLIENTS)
        with reading(engine) as db:
            faults += operations_stand(db, rig.journal.operations())
    in_doubt = len(rig.journal.in_doubt())
    faults += settled(load)
    service.kill()
    findings = town.findings(rig.journal.operations())
    engine.dispose()
    database.kill()

    statuses = sorted({told.status for told in load.told} - {201})
    rig.figures(kills=kills, acknowledged=rig.journal.count(Outcome.ACCEPTED), in_doubt=in_doubt, lost=lost(faults))
    assert faults == []
    assert findings == []
    assert set(statuses) <= {503}


def _live_and_die(town: Town, rig: Rig, load: Load, *, mutant: str = "") -> None:
    """Start a server, let the tills pay, kill it at a moment that nobody chose."""
    server = rig.spawner.start(_settings(town, mutant=mutant))
    load.port = server.port
    with paying(load, clients=CLIENTS):
        load.wait_for_payments(rig.rng.randint(1, LIFE_PAYMENTS_MAX))
        server.kill()


def _settings(town: Town, *, mutant: str = "") -> Settings:
    return Settings(home=str(town.home), database_url=town.database_url, began_s=town.began_s, mutant=mutant)
