"""Clocks that jump, run backwards or disagree, and the nights at which a day is hard to name.

The order of the books is that of their numbers, whatever the clock says; a charge is accounted on the day of Paris on
which it was recorded, or on the first open day after a close; nothing that is limited in time lives longer.
"""

import datetime
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, text

from merchants.errors import PaymentRequestExpired
from merchants.holders.payment_requests import confirm_payment, request_payment
from merchants.statements.movements import month_movements
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.periods import close_period
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import verify
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import IdempotencyKeyReused, PeriodClosed
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import TERRITORY_ID, World, open_world, posting
from tests.factories.market import HOST, open_market
from tests.factories.merchants import MINUTE, admit, chance
from tests.torture.fresh_databases import fresh_engine_fixture  # noqa: F401 - a fixture of these tests
from wallets.codes.card_token import card_url
from wallets.errors import CardRefused, PinLocked

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
Step = Callable[[random.Random, int], datetime.timedelta]


def utc(text_: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text_).replace(tzinfo=datetime.UTC)


def forwards(rng: random.Random, _number: int) -> datetime.timedelta:
    """A few seconds to a few minutes later."""
    return datetime.timedelta(seconds=rng.randint(1, 240))


def jumping(jump: datetime.timedelta) -> Step:
    """Return a clock that jumps now and then, there and back."""
    return lambda rng, number: jump if number % 10 == 3 else -jump if number % 10 == 8 else forwards(rng, number)


def backwards(rng: random.Random, _number: int) -> datetime.timedelta:
    """Return a clock that runs the wrong way."""
    return -datetime.timedelta(seconds=rng.randint(1, 240))


def around(rng: random.Random, number: int) -> datetime.timedelta:
    """Return a clock that crosses the same instant over and over, both ways."""
    return datetime.timedelta(minutes=rng.randint(1, 90)) * (1 if number % 2 else -1)


# What the clock does -> (where it begins, how it moves, how far ahead the second process is).
CASES: dict[str, tuple[datetime.datetime, Step, datetime.timedelta]] = {
    "90 minutes forwards and back": (utc("2026-10-14T12:00"), jumping(90 * MINUTE), 0 * MINUTE),
    "90 minutes back and forwards": (utc("2026-10-14T12:00"), jumping(-90 * MINUTE), 0 * MINUTE),
    "a day forwards and back": (utc("2026-10-30T12:00"), jumping(DAY), 0 * MINUTE),
    "a day back and forwards": (utc("2026-11-01T12:00"), jumping(-DAY), 0 * MINUTE),
    "backwards while it runs": (utc("2026-11-01T08:00"), backwards, 0 * MINUTE),
    "two processes five minutes apart": (utc("2026-10-31T22:30"), forwards, 5 * MINUTE),
    "the night of March that lacks an hour": (utc("2027-03-28T00:30"), around, 0 * MINUTE),
    "the night of October that has one twice": (utc("2026-10-25T00:30"), around, 0 * MINUTE),
    "the 29th of February": (utc("2028-02-29T22:30"), around, 0 * MINUTE),
    "the 28th of February": (utc("2027-02-28T22:30"), around, 0 * MINUTE),
    "midnight of a 31st in winter": (utc("2026-10-31T23:00"), around, 0 * MINUTE),
    "midnight of a 31st in summer": (utc("2027-07-31T22:00"), around, 0 * MINUTE),
    "New Year's night": (utc("2026-12-31T23:00"), around, 5 * MINUTE),
    "a year late for a moment": (utc("2026-11-01T08:00"), jumping(-365 * DAY), 0 * MINUTE),
}


def day_in_paris(instant_ms_: int) -> datetime.date:
    """Return the day of Paris by the rule of the European Union itself: no table of time zones is asked."""
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=instant_ms_)
    summer = _last_sunday(moment.year, 3) <= moment < _last_sunday(moment.year, 10)
    return (moment + (2 if summer else 1) * HOUR).date()


def _last_sunday(year: int, month: int) -> datetime.datetime:
    last = datetime.datetime(year, month, 31, 1, tzinfo=datetime.UTC)
    return last - datetime.timedelta(days=(last.weekday() + 1) % 7)


@dataclass
class Town:
    """Two processes over one database, each with its clock; what they were told, to compare."""

    world: World
    keyring: Keyring
    now: datetime.datetime
    ahead: datetime.timedelta
    is_naive: bool = False
    shown: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    expected_days: dict[int, datetime.date] = field(default_factory=dict)
    asked: list[tuple] = field(default_factory=list)
    closed: datetime.date | None = None
    writers: tuple[Writer, ...] = ()

    def read_clock(self, which: int) -> int:
        """Return what a process's clock says, and remember it."""
        self.shown.append(instant_ms(self.now + which * self.ahead))
        return self.shown[-1]

    def charge(self, rng: random.Random, number: int) -> None:
        """Charge through one of the processes; one in three happened up to three days ago."""
        which = rng.randrange(2)
        happened_ms = instant_ms(self.now) - (rng.randint(0, 3 * 86_400_000) if rng.random() < 0.3 else 0)
        draw = Draw((self.world.purse(7),), self.world.shop(1), rng.randint(1, 20))
        # The negative control: the month is taken from what the till says.
        day = day_in_paris(happened_ms) if self.is_naive else None
        asked = posting(EntryKind.CHARGE, draw, key=f"c{number}", happened_at_ms=happened_ms, accounted_on=day)
        posted = self.writers[which].submit(asked)
        today = day_in_paris(posted.entry.recorded_at_ms)
        open_day = today if self.closed is None else max(today, self.closed + DAY)
        assert posted.entry.recorded_at_ms == self.shown[-1]
        self.numbers.append(posted.entry.entry_id)
        self.expected_days[posted.entry.entry_id] = open_day
        self.asked.append((asked, posted.entry.entry_id))

    def ask_again(self, rng: random.Random) -> None:
        """Send an old request again, and another one under its key: keys never expire, whatever the clock says."""
        asked, entry_id = rng.choice(self.asked)
        again = rng.choice(self.writers).submit(asked)
        assert (again.entry.entry_id, again.replayed) == (entry_id, True)
        other = posting(EntryKind.CHARGE, Draw(asked.draws[0].sources, asked.draws[0].target, 21),
                        key=asked.idempotency_key, happened_at_ms=asked.happened_at_ms)  # fmt: skip
        with pytest.raises(IdempotencyKeyReused):
            self.writers[0].submit(other)

    def close_what_is_over(self) -> None:
        """Close the months that are over for the clock, in order; sign the log."""
        now_ms = instant_ms(self.now)
        today = day_in_paris(now_ms)
        first = min(self.expected_days.values()) if self.closed is None else self.closed + DAY
        while Month.of(first).last_day < today:
            transact(self.world.engine, close_period, territory_id=TERRITORY_ID, month=Month.of(first), now_ms=now_ms)
            self.closed = Month.of(first).last_day
            first = self.closed + DAY
        transact(self.world.engine, seal, territory_id=TERRITORY_ID, sign=self.keyring.sign, now_ms=now_ms)

    def faults(self) -> list[str]:
        """Say what is not as it must be."""
        with reading(self.world.engine) as db:
            stored = db.execute(
                text("SELECT id, accounted_on FROM journal_entries WHERE kind = 3 ORDER BY id")
            ).all()  # fmt: skip
            verdict = verify(db, territory_id=TERRITORY_ID, public_key_pem=self.keyring.public_key_pem)
            days = {row[0]: datetime.date.fromisoformat(str(row[1])) for row in stored}
            months = sorted({Month.of(day) for day in days.values()})
            told = [
                movement.entry_id
                for month in months
                for movement in month_movements(db, territory_id=TERRITORY_ID, merchant_id=1, month=month)
            ]
        wrong = [number for number, day in self.expected_days.items() if days[number] != day]
        return [
            *(f"{finding.code} {finding.subject}" for finding in verdict.findings),
            *(f"entry {number} is accounted on {days[number]}, not {self.expected_days[number]}" for number in wrong),
            *([] if self.numbers == sorted(self.numbers) == list(days) else ["the order is not that of the numbers"]),
            *([] if sorted(told) == self.numbers else ["the shop's statements do not hold each charge once"]),
        ]


@contextmanager
def a_town(engine: Engine, case: str, *, is_naive: bool = False) -> Iterator[tuple[Town, Step]]:
    """Give a town with money in a purse, and how its clock moves."""
    now, step, ahead = CASES[case]
    world = open_world(engine)
    world.now_ms = instant_ms(now - 40 * DAY)
    world.fund(10_000_000)
    world.issue(7, 5_000_000)
    admit(world)
    town = Town(world, Keyring.generate(), now, ahead, is_naive)
    town.writers = tuple(Writer(engine, clock_ms=lambda which=which: town.read_clock(which)) for which in (0, 1))
    yield town, step
    for writer in town.writers:
        writer.stop()


def live(town: Town, step: Step, rng: random.Random, operations: int) -> None:
    for number in range(operations):
        town.charge(rng, number)
        if rng.random() < 0.2:
            town.ask_again(rng)
        if number % 25 == 12:
            town.close_what_is_over()
        town.now += step(rng, number)
    town.close_what_is_over()


def test_the_books_follow_their_numbers_and_the_days_of_paris(fresh_engine, dialect, dose, seed, figures) -> None:
    rng = random.Random(seed)
    operations = dose(short=30, full=500)
    # PostgreSQL takes seconds to make a database: the short dose draws some of the cases there.
    some = dose(short=3, full=len(CASES))
    cases = list(CASES) if dialect == "sqlite" else rng.sample(list(CASES), some)

    for case in cases:
        engine = fresh_engine()
        with a_town(engine, case) as (town, step):
            live(town, step, rng, operations)
            assert town.faults() == [], case
        engine.dispose()
    figures(cases=len(cases), operations_each=operations)


def test_a_month_taken_from_the_till_is_found_out(db_engine: Engine, rng) -> None:
    """The negative control: charges that say in which month they are."""
    with a_town(db_engine, "midnight of a 31st in winter", is_naive=True) as (town, step):
        try:
            live(town, step, rng, 60)
            refused = False
        except PeriodClosed:
            refused = True

        assert refused or any("is accounted on" in fault for fault in town.faults())


def test_a_payment_request_lives_five_minutes_and_no_clock_makes_it_live_longer(db_engine: Engine) -> None:
    market = open_market(db_engine)

    def requested() -> str:
        _, code = transact(
            db_engine, request_payment, territory_id=TERRITORY_ID, till=market.till, amount_cents=100, now=market.now,
            random_bytes=chance(f"{market.now}"),
        )  # fmt: skip
        return code

    def pay(code: str, now: datetime.datetime):
        return confirm_payment(
            engine=db_engine, keyring=market.keyring, writer=market.writer, territory_id=TERRITORY_ID, host=HOST,
            code=code, card_code=card_url(host=HOST, token=market.card.token), pin=market.card.pin, now=now,
        )  # fmt: skip

    made, second = market.now, datetime.timedelta(seconds=1)
    code = requested()
    # The clock went back: how old the request is cannot be known any more.
    for jump in (31 * second, 90 * MINUTE, DAY):
        with pytest.raises(PaymentRequestExpired):
            pay(code, made - jump)
    with pytest.raises(PaymentRequestExpired):
        pay(code, made + 5 * MINUTE)
    # Until the last second, and for a phone answered by a machine half a minute behind, it is good.
    assert pay(code, made + 5 * MINUTE - second).amount_cents == 100
    market.clock[0] += MINUTE
    assert pay(requested(), market.now - 30 * second).amount_cents == 100


def test_a_card_that_is_locked_stays_locked_whatever_the_clock(db_engine: Engine) -> None:
    market = open_market(db_engine)
    wrong = f"{(int(market.card.pin) + 1) % 10_000:04d}"
    for number in range(5):
        with pytest.raises(CardRefused):
            market.charge(100, key=f"w{number}", pin=wrong)

    for jump in (90 * MINUTE, -90 * MINUTE, DAY, -DAY, 365 * DAY):
        market.clock[0] += jump
        for pin in (market.card.pin, wrong):
            with pytest.raises(PinLocked):
                market.charge(100, key="after", pin=pin)
