"""T5: the server process is killed under load, and the database server too: nothing acknowledged is lost.

A kill says nothing of the disk (the system keeps what was written): for that, see test_power_cuts.py.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading
from tests.torture.conftest import Rig
from tests.torture.load import Load, paying, settled
from tests.torture.mutants import ANSWER_BEFORE_COMMIT
from tests.torture.oracles import Outcome, lost, operations_stand
from tests.torture.postgres import Postgresql, own
from tests.torture.serving import Settings
from tests.torture.town import Town, found_town

CLIENTS = 8
CARDS = 8
CARD_CENTS = 10_000_000
LIFE_PAYMENTS_MAX = 40
CONTROL_KILLS_MAX = 10


def test_a_killed_server_process_loses_nothing_acknowledged(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    kills = rig.dose(short=8, full=200)
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


def test_a_killed_database_server_loses_nothing_acknowledged_and_is_found_again(rig: Rig):
    kills = rig.dose(short=2, full=20)
    with own_postgresql() as server:
        engine = open_engine(server.url.render_as_string())
        upgrade(engine)
        town = found_town(engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
        service = rig.spawner.start(_settings(town))
        load = Load(town, rig.journal, rig.rng, port=service.port)
        faults: list[str] = []
        for number in range(kills):
            with paying(load, clients=CLIENTS):
                load.wait_for_payments(rig.rng.randint(1, LIFE_PAYMENTS_MAX))
                # Every other time by its own hand, without a checkpoint; else as the kernel kills.
                (server.kill if number % 2 else server.stop_immediately)()
                server.start()
                # The same service process, never started again, serves by itself.
                load.wait_for_payments(CLIENTS)
            with reading(engine) as db:
                faults += operations_stand(db, rig.journal.operations())
        in_doubt = len(rig.journal.in_doubt())
        faults += settled(load)
        service.kill()
        findings = town.findings(rig.journal.operations())
        engine.dispose()

    statuses = sorted({told.status for told in load.told} - {201})
    rig.figures(kills=kills, acknowledged=rig.journal.count(Outcome.ACCEPTED), in_doubt=in_doubt, lost=lost(faults))
    assert faults == []
    assert findings == []
    assert set(statuses) <= {503}


@contextmanager
def own_postgresql() -> Iterator[Postgresql]:
    """Give a PostgreSQL that nobody else uses, with its data in a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="monnaie-", ignore_cleanup_errors=True) as folder:
        own(Path(folder))
        server = Postgresql(Path(folder) / "data", Path(folder) / "sockets")
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _live_and_die(town: Town, rig: Rig, load: Load, *, mutant: str = "") -> None:
    """Start a server, let the tills pay, kill it at a moment that nobody chose."""
    server = rig.spawner.start(_settings(town, mutant=mutant))
    load.port = server.port
    with paying(load, clients=CLIENTS):
        load.wait_for_payments(rig.rng.randint(1, LIFE_PAYMENTS_MAX))
        server.kill()


def _settings(town: Town, *, mutant: str = "") -> Settings:
    return Settings(home=str(town.home), database_url=town.database_url, began_s=town.began_s, mutant=mutant)
