"""The till of the market day: who pays there, what they still hold by our own arithmetic, and what was noted."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from merchants.charging.charge import charge
from merchants.model import Receipt, Till
from monnaie_locale.demo.counter import Counters, Surprise
from monnaie_locale.demo.installation import HOST
from monnaie_locale.demo.plan import MarketDay
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.runtime import Runtime
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a passer-by would have seen at the till: when, what, and how it ended."""

    at: datetime.datetime
    what: str
    outcome: str


@dataclass(slots=True, kw_only=True)
class Stall:
    """The till, the neighbour's one, and three households: each is 0, 1 or 2 in what follows."""

    counters: Counters
    day: MarketDay
    left_cents: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left_cents = list(self.day.held_cents)

    @property
    def rt(self) -> Runtime:
        """Return the runtime."""
        return self.counters.rt

    @property
    def till(self) -> Till:
        """Return the shop's till."""
        return self.counters.tills[self.day.shop]

    @property
    def now(self) -> datetime.datetime:
        """Return the moment at which the day is."""
        return self.counters.clock.now

    def wait(self, minutes: int) -> None:
        """Let some minutes pass."""
        self.counters.clock.now += datetime.timedelta(minutes=minutes)

    def card(self, who: int) -> IssuedCard:
        """Return a household's card."""
        return self.counters.cards[self.day.households[who]]

    def card_code(self, who: int) -> str:
        """Return what the till scans on a household's card."""
        return card_url(host=HOST, token=self.card(who).token)

    def pin(self, who: int) -> str:
        """Return a household's PIN."""
        return self.counters.pin_of(self.day.households[who])

    def charge(
        self,
        who: int,
        amount_cents: int,
        *,
        key: str,
        code: str | None = None,
        pin: str | None = None,
        partial: bool = False,
    ) -> Receipt:
        """Ask for a payment at the till, under a key of the market; `code` is that of a phone instead of the card."""
        return charge(
            engine=self.rt.engine,
            keyring=self.rt.keyring,
            writer=self.rt.writer,
            territory_id=self.rt.territory_id,
            host=HOST,
            till=self.till,
            card_code=code or self.card_code(who),
            amount_cents=amount_cents,
            idempotency_key=f"market-{key}",
            now=self.now,
            pin=pin,
            partial=partial,
        )

    def paid(self, who: int, cents: int, do: Callable[[], Receipt]) -> Receipt:
        """Return the receipt of a payment of so many cents; raises Surprise when it is another, or refused."""
        receipt = self.answered(do)
        self.left_cents[who] -= cents
        seen = (receipt.amount_cents, receipt.remaining_cents, receipt.replayed)
        if seen != (cents, self.left_cents[who], False):
            raise Surprise(f"{cents}, {self.left_cents[who]}: {receipt}")
        self.count(receipt)
        return receipt

    def count(self, receipt: Receipt) -> None:
        """Count a payment in the month's summary."""
        tally = self.counters.tally
        tally.charges += 1
        tally.charged_cents += receipt.amount_cents
        tally.late += receipt.is_late
        tally.guaranteed_cents += receipt.guaranteed_cents

    def answered(self, do: Callable[[], Answer]) -> Answer:
        """Return the answer; raises Surprise when there was a refusal instead."""
        try:
            return do()
        except Refusal as refusal:
            raise Surprise(f"{self.now}: {refusal}") from refusal

    def refused(self, code: str, do: Callable[[], object]) -> Refusal:
        """Return the refusal that had to come; raises Surprise when another came, or none."""
        try:
            answer = do()
        except Refusal as refusal:
            if refusal.code != code:
                raise Surprise(f"{self.now}: {refusal}") from refusal
            self.counters.tally.refused[code] += 1
            return refusal
        raise Surprise(f"{self.now}: {answer}")

    def check(self, *, seen: object, planned: object) -> None:
        """Raise Surprise when what is seen is not what was planned."""
        if seen != planned:
            raise Surprise(f"{self.now}: {seen} instead of {planned}")

    def note(self, what: str, outcome: str) -> None:
        """Note what a passer-by would have seen."""
        self.events.append(Event(at=self.now, what=what, outcome=outcome))
