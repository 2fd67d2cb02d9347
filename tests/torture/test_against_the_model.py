"""Anything, in any order, beside a model of one thread: balances, numbers, days, statements and refusals agree."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import URL, Engine

from merchants.charging.refund import refund
from merchants.model import Till
from merchants.payouts import operations as payouts
from merchants.queries import merchant_accounts
from merchants.statements.movements import month_movements
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.periods import close_period
from monnaie_locale.journal.queries import accounts_of, entries, entry_of, head_of
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month, instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.ledger.reversal import mirror
from monnaie_locale.programmes.errors import ExpiryPast
from monnaie_locale.programmes.operations.expiring import expire_purses
from monnaie_locale.programmes.operations.paying_out import post_distribution
from tests.conftest import Databases
from tests.factories.guarantee import device_of
from tests.factories.ledger import TERRITORY_ID, World
from tests.factories.market import HOST, Market, issue, open_market
from tests.factories.merchants import APPROVER, MANAGER, admit, chance, paired
from tests.factories.programmes import CHECKER, approved
from tests.torture.guarantee_rules import GuaranteeRules
from tests.torture.money_model import MoneyModel, Refused
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard
from wallets.operations.cards import replace_card

FUNDED = 500_000
SOON, LATER = datetime.date(2026, 10, 12), datetime.date(2026, 12, 31)
CENTS = st.one_of(st.integers(1, 900), st.integers(-1, 6_000))
WHICH = st.integers(0, 1)


@dataclass
class Template:
    """A town made once, whose database is copied for each run: making a card costs an argon2."""

    url: URL
    market: Market
    tills: tuple[Till, Till]


class Town(GuaranteeRules):
    """The service beside the model."""

    template: Template
    databases: Databases
    draws_last_first = False

    def __init__(self) -> None:
        super().__init__()
        self.url = self.databases.copy_of(self.template.url)
        engine = open_engine(self.url.render_as_string(hide_password=False), pool_size=5)
        made = self.template.market
        clock = [made.clock[0]]
        world = World(engine, now_ms=instant_ms(clock[0]), keys=made.world.keys)
        writer = Writer(engine, clock_ms=lambda: instant_ms(clock[0]))
        self.market = Market(engine, world, made.keyring, writer, made.merchant, made.till, made.card, clock)
        self.cards = [made.card, self.second_card]
        with reading(engine) as db:
            entered = head_of(db, territory_id=TERRITORY_ID).last_entry_id
        self.model = MoneyModel(
            paris_date(instant_ms(clock[0])), FUNDED, entered, draws_last_first=self.draws_last_first
        )
        self.model.reserve = FUNDED
        self.asked: list[tuple[str, dict[str, object], int]] = []
        self.lines: list[tuple[str, int, int]] = []
        self.settled: list[tuple[str, int, int]] = []
        self.fees: list[int] = []
        self.device = device_of(self.market)
        self.ended: list[tuple[IssuedCard, datetime.date]] = []
        self.keys = 0
        # Each card holds an early purse and a late one from the beginning: that is where the order of draws shows.
        for which in (0, 1):
            self.give(which, SOON, 1_500)
            self.give(which, LATER, 4_000)

    def teardown(self) -> None:
        self.market.writer.stop()
        self.market.engine.dispose()
        self.databases.drop(self.url)

    @property
    def now(self) -> datetime.datetime:
        return self.market.now

    def agree(self, real: Callable[[], object], expected: Callable[[], object]) -> tuple[object, object]:
        """Do it and let the model do it: both give something, or both refuse with the same code."""
        try:
            said: object = real()
        except Refusal as refusal:
            with pytest.raises(Refused) as refused:
                expected()
            codes = (refusal.code, refused.value.args[0])
        else:
            return said, expected()
        assert codes[0] == codes[1]
        return None, None

    @rule(which=WHICH, soon=st.booleans(), cents=st.integers(1, 3_000))
    def distribute(self, which: int, cents: int, *, soon: bool) -> None:
        self.give(which, SOON if soon and self.model.day <= SOON else LATER, cents)

    def give(self, which: int, expires_on: datetime.date, cents: int) -> None:
        wallet = self.cards[which].wallet_id
        if self.model.day > expires_on:
            with pytest.raises(ExpiryPast):
                approved(self.market.engine, 1, [(wallet, cents)], expires_on=expires_on, now=self.now)
            return
        made = approved(self.market.engine, 1, [(wallet, cents)], expires_on=expires_on, now=self.now)
        post_distribution(
            self.market.engine, territory_id=TERRITORY_ID, distribution_id=made.distribution_id, actor=CHECKER,
            now=self.now,
        )  # fmt: skip
        self.model.distribute(wallet, expires_on, cents)

    @rule(which=WHICH, shop=WHICH, cents=CENTS, pin=st.booleans(), partial=st.booleans())
    def charge(self, which: int, shop: int, cents: int, *, pin: bool, partial: bool) -> None:
        card = self.cards[which]
        self.keys += 1
        asked: dict[str, object] = {
            "amount_cents": cents, "key": f"c{self.keys}", "till": self.template.tills[shop], "partial": partial,
            "card_code": card_url(host=HOST, token=card.token), "pin": card.pin if pin else None,
        }  # fmt: skip
        receipt, number = self.agree(
            lambda: self.market.charge(**asked),
            lambda: self.model.charge(card.card_id, card.wallet_id, shop + 1, cents, pin=pin, partial=partial),
        )
        if receipt is not None:
            assert (receipt.entry_id, receipt.amount_cents) == (number, self.model.charges[number].cents)
            self.asked.append((asked["key"], asked, number))

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), other=st.booleans())
    def ask_again(self, data: st.DataObject, *, other: bool) -> None:
        _, asked, number = data.draw(st.sampled_from(self.asked))

        def expected() -> int:
            if other:
                raise Refused("idempotency_key_reused")
            return number

        again = asked | {"amount_cents": asked["amount_cents"] + other}
        receipt, _ = self.agree(lambda: self.market.charge(**again), expected)
        assert receipt is None or (receipt.entry_id, receipt.replayed) == (number, True)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), cents=st.one_of(st.none(), st.integers(1, 1_000)))
    def give_back(self, data: st.DataObject, cents: int | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.charges)))
        self.keys += 1
        self.agree(
            lambda: refund(
                engine=self.market.engine, writer=self.market.writer, territory_id=TERRITORY_ID,
                till=self.template.tills[self.model.charges[number].shop - 1], charge_entry_id=number,
                amount_cents=cents, idempotency_key=f"r{self.keys}", now=self.now,
            ),
            lambda: self.model.refund(number, cents),
        )  # fmt: skip

    @rule(days=st.integers(1, 12))
    def days_go_by(self, days: int) -> None:
        self.market.clock[0] += datetime.timedelta(days=days)
        self.market.world.now_ms = instant_ms(self.now)
        self.model.day += datetime.timedelta(days=days)

    @rule()
    def expire(self) -> None:
        posted = transact(
            self.market.engine, expire_purses, territory_id=TERRITORY_ID, programme_id=1, actor=MANAGER, now=self.now
        )
        assert len(posted) == self.model.expire()

    @rule(same_person=st.booleans())
    def pay_the_shops(self, *, same_person: bool) -> None:
        common = {"territory_id": TERRITORY_ID, "now": self.now}

        def prepared() -> object:
            return transact(
                self.market.engine, payouts.prepare_payout, label="x", cutoff_on=LATER, execution_on=self.model.day,
                actor=MANAGER, minimum_cents=1, **common,
            )  # fmt: skip

        def due() -> bool:
            if not self.model.due():
                raise Refused("payout_empty")
            return True

        payout, _ = self.agree(prepared, due)
        if payout is None:
            return
        approve = {"payout_id": payout.id, **common}
        if same_person:
            with pytest.raises(Refusal, match="payout_same_person"):
                transact(self.market.engine, payouts.approve_payout, actor=MANAGER, **approve)
        ordered = transact(self.market.engine, payouts.approve_payout, actor=APPROVER, **approve)
        assert [line.amount_cents for line in ordered.lines] == self.model.pay_out()
        self.lines += [(line.end_to_end_id, line.merchant_id, line.amount_cents) for line in ordered.lines]

    @precondition(lambda self: self.lines)
    @rule(returned=st.booleans())
    def the_bank_answers(self, *, returned: bool) -> None:
        end_to_end_id, shop, cents = self.lines.pop()
        common = {"territory_id": TERRITORY_ID, "end_to_end_id": end_to_end_id, "now": self.now,
                  "booked_on": max(self.model.day, self.open_day())}  # fmt: skip
        with pytest.raises(Refusal, match="payout_line_not_settled"):
            transact(self.market.engine, payouts.return_line, bank_reference="B", **common)
        for _ in range(2):
            posted = transact(self.market.engine, payouts.settle_line, bank_reference="B", **common)
        assert posted.entry.entry_id == self.model.enter()
        self.model.transit -= cents
        self.model.reserve -= cents
        if returned:
            posted = transact(self.market.engine, payouts.return_line, bank_reference="R", **common)
            assert posted.entry.entry_id == self.model.enter()
            self.model.statements[shop].append(self.model.entries)
            self.model.reserve += cents
            self.model.shops[shop] += cents

    def open_day(self) -> datetime.date:
        closed = self.model.closed
        return self.model.day if closed is None else closed + datetime.timedelta(days=1)

    @rule(cents=st.integers(1, 30))
    def the_bank_takes_a_fee(self, cents: int) -> None:
        world = self.market.world
        draw = Draw((world.single(AccountKind.BANK_CHARGES),), world.single(AccountKind.RESERVE), cents)
        self.fees.append(world.do(EntryKind.BANK_CHARGE, draw).entry.entry_id)
        assert self.fees[-1] == self.model.enter()
        self.model.fees += cents
        self.model.reserve -= cents

    @precondition(lambda self: self.fees)
    @rule()
    def reverse_a_fee(self) -> None:
        number = self.fees.pop()
        with reading(self.market.engine) as db:
            entry = entry_of(db, territory_id=TERRITORY_ID, entry_id=number).entry
        posted = self.market.world.do(EntryKind.REVERSAL, *mirror(entry), reverses_entry_id=number)
        assert posted.entry.entry_id == self.model.enter()
        with pytest.raises(Refusal, match="already_reversed"):
            self.market.world.do(EntryKind.REVERSAL, *mirror(entry), reverses_entry_id=number)
        self.model.fees -= entry.amount_cents
        self.model.reserve += entry.amount_cents

    @rule(which=WHICH)
    def move_to_another_card(self, which: int) -> None:
        old = self.cards[which]
        self.ended.append((old, self.model.day))
        self.cards[which] = transact(
            self.market.engine, replace_card, territory_id=TERRITORY_ID, card_id=old.card_id,
            keyring=self.market.keyring, random_bytes=chance(f"{old.card_id}"), actor=MANAGER, now=self.now,
        )  # fmt: skip
        with pytest.raises(Refusal, match="card_refused"):
            self.market.charge(1, key="old", card_code=card_url(host=HOST, token=old.token))

    @rule()
    def close_the_month_before(self) -> None:
        last = self.model.day.replace(day=1) - datetime.timedelta(days=1)
        after = datetime.date(2026, 9, 30) if self.model.closed is None else self.model.closed
        while after < last:
            month = Month.of(after).next()
            transact(self.market.engine, close_period, territory_id=TERRITORY_ID, month=month,
                     now_ms=instant_ms(self.now))  # fmt: skip
            after = self.model.closed = month.last_day
        if self.model.closed is not None:
            draw = Draw((self.market.world.single(AccountKind.RESERVE),), self.market.world.funds(), 1)
            with pytest.raises(Refusal, match="period_closed"):
                self.market.world.do(EntryKind.FUNDING, draw, key="late", accounted_on=self.model.closed)

    @rule()
    def verify(self) -> None:
        with reading(self.market.engine) as db:
            verdict = verify_installation(
                db, territory_id=TERRITORY_ID, public_key_pem=self.market.keyring.public_key_pem
            )
        # These books are made here and there by hand: programme 1 was funded without an order, and a fee may leave the
        # reserve short, a month is closed in the journal alone. Nothing else is ever said.
        assert {finding.code for finding in verdict.findings} <= {"reserve_short", "lock_without_close"}

    @invariant()
    def balances_agree(self) -> None:
        held: dict[tuple[AccountKind, object], int] = {}
        with reading(self.market.engine) as db:
            for account, balance in accounts_of(db, territory_id=TERRITORY_ID):
                owner = account.owner
                name = {
                    AccountKind.PURSE: (owner.wallet_id, owner.expires_on),
                    AccountKind.MERCHANT: owner.merchant_id,
                    AccountKind.MERCHANT_DEBT: owner.merchant_id,
                }.get(owner.kind)
                held[owner.kind, name] = held.get((owner.kind, name), 0) + balance.net_credit_cents
            assert head_of(db, territory_id=TERRITORY_ID).last_entry_id == self.model.entries
        model = self.model
        expected = {
            **{(AccountKind.PURSE, purse): cents for purse, cents in model.purses.items()},
            **{(AccountKind.MERCHANT, shop): cents for shop, cents in model.shops.items()},
            **{(AccountKind.MERCHANT_DEBT, shop): -cents for shop, cents in model.debts.items()},
            (AccountKind.PROGRAMME_FUNDS, None): model.funds,
            (AccountKind.RESERVE, None): -model.reserve,
            (AccountKind.PAYOUT_TRANSIT, None): model.transit,
            (AccountKind.EXPIRED, None): model.expired,
            (AccountKind.OFFLINE_GUARANTEE, None): model.guarantee,
            (AccountKind.BANK_CHARGES, None): -model.fees,
        }
        names = held.keys() | expected.keys()
        assert {name: held.get(name, 0) for name in names} == {name: expected.get(name, 0) for name in names}

    @invariant()
    def statements_and_filters_agree(self) -> None:
        months = sorted({Month.of(day) for day in self.model.days.values()})
        with reading(self.market.engine) as db:
            for shop, numbers in self.model.statements.items():
                told = [
                    (each.entry_id, month)
                    for month in months
                    for each in month_movements(db, territory_id=TERRITORY_ID, merchant_id=shop, month=month)
                ]
                expected = [(number, Month.of(self.model.days[number])) for number in numbers]
                assert sorted(told) == sorted(expected)
            today = [
                posted.entry.entry_id
                for posted in entries(
                    db, territory_id=TERRITORY_ID, accounted_from=self.model.day, accounted_to=self.model.day
                )
            ]
        first = min(self.model.days, default=self.model.entries + 1)
        assert [number for number in today if number >= first] == [
            number for number, day in self.model.days.items() if day == self.model.day
        ]


@pytest.fixture
def template(db_engine: Engine, databases: Databases):
    market = open_market(db_engine, cents=0)
    shop = admit(market.world, 2)
    tills = (market.till, paired(market.world, shop))
    second = issue(market.world, market.keyring, reference="M-002")
    with reading(db_engine) as db:
        for merchant_id in (1, 2):
            merchant_accounts(db, territory_id=TERRITORY_ID, merchant_id=merchant_id)
    market.writer.stop()
    db_engine.dispose()
    return type("OurTown", (Town,), {
        "template": Template(db_engine.url, market, tills), "databases": databases, "second_card": second,
    })  # fmt: skip


def run(town: type[Town], examples: int, steps: int, seed: int, *phases: Phase) -> None:
    run_state_machine_as_test(
        with_seed(seed)(town),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize=False,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate, *phases), report_multiple_bugs=False,
        ),
    )  # fmt: skip


def test_the_service_agrees_with_the_model(template: type[Town], dialect: str, dose, seed: int, figures) -> None:
    some = dose(short=0, full=40)
    examples = dose(short=6, full=200) if dialect == "sqlite" else some
    if not examples:
        pytest.skip("PostgreSQL has its turn in the full dose")
    run(template, examples, 40, seed, Phase.shrink)
    figures(runs=examples, steps_each=40)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_model_that_draws_the_wrong_purse_first_is_found_out(template: type[Town], seed: int) -> None:
    """The negative control: one planted difference."""
    planted = type("Planted", (template,), {"draws_last_first": True})
    with pytest.raises(AssertionError):
        run(planted, 60, 40, seed)
