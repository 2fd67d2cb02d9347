"""Two households become one between an offline charge and what follows it: its sending, its refund."""

import datetime
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, event

from merchants.charging.refund import refund
from merchants.model import OfflineAnswer, Receipt
from merchants.shop_directory import AdmittedShops
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import purses_of
from tests.factories.guarantee import TOWN, code_of, device_of, guarantee_cents, guaranteed, send
from tests.factories.market import Market, issue, open_market
from tests.factories.merchants import APPROVER, MANAGER
from tests.factories.till_device import Device
from wallets.holders.history import history_of
from wallets.model import IssuedCard, MoveKind
from wallets.operations.cards import block_card
from wallets.operations.moving import approve_move, prepare_move

HOUR = datetime.timedelta(hours=1)


@dataclass
class Households:
    """The market's card (10 €) and another household's (5 €); a guarantee of 50 €."""

    market: Market
    device: Device
    other: IssuedCard

    def merge(self, source: IssuedCard, target: IssuedCard, *, kind: MoveKind = MoveKind.MERGE) -> None:
        engine, now = self.market.engine, self.market.now
        move = transact(
            engine, prepare_move, **TOWN, kind=kind, from_wallet_id=source.wallet_id, to_wallet_id=target.wallet_id,
            actor=MANAGER, now=now,
        )  # fmt: skip
        transact(engine, approve_move, **TOWN, move_id=move.move_id, actor=APPROVER, now=now)

    def take(self, card: IssuedCard, cents: int, *, hours_ago: float) -> OfflineAnswer:
        at = self.market.now - hours_ago * HOUR
        return send(self.market, self.device.sign(code_of(card), cents, at=at))

    def refund(self, receipt: Receipt, cents: int | None = None, *, key: str = "back") -> Receipt:
        return refund(
            engine=self.market.engine, writer=self.market.writer, **TOWN, till=self.market.till,
            charge_entry_id=receipt.entry_id, amount_cents=cents, idempotency_key=key, now=self.market.now,
        )  # fmt: skip

    def held(self, card: IssuedCard) -> int:
        with reading(self.market.engine) as db:
            return sum(purse.balance_cents for purse in purses_of(db, **TOWN, wallet_id=card.wallet_id))

    def state(self) -> tuple[int, int, int]:
        """Return what the first household holds, what the other one does, and what the guarantee does."""
        return self.held(self.market.card), self.held(self.other), guarantee_cents(self.market.engine)

    def findings(self) -> list[str]:
        with reading(self.market.engine) as db:
            verdict = verify_installation(db, **TOWN, public_key_pem=self.market.keyring.public_key_pem)
        return [finding.code for finding in verdict.findings]


@pytest.fixture
def two(db_engine: Engine):
    market = open_market(db_engine, cents=1_000)
    guaranteed(market.engine, 5_000)
    other = issue(market.world, market.keyring, reference="M-2")
    market.world.issue(other.wallet_id, 500)
    yield Households(market, device_of(market), other)
    market.writer.stop()


def paid(answer: OfflineAnswer) -> Receipt:
    assert answer.receipt is not None, answer
    return answer.receipt


def test_what_was_taken_before_a_merge_is_paid_by_what_was_moved_and_not_by_the_guarantee(two: Households) -> None:
    two.merge(two.market.card, two.other)
    assert two.state() == (0, 1_500, 5_000)
    receipt = paid(two.take(two.market.card, 800, hours_ago=1))
    assert (receipt.guaranteed_cents, two.state()) == (0, (0, 700, 5_000))
    # More than both held: the guarantee pays the rest, as ever.
    assert paid(two.take(two.market.card, 900, hours_ago=0.5)).guaranteed_cents == 200
    assert two.state() == (0, 0, 4_800)
    assert two.findings() == []


def test_what_is_taken_with_the_card_that_a_merge_ended_is_paid_by_the_guarantee_alone(two: Households) -> None:
    two.merge(two.market.card, two.other)
    two.market.clock[0] += 2 * HOUR
    assert paid(two.take(two.market.card, 800, hours_ago=1)).guaranteed_cents == 800
    assert two.state() == (0, 1_500, 4_200)


def test_a_refund_follows_its_household_through_every_merge(two: Households) -> None:
    third = issue(two.market.world, two.market.keyring, reference="M-3")
    receipt = paid(two.take(two.market.card, 1_200, hours_ago=1))
    assert (receipt.guaranteed_cents, two.state()) == (200, (0, 500, 4_800))
    two.merge(two.market.card, two.other)
    two.refund(receipt, 500, key="r1")
    assert two.state() == (0, 800, 5_000), "the guarantee first, then the household as it is now"
    two.merge(two.other, third)
    two.refund(receipt, key="r2")
    assert (two.state(), two.held(third)) == ((0, 0, 5_000), 1_500)
    assert two.findings() == []
    with reading(two.market.engine) as db:
        newest = history_of(db, **TOWN, wallet_id=third.wallet_id, shops=AdmittedShops(), limit=1)[0]
    assert (newest.event, newest.amount_cents) == ("event_refund", 700)


def test_a_merge_approved_while_a_refund_is_on_its_way_is_followed(two: Households) -> None:
    receipt = paid(two.take(two.market.card, 600, hours_ago=1))
    submit, merged = two.market.writer.submit, []

    def merge_first(work: object) -> object:
        if not merged:
            merged.append(two.merge(two.market.card, two.other))
        return submit(work)  # type: ignore[arg-type]

    two.market.writer.submit = merge_first  # type: ignore[method-assign,assignment]
    two.refund(receipt)
    two.market.writer.submit = submit  # type: ignore[method-assign]
    assert two.state() == (0, 1_500, 5_000)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_balance_that_moved_alone_leaves_its_card_and_its_refunds_where_they_are(two: Households) -> None:
    """The control: a move is no merge. The household stays, and so does its card."""
    before = paid(two.take(two.market.card, 300, hours_ago=2))
    two.merge(two.market.card, two.other, kind=MoveKind.MOVE)
    assert paid(two.take(two.market.card, 400, hours_ago=1)).guaranteed_cents == 400
    assert two.state() == (0, 1_200, 4_600)
    two.refund(before)
    assert two.state() == (300, 1_200, 4_600)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_only_purses_into_which_its_own_went_pay_for_a_merged_household(two: Households) -> None:
    """The other household holds aid of another programme too, which the first one never had."""
    market = two.market
    market.world.fund(50_000, programme=2)
    market.world.issue(two.other.wallet_id, 900, programme=2)
    with market.engine.begin() as db:
        db.exec_driver_sql("UPDATE programme_categories SET category = 'food' WHERE programme_id = 2")
    two.merge(market.card, two.other)
    assert paid(two.take(market.card, 1_600, hours_ago=1)).guaranteed_cents == 100
    assert market.cents(market.world.purse(two.other.wallet_id, 2)) == 900


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_card_reported_before_the_charge_pays_nothing_after_a_merge_either(two: Households) -> None:
    market = two.market
    transact(
        market.engine, block_card, **TOWN, card_id=market.card.card_id, actor="staff:1", now=market.now - 2 * HOUR
    )  # fmt: skip
    two.merge(market.card, two.other)
    assert paid(two.take(market.card, 300, hours_ago=3)).guaranteed_cents == 0, "the control"
    assert paid(two.take(market.card, 400, hours_ago=1)).guaranteed_cents == 400
    assert two.state() == (0, 1_200, 4_600)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_an_active_card_asks_nothing_more_of_the_database(two: Households) -> None:
    """Merges are looked for only when a card that has ended comes in late."""
    asked: list[str] = []

    def note(_db: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    event.listen(two.market.engine, "before_cursor_execute", note)
    two.market.charge(100)
    paid(two.take(two.other, 100, hours_ago=1))
    assert not [each for each in asked if "wallet_moves" in each]
    two.merge(two.market.card, two.other)
    asked.clear()
    paid(two.take(two.market.card, 100, hours_ago=0.5))
    assert [each for each in asked if "wallet_moves" in each], "the control"
