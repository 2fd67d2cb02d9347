"""What may happen to an offline guarantee, as rules of the town that is held beside the model."""

import datetime
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from monnaie_locale.database.transaction import transact
from monnaie_locale.programmes.model import GuaranteeMoveKind
from monnaie_locale.programmes.operations.guaranteeing import approve_guarantee_move, prepare_guarantee_move
from tests.factories.guarantee import code_of, send
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import Market
from tests.factories.merchants import APPROVER, MANAGER
from tests.factories.till_device import Device
from tests.torture.money_model import GUARANTEE, MoneyModel, Refused
from wallets.model import IssuedCard


class GuaranteeRules(RuleBasedStateMachine):
    """A town's guarantee: funded, taken back, drawn on by a till that was offline, for cards of today and replaced."""

    market: Market
    model: MoneyModel
    device: Device
    cards: list[IssuedCard]
    ended: list[tuple[IssuedCard, datetime.date]]
    agree: Callable[..., object]
    keys: int

    @rule(cents=st.integers(1, 3_000), back=st.booleans())
    def move_the_guarantee(self, cents: int, *, back: bool) -> None:
        kind = GuaranteeMoveKind.RETURN if back else GuaranteeMoveKind.FUND

        def moved() -> object:
            common = {"territory_id": TERRITORY_ID, "now": self.market.now}
            prepared = transact(
                self.market.engine, prepare_guarantee_move, programme_id=1, kind=kind, amount_cents=cents,
                actor=MANAGER, **common,
            )  # fmt: skip
            return transact(
                self.market.engine, approve_guarantee_move, move_id=prepared.move_id, actor=APPROVER, **common
            )

        self.agree(moved, lambda: self.model.move_guarantee(cents, back=back))

    @rule(which=st.integers(0, 1), cents=st.integers(1, 2_100))
    def charge_offline(self, which: int, cents: int) -> None:
        self._offline(self.cards[which], cents, ended_on=None)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), cents=st.integers(1, 2_100))
    def charge_a_replaced_card_offline(self, data: st.DataObject, cents: int) -> None:
        card, ended_on = data.draw(st.sampled_from(self.ended))
        self._offline(card, cents, ended_on=ended_on)

    def _offline(self, card: IssuedCard, cents: int, *, ended_on: datetime.date | None) -> None:
        self.keys += 1
        signed = self.device.sign(code_of(card), cents, at=self.market.now, once=f"o{self.keys}")
        answers = [send(self.market, signed) for _ in range(2)]
        try:
            number = self.model.charge_offline(card.card_id, card.wallet_id, 1, cents, ended_on=ended_on)
            parts = self.model.charges[number].parts
            expected: object = (number, sum(part for purse, part in parts if purse == GUARANTEE))
        except Refused as refused:
            expected = refused.args[0]
        receipts = [answer.receipt for answer in answers]
        told = [receipt and (receipt.entry_id, receipt.guaranteed_cents) for receipt in receipts]
        assert [one or answer.refusal_code for one, answer in zip(told, answers, strict=True)] == [expected] * 2
