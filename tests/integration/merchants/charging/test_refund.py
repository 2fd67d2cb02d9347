"""Giving back: never more than was charged, to the same purses, also once the shop was paid."""

import datetime
import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from merchants import errors
from merchants.charging.refund import refund
from merchants.model import Receipt, Till
from merchants.queries import merchant_accounts, refunded_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.queries import balance_of, head_of
from monnaie_locale.journal.writer import Writer
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import AmountNotPositive, IdempotencyKeyReused, Refusal
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import NOON_MS, World, open_world
from tests.factories.market import open_market
from tests.factories.merchants import NOW, admit, paired

OTHER_DAY = datetime.date(2026, 11, 30)


class Shop:
    """A shop where wallet 7 paid 30 €: 20 € from a first purse and 10 € from a second."""

    def __init__(self, engine: Engine) -> None:
        self.world: World = open_world(engine)
        self.merchant = admit(self.world)
        self.till = paired(self.world, self.merchant)
        self.writer = Writer(engine, clock_ms=lambda: NOON_MS)
        self.world.fund(100_000)
        self.first = self.world.purse(7, expires_on=OTHER_DAY)
        self.second = self.world.purse(7)
        for purse, cents in ((self.first, 2_000), (self.second, 4_000)):
            self.world.do(EntryKind.DISTRIBUTION, Draw((self.world.funds(),), purse, cents))
        draw = Draw((self.first, self.second), self.world.shop(1), 3_000)
        self.charge_id = self.world.do(EntryKind.CHARGE, draw).entry.entry_id

    def refund(
        self, amount_cents: int | None, *, key: str = "r1", till: Till | None = None, charge_id: int | None = None
    ) -> Receipt:
        return refund(
            engine=self.world.engine,
            writer=self.writer,
            territory_id=1,
            till=till or self.till,
            charge_entry_id=charge_id or self.charge_id,
            amount_cents=amount_cents,
            idempotency_key=key,
            now=NOW,
        )

    def cents(self, account_id: int) -> int:
        with reading(self.world.engine) as db:
            return balance_of(db, territory_id=1, account_id=account_id)

    def purses(self) -> tuple[int, int]:
        return self.cents(self.first), self.cents(self.second)

    def owed(self) -> tuple[int, int]:
        with reading(self.world.engine) as db:
            account_id, debt_id = merchant_accounts(db, territory_id=1, merchant_id=1)
        return self.cents(account_id), -self.cents(debt_id)

    def pay_out(self) -> None:
        transit = self.world.single(AccountKind.PAYOUT_TRANSIT)
        self.world.do(EntryKind.PAYOUT_ORDER, Draw((self.world.shop(1),), transit, self.owed()[0]))


@pytest.fixture
def shop(db_engine: Engine):
    found = Shop(db_engine)
    yield found
    found.writer.stop()


def test_a_part_goes_back_to_the_purse_drawn_last(shop: Shop) -> None:
    assert shop.purses() == (0, 3_000)
    receipt = shop.refund(1_200)
    assert (receipt.kind, receipt.amount_cents, receipt.remaining_cents) == (EntryKind.REFUND, 1_200, 1_800)
    assert (shop.purses(), shop.owed()) == ((200, 4_000), (1_800, 0))


def test_parts_one_after_the_other_make_the_whole_and_no_more(shop: Shop) -> None:
    for number, cents in enumerate((300, 900, 1_800)):
        shop.refund(cents, key=f"r{number}")
    assert (shop.purses(), shop.owed()) == ((2_000, 4_000), (0, 0))
    with pytest.raises(errors.RefundExceedsCharge) as refused:
        shop.refund(1, key="r9")
    assert refused.value.details["refundable_cents"] == 0


def test_the_whole_is_what_is_left_of_it(shop: Shop) -> None:
    shop.refund(1_000)
    assert shop.refund(None, key="r2").amount_cents == 2_000


def test_more_than_the_charge_is_refused_and_leaves_no_trace(shop: Shop) -> None:
    with reading(shop.world.engine) as db:
        before = head_of(db, territory_id=1)
    with pytest.raises(errors.RefundExceedsCharge) as refused:
        shop.refund(3_001)
    assert "30,00" in refused.value.sentence()
    with reading(shop.world.engine) as db:
        assert head_of(db, territory_id=1) == before


@pytest.mark.parametrize("amount_cents", [0, -5])
def test_nothing_is_not_refunded(shop: Shop, amount_cents: int) -> None:
    with pytest.raises(AmountNotPositive):
        shop.refund(amount_cents)


def test_the_same_key_refunds_once(shop: Shop) -> None:
    first = shop.refund(1_000)
    again = shop.refund(1_000)
    assert (again.entry_id, again.replayed, first.replayed) == (first.entry_id, True, False)
    assert shop.owed() == (2_000, 0)
    with pytest.raises(IdempotencyKeyReused):
        shop.refund(1_001)


def test_another_shop_does_not_even_learn_that_the_charge_exists(shop: Shop) -> None:
    stranger = paired(shop.world, admit(shop.world, 2))
    with pytest.raises(errors.ChargeUnknown):
        shop.refund(100, till=stranger)
    with pytest.raises(errors.ChargeUnknown):
        shop.refund(100, charge_id=999)
    with pytest.raises(errors.ChargeUnknown):
        shop.refund(100, charge_id=1)  # a funding


def test_once_paid_out_the_shop_owes_it(shop: Shop) -> None:
    shop.pay_out()
    shop.refund(1_000)
    assert shop.owed() == (0, 1_000)


def test_half_paid_out_takes_what_there_is_first(shop: Shop) -> None:
    shop.pay_out()
    shop.world.charge(7, 1, 400)
    shop.refund(1_000)
    assert shop.owed() == (0, 600)


def test_a_shop_may_not_owe_more_than_its_limit(db_engine: Engine) -> None:
    shop = Shop(db_engine)
    poor = admit(shop.world, 2, debt_limit_cents=1_500)
    till = paired(shop.world, poor)
    charge_id = shop.world.charge(7, poor.id, 2_000).entry.entry_id
    transit = shop.world.single(AccountKind.PAYOUT_TRANSIT)
    shop.world.do(EntryKind.PAYOUT_ORDER, Draw((shop.world.shop(poor.id),), transit, 2_000))
    shop.refund(1_500, till=till, charge_id=charge_id)
    with pytest.raises(errors.DebtLimitReached):
        shop.refund(1, key="r2", till=till, charge_id=charge_id)
    shop.writer.stop()


def test_two_refunds_at_once_never_exceed_the_charge(shop: Shop) -> None:
    answers: list[str] = []

    def give_back(number: int) -> None:
        try:
            shop.refund(700, key=f"t{number}")
            answers.append("paid")
        except Refusal as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=give_back, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("paid") <= 4
    with reading(shop.world.engine) as db:
        refunded = refunded_of(db, territory_id=1, charge_entry_ids=[shop.charge_id])[shop.charge_id]
    assert refunded == answers.count("paid") * 700
    assert set(answers) <= {"paid", "refund_exceeds_charge", "refund_crossed"}
    assert sum(shop.purses()) == 3_000 + refunded
    # However they crossed, no purse got more than it had paid.
    assert shop.purses()[0] <= 2_000
    assert shop.purses()[1] <= 4_000


ATTACKS = {
    "refund more than the charge": (
        "UPDATE charge_refunds SET refunded_cents = 3001",
        "ck_charge_refunds_not_above_charge",
    ),
    "raise the charge": ("UPDATE charge_refunds SET charged_cents = 9999", "charge_refunds_follow_charge"),
    "forget a refund": ("DELETE FROM charge_refunds", "charge_refunds_follow_charge"),
    "lower a refund": ("UPDATE charge_refunds SET refunded_cents = 1", "charge_refunds_follow_charge"),
    "invent a charge": ("INSERT INTO charge_refunds VALUES (1, 1, 100000, 5)", "charge_refunds_follow_charge"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_raw_sql_cannot_refund_more_than_was_charged(name: str, shop: Shop) -> None:
    shop.refund(1_000)
    statement, constraint = ATTACKS[name]
    with pytest.raises(DBAPIError) as refused, shop.world.engine.connect() as db:
        db.execute(text(statement))
    assert constraint in str(refused.value.orig)


def test_the_same_sql_within_the_charge_passes(shop: Shop) -> None:
    shop.refund(1_000)
    with shop.world.engine.connect() as db:
        assert db.execute(text("UPDATE charge_refunds SET refunded_cents = 3000")).rowcount == 1


@pytest.mark.parametrize(
    ("days_after_expiry", "kind"), [(0, AccountKind.PURSE), (10, AccountKind.PURSE), (11, AccountKind.EXPIRED)]
)
def test_an_expired_purse_is_refunded_within_its_grace_and_the_ccas_after(
    days_after_expiry: int, kind: AccountKind, db_engine: Engine
) -> None:
    market = open_market(db_engine)
    charged = market.charge(1_000)
    later = datetime.datetime(2026, 12, 31, 12, tzinfo=datetime.UTC) + datetime.timedelta(days=days_after_expiry)
    market.clock[0] = later
    refund(
        engine=db_engine,
        writer=market.writer,
        territory_id=1,
        till=market.till,
        charge_entry_id=charged.entry_id,
        amount_cents=400,
        idempotency_key="r1",
        now=later,
    )
    market.writer.stop()
    back = market.purse() - 9_000
    expired = market.cents(market.world.account(AccountKind.EXPIRED, programme=1))
    assert (back, expired) == ((400, 0) if kind is AccountKind.PURSE else (0, 400))
