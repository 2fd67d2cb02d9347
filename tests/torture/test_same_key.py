"""T2: the same key again and again, one after the other, at once, through another process, after a restart."""

from dataclasses import dataclass, field, replace

from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading
from tests.torture.clients import Payment, Told, ask, at_once, pay
from tests.torture.conftest import Rig
from tests.torture.oracles import Outcome
from tests.torture.server_mutants import KEY_OUTSIDE
from tests.torture.serving import Settings
from tests.torture.spawner import ServerProcess
from tests.torture.town import Town, found_town

CLIENTS = 16
CARDS = 4
CARD_CENTS = 10_000_000
SENDS_MAX = 5
PAYMENTS_PER_LIFE = 500
AMOUNT_CENTS_MAX = 5_000
# One payment in so many is also sent with another amount, and its key by another till.
ATTACKED = 8
CONTROL_PAYMENTS = 20


@dataclass
class Sends:
    """One payment, and every time it is sent."""

    payment: Payment
    in_a_row: int = 1
    at_once: int = 0
    after_restart: int = 0
    told: list[Told] = field(default_factory=list)


def test_a_key_pays_once_however_often_it_is_sent(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    payments = rig.dose(short=100, full=10_000)
    faults: list[str] = []
    sent = 0
    independent = 0
    for first in range(0, payments, PAYMENTS_PER_LIFE):
        count = min(PAYMENTS_PER_LIFE, payments - first)
        life = [_planned(town, rig, number) for number in range(first, first + count)]
        independent += _one_life(town, rig, life, faults)
        sent += sum(len(sends.told) for sends in life)
        faults += [fault for sends in life for fault in _faults(sends)]

    findings = town.findings(rig.journal.operations())

    rig.figures(payments=payments, sends=sent, entries=charges(db_engine), of_other_tills=independent)
    assert faults == []
    assert findings == []
    assert charges(db_engine) == payments + independent


def test_control_a_key_kept_beside_the_money_pays_twice(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=1, card_cents=CARD_CENTS)
    servers = _servers(town, rig, mutant=KEY_OUTSIDE)
    for number in range(CONTROL_PAYMENTS):
        payment = Payment(town.tills[0], town.cards[0], 100, f"k{number}")
        for server in servers:
            pay(rig.journal, server.port, payment)
    _kill(servers)

    rig.figures(payments=CONTROL_PAYMENTS, entries=charges(db_engine))
    assert charges(db_engine) > CONTROL_PAYMENTS
    assert town.findings(rig.journal.operations())


def charges(engine: Engine) -> int:
    """Count the charges in the books."""
    with reading(engine) as db:
        return int(db.scalar(text("SELECT count(*) FROM journal_entries WHERE kind = 3")) or 0)


def _planned(town: Town, rig: Rig, number: int) -> Sends:
    payment = Payment(
        rig.rng.choice(town.tills), rig.rng.choice(town.cards), rig.rng.randint(1, AMOUNT_CENTS_MAX), f"k{number}"
    )
    sends = Sends(payment)
    for _ in range(rig.rng.randint(0, SENDS_MAX - 1)):
        how = rig.rng.choice(("in_a_row", "at_once", "after_restart"))
        setattr(sends, how, getattr(sends, how) + 1)
    return sends


def _one_life(town: Town, rig: Rig, life: list[Sends], faults: list[str]) -> int:
    """Send the payments through two processes, restart both, send what is left; return how many other tills paid."""
    servers = _servers(town, rig)
    # Those sent at once are neighbours, so that several clients have them in hand together.
    jobs = [(sends, times) for sends in life for times in (sends.in_a_row, *[1] * sends.at_once)]
    at_once(CLIENTS, lambda job: _send(rig, servers, *job), jobs)
    _kill(servers)
    servers = _servers(town, rig)
    at_once(CLIENTS, lambda sends: _send(rig, servers, sends, sends.after_restart), life)
    attacked = life[::ATTACKED]
    for sends in attacked:
        faults += _attack(town, rig, servers[0], sends.payment)
    _kill(servers)
    return len(attacked)


def _send(rig: Rig, servers: list[ServerProcess], sends: Sends, times: int) -> None:
    first = hash(sends.payment.key) + len(sends.told)
    for again in range(times):
        server = servers[(first + again) % len(servers)]
        sends.told.append(pay(rig.journal, server.port, sends.payment))


def _attack(town: Town, rig: Rig, server: ServerProcess, payment: Payment) -> list[str]:
    """Send the key with another amount: refused; and by another till: a payment of its own."""
    faults = []
    body = {"card": payment.card.url, "amount_cents": payment.amount_cents + 1}
    other = ask(server.port, payment.till, "POST", "/charges", body=body, key=payment.key)
    if (other.status, other.code) != (422, "idempotency_key_reused"):
        faults.append(f"{payment.key} with another amount: {other.status} {other.code}")
    neighbour = town.tills[(town.tills.index(payment.till) + 1) % len(town.tills)]
    theirs = pay(rig.journal, server.port, replace(payment, till=neighbour))
    if theirs.outcome is not Outcome.ACCEPTED or theirs.body["replayed"]:
        faults.append(f"{payment.key} of another till: {theirs.status} {theirs.body}")
    return faults


def _faults(sends: Sends) -> list[str]:
    """Every send was answered by the same receipt, and only one of them posted it."""
    receipts = {str(told.receipt()) for told in sends.told if told.outcome is Outcome.ACCEPTED}
    posted = sum(told.outcome is Outcome.ACCEPTED and not told.body["replayed"] for told in sends.told)
    faults = [f"{sends.payment.key}: {told.status} {told.code}" for told in sends.told if told.status != 201]
    if len(receipts) != 1 or posted != 1:
        faults.append(f"{sends.payment.key}: {len(receipts)} receipts, posted {posted} times")
    return faults


def _servers(town: Town, rig: Rig, *, mutant: str = "") -> list[ServerProcess]:
    settings = Settings(home=str(town.home), database_url=town.database_url, began_s=town.began_s, mutant=mutant)
    return [rig.spawner.start(settings) for _ in range(2)]


def _kill(servers: list[ServerProcess]) -> None:
    for server in servers:
        server.kill()
