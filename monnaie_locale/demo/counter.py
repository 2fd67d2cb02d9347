"""Run the plan's steps at the tills and the desk, through the operations that pages and API call."""

import datetime
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from merchants.charging.charge import charge
from merchants.charging.refund import refund
from merchants.holders.payment_requests import confirm_payment, request_payment
from merchants.model import Receipt, Till
from monnaie_locale.database.transaction import transact
from monnaie_locale.demo.appointments import day_of
from monnaie_locale.demo.installation import HOST, Clock
from monnaie_locale.demo.people import People
from monnaie_locale.demo.plan import BlockCard, CardShown, Charge, PinTyped, Refund, ReplaceCard, ResetPin
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.sealer import seal
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.runtime import Runtime
from wallets.codes.card_token import PIN_COUNT, PIN_LENGTH, TOKEN_LENGTH, card_url, draw_token
from wallets.model import IssuedCard
from wallets.operations.cards import block_card, replace_card, reset_pin

# Sealed every night, some hours after the last charge.
SEALED_AFTER = datetime.timedelta(hours=3)


class Surprise(Exception):
    """The service did not do what the plan says it must: the demonstration stops."""


@dataclass(slots=True)
class Tally:
    """What happened, counted for the summary."""

    charges: int = 0
    charged_cents: int = 0
    partial: int = 0
    several_purses: int = 0
    by_phone: int = 0
    late: int = 0
    guaranteed_cents: int = 0
    retries: int = 0
    refunds: int = 0
    refunded_cents: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Counters:
    """The tills and the desk of the town, while the month runs."""

    rt: Runtime
    clock: Clock
    people: People
    tills: list[Till]
    cards: list[IssuedCard]
    tally: Tally = field(default_factory=Tally)
    _older: dict[int, IssuedCard] = field(default_factory=dict)
    _pins: dict[int, str] = field(default_factory=dict)
    _entries: dict[str, int] = field(default_factory=dict)

    @property
    def charged(self) -> Mapping[str, int]:
        """Return the entry of each payment that went through, by its key."""
        return self._entries

    def run(self, step: Charge | Refund | BlockCard | ReplaceCard | ResetPin) -> None:
        """Do one step at its moment; raises Surprise when it does not end as planned."""
        self.move_to(step.at)
        match step:
            case Charge():
                self._charge(step)
            case Refund():
                self._refund(step)
            case BlockCard():
                card = self.cards[step.household]
                transact(
                    self.rt.engine,
                    block_card,
                    territory_id=self.rt.territory_id,
                    card_id=card.card_id,
                    actor=self.people[Role.AGENT],
                    now=step.at,
                )
            case ReplaceCard():
                self._replace(step)
            case ResetPin():
                self._reset_pin(step)

    def move_to(self, moment: datetime.datetime) -> None:
        """Move the clock; a night on the way seals the log."""
        if day_of(moment) != day_of(self.clock.now):
            self._seal()
        self.clock.now = moment

    def pin_of(self, household: int) -> str:
        """Return the PIN that the household has now."""
        return self._pins.get(household, self.cards[household].pin)

    def _charge(self, step: Charge) -> None:
        receipt = self._expect(
            step.expects, step, lambda: self._pay_by_phone(step) if step.by_phone else self._pay(step)
        )
        if receipt is None:
            return
        if (receipt.amount_cents, receipt.replayed) != (step.paid_cents, step.retries):
            raise Surprise(f"{step}: {receipt}")
        if step.retries:
            self.tally.retries += 1
            return
        self._entries[step.key] = receipt.entry_id
        self.tally.charges += 1
        self.tally.charged_cents += receipt.amount_cents
        self.tally.partial += step.partial
        self.tally.several_purses += step.purses > 1
        self.tally.by_phone += step.by_phone
        self.tally.late += receipt.is_late

    def _pay(self, step: Charge) -> Receipt:
        return charge(
            engine=self.rt.engine,
            keyring=self.rt.keyring,
            writer=self.rt.writer,
            territory_id=self.rt.territory_id,
            host=HOST,
            till=self.tills[step.shop],
            card_code=self._shown(step),
            amount_cents=step.amount_cents,
            idempotency_key=step.key,
            now=step.at,
            pin=self._typed(step),
            partial=step.partial,
            happened_at=step.happened_at,
        )

    def _pay_by_phone(self, step: Charge) -> Receipt:
        _, code = transact(
            self.rt.engine,
            request_payment,
            territory_id=self.rt.territory_id,
            till=self.tills[step.shop],
            amount_cents=step.amount_cents,
            now=step.at,
            random_bytes=self.rt.random_bytes,
        )
        return confirm_payment(
            engine=self.rt.engine,
            keyring=self.rt.keyring,
            writer=self.rt.writer,
            territory_id=self.rt.territory_id,
            host=HOST,
            code=code,
            card_code=self._shown(step),
            pin=self.pin_of(step.household),
            now=step.at,
        )

    def _refund(self, step: Refund) -> None:
        receipt = self._expect(
            step.expects,
            step,
            lambda: refund(
                engine=self.rt.engine,
                writer=self.rt.writer,
                territory_id=self.rt.territory_id,
                till=self.tills[step.shop],
                charge_entry_id=self._entries[step.charge_key],
                amount_cents=None if step.is_whole else step.amount_cents,
                idempotency_key=step.key,
                now=step.at,
            ),
        )
        if receipt is None:
            return
        if abs(receipt.amount_cents) != step.amount_cents:
            raise Surprise(f"{step}: {receipt}")
        self.tally.refunds += 1
        self.tally.refunded_cents += step.amount_cents

    def _replace(self, step: ReplaceCard) -> None:
        old = self.cards[step.household]
        self.cards[step.household] = transact(
            self.rt.engine,
            replace_card,
            territory_id=self.rt.territory_id,
            card_id=old.card_id,
            keyring=self.rt.keyring,
            random_bytes=self.rt.random_bytes,
            actor=self.people[Role.AGENT],
            now=step.at,
        )
        self._older[step.household] = old
        self._pins.pop(step.household, None)

    def _reset_pin(self, step: ResetPin) -> None:
        renewed = transact(
            self.rt.engine,
            reset_pin,
            territory_id=self.rt.territory_id,
            card_id=self.cards[step.household].card_id,
            keyring=self.rt.keyring,
            random_bytes=self.rt.random_bytes,
            actor=self.people[Role.AGENT],
            now=step.at,
        )
        self._pins[step.household] = renewed.pin

    def _expect(self, code: str, step: Charge | Refund, do: Callable[[], Receipt]) -> Receipt | None:
        """Return the receipt, or None when the step was refused as it had to be."""
        try:
            receipt = do()
        except Refusal as refusal:
            if refusal.code != code:
                raise Surprise(f"{step}: {refusal}") from refusal
            self.tally.refused[code] += 1
            return None
        if code:
            raise Surprise(f"{step}: {receipt}")
        return receipt

    def _shown(self, step: Charge) -> str:
        card = self.cards[step.household]
        match step.card:
            case CardShown.NUMBER_ONLY:
                return card.number
            case CardShown.OLD:
                return card_url(host=HOST, token=self._older[step.household].token)
            case CardShown.UNKNOWN:
                return card_url(host=HOST, token=draw_token(self.rt.random_bytes))
            case CardShown.MALFORMED:
                return "0" * (TOKEN_LENGTH - 1)
            case CardShown.CURRENT:
                return card_url(host=HOST, token=card.token)

    def _typed(self, step: Charge) -> str | None:
        match step.pin:
            case PinTyped.NONE:
                return None
            case PinTyped.RIGHT:
                return self.pin_of(step.household)
            case PinTyped.WRONG:
                return f"{(int(self.pin_of(step.household)) + 1) % PIN_COUNT:0{PIN_LENGTH}d}"

    def _seal(self) -> None:
        now_ms = self.rt.now_ms() + SEALED_AFTER // datetime.timedelta(milliseconds=1)
        for step in (seal, seal_audit):
            transact(self.rt.engine, step, territory_id=self.rt.territory_id, sign=self.rt.keyring.sign, now_ms=now_ms)
