"""T1: many tills charge one card at once, in two server processes that are slow just where a race has its window."""

import re

from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading
from tests.factories.vandal import run
from tests.torture.clients import Payment, Told, at_once, pay
from tests.torture.conftest import Rig
from tests.torture.load import watched
from tests.torture.oracles import Outcome
from tests.torture.server_mutants import CHECK_THEN_ACT
from tests.torture.serving import AFTER_READ, HOOKS, Settings
from tests.torture.spawner import ServerProcess
from tests.torture.town import Town, found_town

CLIENTS = 32
AMOUNT_CENTS = 100
DELAY_MS = 10
PROCESSES = 2
MUTANT_ROUNDS = 10
FLOOR = "ck_balances_not_below_zero"


class Race:
    """Two servers on one town, and rounds of clients that all want the same money."""

    def __init__(self, town: Town, servers: list[ServerProcess], rig: Rig) -> None:
        self.town = town
        self.servers = servers
        self.rig = rig
        self.rounds = 0

    def round(self) -> tuple[int, list[Told]]:
        """Put a few payments' worth on the card, let every client charge it; return how many were covered, and told."""
        self.rounds += 1
        card = self.town.cards[0]
        covered = self.rig.rng.randint(1, CLIENTS // 2)
        self.town.give(card, covered * AMOUNT_CENTS - self.town.held_cents(card))
        payments = [
            Payment(self.rig.rng.choice(self.town.tills), card, AMOUNT_CENTS, f"r{self.rounds}-{client}")
            for client in range(CLIENTS)
        ]
        ports = [self.servers[client % len(self.servers)].port for client in range(CLIENTS)]
        return covered, at_once(CLIENTS, lambda asked: pay(self.rig.journal, *asked), zip(ports, payments, strict=True))


def test_a_card_is_never_spent_twice(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=1)
    rounds = rig.dose(short=3, full=200)
    faults: list[str] = []
    race = Race(town, [], rig)
    for hook in HOOKS:
        race.servers = servers_of(town, rig, hook=hook, seed=rig.rng.randrange(2**31))
        with watched(db_engine) as seen:
            for _ in range(rounds):
                covered, told = race.round()
                faults += faults_of(covered, told)
        faults += seen
        kill(race.servers)

    findings = town.findings(rig.journal.operations())

    rig.figures(
        rounds=rounds * len(HOOKS),
        asked=len(rig.journal.operations()),
        accepted=rig.journal.count(Outcome.ACCEPTED),
        refused=rig.journal.count(Outcome.REFUSED),
        overspent=sum("overspent" in fault for fault in faults),
    )
    assert faults == []
    assert findings == []


def test_control_a_check_that_is_not_in_the_posting_overspends(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=1)
    take_the_limit_down(db_engine)
    race = Race(town, servers_of(town, rig, hook=AFTER_READ, mutant=CHECK_THEN_ACT), rig)
    overspent = 0
    for _ in range(MUTANT_ROUNDS):
        covered, told = race.round()
        # A receipt cannot say less than nothing, so some who overspend get a fault for an answer: the purse tells.
        overspent += max(0, accepted(told) - covered, -town.held_cents(town.cards[0]) // AMOUNT_CENTS)
        if overspent:
            break
    kill(race.servers)

    findings = town.findings(rig.journal.operations())

    rig.figures(rounds=race.rounds, overspent=overspent)
    assert overspent
    assert any("account" in finding and "-" in finding for finding in findings), findings


def take_the_limit_down(engine: Engine) -> None:
    """Take the floor of the balances out of the database, and leave every other guard."""
    if engine.dialect.name == "postgresql":
        run(engine, f"ALTER TABLE balances DROP CONSTRAINT {FLOOR}")
        return
    with reading(engine) as db:
        found = db.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE :floor"),
                           {"floor": f"%{FLOOR}%"}).all()  # fmt: skip
    for name, written in found:
        without = re.sub(rf"SELECT RAISE\(ABORT, '{FLOOR}'\).*?;", "SELECT 1;", written, flags=re.DOTALL)
        run(engine, f"DROP TRIGGER {name}", without)


def servers_of(town: Town, rig: Rig, **more: object) -> list[ServerProcess]:
    """Start two servers on the town's database."""
    settings = Settings(
        home=str(town.home), database_url=town.database_url, began_s=town.began_s, delay_ms=DELAY_MS, **more
    )
    return [rig.spawner.start(settings) for _ in range(PROCESSES)]


def kill(servers: list[ServerProcess]) -> None:
    """End the servers."""
    for server in servers:
        server.kill()


def accepted(told: list[Told]) -> int:
    """Count the payments that were taken."""
    return sum(each.outcome is Outcome.ACCEPTED for each in told)


def faults_of(covered: int, told: list[Told]) -> list[str]:
    """Say what is wrong with a round: one payment too many or too few, another refusal, a server's fault."""
    count = accepted(told)
    faults = [f"overspent: {count} paid of {covered} covered"] if count > covered else []
    if count < covered:
        faults.append(f"{count} paid of {covered} covered")
    others = [each for each in told if each.outcome is not Outcome.ACCEPTED and each.code != "insufficient_funds"]
    return faults + [f"{each.status} {each.code}" for each in others]
