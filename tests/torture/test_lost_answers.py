"""T3: the network loses requests and answers; whoever asks again with the same key loses nothing and pays once."""

from dataclasses import dataclass

from sqlalchemy import Engine

from tests.torture.clients import Payment, Told, at_once, by_key, pay
from tests.torture.conftest import Rig
from tests.torture.oracles import Outcome
from tests.torture.proxy import Fate, Proxy
from tests.torture.serving import Settings
from tests.torture.spawner import start_granian
from tests.torture.town import Town, found_town

CLIENTS = 16
CARDS = 4
CARD_CENTS = 10_000_000
TIMEOUT_S = 3.0
STALL_S = 4.0
TRIES_MAX = 100
CONTROL_PAYMENTS = 60


@dataclass
class Counts:
    """What the clients went through."""

    in_doubt: int = 0
    asked_by_key: int = 0


def test_no_payment_is_lost_or_doubled_when_answers_are(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=CARDS, card_cents=CARD_CENTS)
    server = start_granian(_settings(town))
    proxy = Proxy(server.port, rig.rng, stall_s=STALL_S)
    faults: list[str] = []
    counts = Counts()
    payments = [_payment(town, rig, number) for number in range(rig.dose(short=100, full=5_000))]

    def settle(payment: Payment) -> Told:
        told = pay(rig.journal, proxy.port, payment, timeout_s=TIMEOUT_S)
        for _ in range(TRIES_MAX):
            if told.outcome is not Outcome.IN_DOUBT:
                break
            counts.in_doubt += 1
            known = _what_became(proxy.port, payment, counts)
            told = pay(rig.journal, proxy.port, payment, timeout_s=TIMEOUT_S)
            faults.extend(_lies(payment, known, told))
        return told

    told = at_once(CLIENTS, settle, payments)
    proxy.stop()
    server.stop()
    findings = town.findings(rig.journal.operations())

    rig.figures(
        payments=len(payments),
        in_doubt=counts.in_doubt,
        **{str(fate).replace(" ", "_"): proxy.fates[fate] for fate in Fate},
    )
    assert proxy.fates[Fate.ANSWER_LOST]
    assert faults == []
    assert [each for each in told if each.outcome is not Outcome.ACCEPTED] == []
    assert findings == []


def test_control_a_client_with_a_new_key_for_each_try_pays_twice(db_engine: Engine, rig: Rig):
    town = found_town(db_engine, rig.home, cards=1, card_cents=CARD_CENTS)
    server = rig.spawner.start(_settings(town))
    proxy = Proxy(server.port, rig.rng, stall_s=0)

    def insist(payment: Payment) -> Told:
        for again in range(TRIES_MAX):
            fresh = Payment(payment.till, payment.card, payment.amount_cents, f"{payment.key}-{again}")
            told = pay(rig.journal, proxy.port, fresh)
            if told.outcome is not Outcome.IN_DOUBT:
                break
        return told

    before = town.held_cents(town.cards[0])
    payments = [_payment(town, rig, number) for number in range(CONTROL_PAYMENTS)]
    at_once(CLIENTS, insist, payments)
    proxy.stop()
    server.kill()
    wanted = sum(payment.amount_cents for payment in payments)
    taken = before - town.held_cents(town.cards[0])

    rig.figures(wanted_cents=wanted, taken_cents=taken)
    assert taken > wanted


def _what_became(port: int, payment: Payment, counts: Counts) -> Told:
    """Ask by key until somebody answers."""
    for _ in range(TRIES_MAX):
        counts.asked_by_key += 1
        known = by_key(port, payment.till, payment.key, timeout_s=TIMEOUT_S)
        if known.status:
            return known
    raise AssertionError(payment)


def _lies(payment: Payment, known: Told, told: Told) -> list[str]:
    """Compare what GET /charges/by-key said with what the next send of the same key was told."""
    if known.status not in {200, 404}:
        return [f"{payment.key}: by-key answers {known.status} {known.code}"]
    if told.outcome is Outcome.IN_DOUBT:
        return []
    if known.status == 404 and told.body.get("replayed"):
        return [f"{payment.key}: by-key said nothing was posted, and it was"]
    if known.status == 200 and known.receipt() != told.receipt():
        return [f"{payment.key}: by-key said {known.receipt()}, the retry {told.receipt()}"]
    return []


def _payment(town: Town, rig: Rig, number: int) -> Payment:
    return Payment(rig.rng.choice(town.tills), rig.rng.choice(town.cards), rig.rng.randint(1, 5_000), f"k{number}")


def _settings(town: Town) -> Settings:
    return Settings(home=str(town.home), database_url=town.database_url, began_s=town.began_s)
