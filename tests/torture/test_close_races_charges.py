"""Months are closed, paid and printed again while shops charge: each charge is in one month, and none is held back."""

import datetime
import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, Engine, text

from merchants.model import Payout
from merchants.payout_errors import PayoutPending
from merchants.payouts import operations as payouts
from merchants.statements.movements import month_movements
from monnaie_locale.closing.errors import MonthAlreadyClosed
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.package import month_package
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.exports.operations import payment_order_of
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import TERRITORY_ID, posting
from tests.factories.month import FUNDED_CENTS, MAKER, OCTOBER, BankLine, Month2026, open_month, statement_xml
from tests.torture.oracles import broken_promises

CHARGERS, CLOSERS = 8, 3
CHARGES_PER_CHARGER = 5
WALLETS = 4
PATIENCE_S = 120


@dataclass
class Town:
    """A town whose months end one after the other; `now` is the service's clock, `slow` a tablet's of last month."""

    month: Month2026
    current: Month = OCTOBER
    bank_cents: int = 0
    payout: Payout | None = None
    packages: dict[Month, dict[str, str]] = field(default_factory=dict)
    writers: list[Writer] = field(default_factory=list)
    charged: list[int] = field(default_factory=list)
    refused: list[object] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.month.engine

    @property
    def now(self) -> datetime.datetime:
        """The 2nd of the month after, at nine."""
        first = self.current.next().first_day
        return datetime.datetime(first.year, first.month, 2, 9, tzinfo=datetime.UTC)

    @property
    def slow(self) -> datetime.datetime:
        """The last evening of the month that is being closed: some process still lives there."""
        last = self.current.last_day
        return datetime.datetime(last.year, last.month, last.day, 20, tzinfo=datetime.UTC)

    def open(self) -> None:
        """Receive the money, and give it to four wallets."""
        self.import_statement(self.month.funding_line())
        for wallet in range(WALLETS):
            self.month.world.issue(wallet + 1, FUNDED_CENTS // WALLETS - 1)
        self.writers += [
            Writer(self.engine, clock_ms=lambda: instant_ms(self.now)),
            Writer(self.engine, clock_ms=lambda: instant_ms(self.slow)),
        ]

    def import_statement(self, *lines: BankLine) -> None:
        """Import the statement of the current month."""
        content = statement_xml(
            *lines, identifier=f"REL-{self.current}", opening=self.bank_cents, from_on=self.current.first_day,
            to_on=self.current.last_day,
        )  # fmt: skip
        self.month.import_(content, now=self.now)
        self.bank_cents += sum(line.cents for line in lines)

    def charger(self, number: int, rng: random.Random) -> Callable[[], None]:
        """Return what one till does: on time, or up to three days late, through the right or the slow process."""
        draws = [
            Draw((self.month.world.purse(rng.randint(1, WALLETS)),), self.shop(rng.randrange(2)), rng.randint(1, 9))
            for _ in range(CHARGES_PER_CHARGER)
        ]
        writer = self.writers[number % 2]
        plan = [(draw, rng.random() * 72, rng.getrandbits(64)) for draw in draws]

        def charge_away() -> None:
            for draw, late_h, key in plan:
                happened = self.now - datetime.timedelta(hours=late_h)
                asked = posting(
                    EntryKind.CHARGE, draw, key=f"k{key:x}", caller=f"till:{number}",
                    happened_at_ms=instant_ms(happened),
                )  # fmt: skip
                try:
                    self.charged.append(writer.submit(asked).entry.entry_id)
                except Exception as error:  # noqa: BLE001 - whatever it is, a charge was refused
                    self.refused.append(error)

        return charge_away

    def shop(self, number: int) -> int:
        return self.month.world.shop(self.month.shops[number].id)

    def close(self) -> None:
        """One person prepares; three others approve in the same instant, and one of them closes.

        A charge that comes in between may be a card scanned twice: none of them closes then, and it is prepared anew.
        """
        found = ["ChecklistNotClean"] * CLOSERS
        while found == ["ChecklistNotClean"] * CLOSERS:
            close = self.month.prepare(self.current, now=self.now)
            results = at_once([lambda n=n, close=close: self.month.approve(close, actor=f"staff:{n}", now=self.now)
                               for n in range(11, 11 + CLOSERS)])  # fmt: skip
            found = sorted(type(each).__name__ for each in results)
        assert found == ["Close"] + ["MonthAlreadyClosed"] * (CLOSERS - 1)

    def pay(self) -> None:
        """The payout is prepared twice and approved twice in the same instant, and its file asked for twice."""
        common = {"territory_id": TERRITORY_ID, "now": self.now}
        asked = {"label": str(self.current), "cutoff_on": self.current.last_day, "execution_on": self.now.date()}
        prepared = at_once([lambda: transact(self.engine, payouts.prepare_payout, actor=MAKER, minimum_cents=1,
                                             **asked, **common)] * 2)  # fmt: skip
        made = [each for each in prepared if isinstance(each, Payout)]
        assert len(made) == 1
        assert [type(each) for each in prepared if each not in made] == [PayoutPending]
        approved = at_once([lambda n=n: transact(self.engine, payouts.approve_payout, payout_id=made[0].id,
                                                 actor=f"staff:{n}", **common) for n in (21, 22)])  # fmt: skip
        (self.payout,) = (each for each in approved if isinstance(each, Payout))
        files = at_once([self.bank_file] * 2)
        assert files[0] == files[1]

    def bank_file(self) -> bytes:
        assert self.payout is not None
        with reading(self.engine) as db:
            return payment_order_of(db, territory_id=TERRITORY_ID, payout_id=self.payout.id).content

    def settlements(self) -> list[BankLine]:
        """What the bank debited this month: the payout ordered at its beginning."""
        on = self.current.first_day + datetime.timedelta(days=4)
        lines = () if self.payout is None else self.payout.lines
        code = ("PMNT", "ICDT", "ESCT")
        return [BankLine(cents=-each.amount_cents, on=on, end_to_end_id=each.end_to_end_id, code=code)
                for each in lines]  # fmt: skip

    def printed(self, month: Month) -> dict[str, str]:
        """Return the digests of the files of a closed month, made again now."""
        with reading(self.engine) as db:
            files = month_package(db, territory_id=TERRITORY_ID, month=month,
                                  public_key_pem=self.month.keyring.public_key_pem, now=self.now)  # fmt: skip
        # The month's payout is ordered after its close: the bank's order is one more file, and is compared apart.
        kept = [file for file in files if not file.name.startswith("payouts")]
        return {file.name: hashlib.sha256(file.content).hexdigest() for file in kept}


def at_once(actions: list[Callable[[], object]]) -> list[object]:
    """Start every action in the same instant; return each result, or its refusal."""
    start = threading.Barrier(len(actions))

    def one(action: Callable[[], object]) -> object:
        start.wait()
        try:
            return action()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(actions)) as pool:
        return [each.result(timeout=PATIENCE_S) for each in [pool.submit(one, action) for action in actions]]


@pytest.fixture
def town(db_engine: Engine) -> Iterator[Town]:
    made = Town(open_month(db_engine))
    made.open()
    yield made
    for writer in made.writers:
        writer.stop()


def one_month(town: Town, rng: random.Random, *, is_printed: bool) -> None:
    """Import, close and pay a month while eight tills charge; then go to the next."""
    chargers = [threading.Thread(target=town.charger(number, rng)) for number in range(CHARGERS)]
    if town.current != OCTOBER:
        town.import_statement(*town.settlements())
    for thread in chargers:
        thread.start()
    town.close()
    if is_printed:
        town.packages[town.current] = town.printed(town.current)
    town.pay()
    for thread in chargers:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a charge waits for ever"
    town.current = town.current.next()


def rows(engine: Engine, statement: str) -> list[tuple]:
    with reading(engine) as db:
        return list(db.execute(text(statement)).all())


def statements_of(town: Town, months: list[Month]) -> tuple[list[int], int]:
    """Return the numbers of the charges in the shops' monthly statements, and their sum in cents."""
    with reading(town.engine) as db:
        movements = [
            each
            for shop in town.month.shops
            for month in months
            for each in month_movements(db, territory_id=TERRITORY_ID, merchant_id=shop.id, month=month)
            if each.kind is EntryKind.CHARGE
        ]
    return sorted(each.entry_id for each in movements), sum(each.amount_cents for each in movements)


def test_every_charge_is_in_one_month_whatever_races_its_close(town: Town, dose, seed, figures) -> None:
    rng = random.Random(seed)
    count = dose(short=3, full=200)
    every = max(1, count // 10) if count > 3 else 3

    for number in range(count):
        one_month(town, rng, is_printed=number % every == 0)

    months = [OCTOBER]
    while months[-1] < town.current:
        months.append(months[-1].next())
    assert town.refused == []
    numbers, cents = statements_of(town, months)
    assert numbers == sorted(town.charged)
    ((charged_cents,),) = rows(town.engine, "SELECT sum(t.amount_cents) FROM transfers t JOIN journal_entries e"
                               " ON e.id = t.entry_id WHERE e.kind = 3")  # fmt: skip
    assert cents == charged_cents
    assert rows(town.engine, INTRUDERS) == []
    assert rows(town.engine, PAID_TWICE) == []
    assert {month: town.printed(month) for month in town.packages} == town.packages
    assert broken_promises(town.engine, public_key_pem=town.month.keyring.public_key_pem) == []
    figures(closes=count, charges=len(town.charged), refused=0, months_printed_again=len(town.packages))


# A charge numbered after the close of a month and accounted in it; a shop paid twice for one month.
INTRUDERS = ("SELECT e.id FROM journal_entries e JOIN closed_periods c ON e.accounted_on <= c.ends_on"
             " WHERE e.id > c.last_entry_id")  # fmt: skip
PAID_TWICE = ("SELECT l.merchant_id, p.cutoff_on FROM payout_lines l JOIN payouts p ON p.id = l.payout_id"
              " WHERE p.state <> 'cancelled' GROUP BY l.merchant_id, p.cutoff_on HAVING count(*) > 1")  # fmt: skip


def _last_number(db: Connection) -> int:
    return lock_territory(db, territory_id=TERRITORY_ID)


def test_a_close_in_two_transactions_is_found_out(town: Town, rng: random.Random) -> None:
    """The negative control: it reads where the month ends, and locks the month a moment later."""
    last = transact(town.engine, _last_number)
    town.charger(1, rng)()
    transact(
        town.engine,
        lambda db: db.execute(
            text("INSERT INTO closed_periods VALUES (1, '2026-10-31', '2026-10-01', :last, 0)"), {"last": last}
        ),
    )

    assert len(rows(town.engine, INTRUDERS)) == CHARGES_PER_CHARGER
    findings = broken_promises(town.engine, public_key_pem=town.month.keyring.public_key_pem)
    assert sum("entry_in_closed_period" in finding for finding in findings) == CHARGES_PER_CHARGER


def _killed(town: Town, close: Close, *, at_signature: int | None, after_s: float) -> bool:
    """Approve in another process and kill it: at its n-th signature, or after a while; return whether it answered."""
    url = town.engine.url.render_as_string(hide_password=False)
    verdict_free, sign = town.month, town.month.keyring.sign
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            engine = open_engine(url, pool_size=1)
            signatures = 0

            def sign_and_stop(content: bytes) -> bytes:
                nonlocal signatures
                signatures += 1
                if signatures == at_signature:
                    os.write(writer, b"s")
                    time.sleep(PATIENCE_S)
                return sign(content)

            verdict_free.world.engine = engine
            verdict_free.approve(close, now=town.now, sign=sign_and_stop)
            os.write(writer, b"d")
            time.sleep(PATIENCE_S)
        finally:
            os._exit(1)
    os.close(writer)
    answered = False
    if at_signature is None:
        time.sleep(after_s)
        os.set_blocking(reader, False)
        try:
            answered = os.read(reader, 1) == b"d"
        except BlockingIOError:
            answered = False
    else:
        answered = os.read(reader, 1) == b"d"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    return answered


def test_a_close_killed_half_way_is_whole_or_not_at_all(db_engine: Engine, dose, seed, figures) -> None:
    rng = random.Random(seed)
    town = Town(open_month(db_engine))
    town.open()
    for writer in town.writers:
        writer.stop()
    kills, closed_anyway = dose(short=4, full=40), 0
    for number in range(kills):
        close = town.month.prepare(town.current, now=town.now)
        db_engine.dispose()
        at_signature = number % 4 + 1 if number % 4 < 3 else None
        answered = _killed(town, close, at_signature=at_signature, after_s=rng.random() / 2)
        ((locked,),) = rows(db_engine, f"SELECT count(*) FROM closed_periods WHERE ends_on = '{town.current.last_day}'")
        states = rows(db_engine, f"SELECT state FROM closes WHERE period_ends_on = '{town.current.last_day}'")
        assert states == [("closed" if locked else "prepared",)]
        # What was answered is kept; what was killed before its end is not half done.
        assert locked or not answered
        assert not locked or at_signature is None
        closed_anyway += locked
        assert broken_promises(db_engine, public_key_pem=town.month.keyring.public_key_pem) == []
        if locked:
            with pytest.raises(MonthAlreadyClosed):
                town.month.approve(close, now=town.now)
        else:
            assert town.month.approve(close, now=town.now).is_closed
        town.current = town.current.next()
        town.import_statement()
    figures(kills=kills, closed_before_the_kill=closed_anyway, half_closed=0)
