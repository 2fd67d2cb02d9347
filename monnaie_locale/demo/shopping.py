"""Ordinary shopping, drawn from a seed: who goes to which shop for how much, and what goes wrong at the till."""

import datetime
import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from monnaie_locale.demo.appointments import SUNDAY, Appointments, day_of
from monnaie_locale.demo.plan import CardShown, Charge, PinTyped, Refund, Step
from monnaie_locale.demo.pocket import Pocket, Purse
from monnaie_locale.programmes.model import Category

# Shops are open from 9:00 to 12:30 and from 14:30 to 19:00, closed on Sundays; in minutes of the day.
OPEN_MINUTES = (*range(540, 750), *range(870, 1140))
FIRST_DAY_OPENS = 870
# What is not spent yet at the end of the month, beside what is: a quarter.
KEPT_SHARE = 0.25
BASKET_CENTS_MIN, BASKET_CENTS_MAX = 100, 6_000
SPLIT_CENTS_MAX = 4_000
ROUND_TO_CENTS = 5
TRIES = 200
# How often, among the payments where it can be.
PIN_FORGOTTEN, PIN_MISTYPED, RETRIED, BY_PHONE, TYPED_NUMBER = 0.3, 0.08, 0.012, 0.015, 0.01
SPLIT_WANTED, TOO_MUCH, REFUNDED, REFUNDED_WHOLE = 0.4, 0.05, 0.018, 0.5
KNOWS_WHAT_IS_LEFT = 0.8
REFUND_AFTER_MINUTES = (4, 15, 40)

Happening = Callable[[datetime.datetime], None]


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that went through, and what each purse gave."""

    charge: Charge
    taken: tuple[tuple[Purse, int], ...]


@dataclass(slots=True, kw_only=True)
class Shopping:
    """The month while it is drawn: a queue of things to happen, and what everybody holds so far."""

    days: Appointments
    chance: random.Random
    categories: tuple[Category, ...]
    pockets: list[Pocket]
    charges: int
    steps: list[Step] = field(default_factory=list)
    paid: list[Paid] = field(default_factory=list)
    has_retried: bool = False
    _queue: list[tuple[datetime.datetime, int, Happening]] = field(default_factory=list)
    _keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _places: Iterator[int] = field(default_factory=itertools.count)
    _visits_left: int = 0

    def run(self) -> tuple[Step, ...]:
        """Let everything happen in the order of time and return the steps."""
        self._visits_left = self.charges
        for moment in sorted(self._moment() for _ in range(self.charges)):
            self.at(moment, self._visit)
        while self._queue:
            moment, _, happen = heapq.heappop(self._queue)
            # Two things never happen in the same second: the books keep the order of the plan.
            latest = self.steps[-1].at + datetime.timedelta(seconds=1) if self.steps else moment
            happen(max(moment, latest))
        return tuple(self.steps)

    def at(self, moment: datetime.datetime, happen: Happening) -> None:
        """Plan that something happens at a moment."""
        heapq.heappush(self._queue, (moment, next(self._places), happen))

    def key(self) -> str:
        """Return the idempotency key of a new request."""
        return f"demo-{next(self._keys):06d}"

    def accept(self, pay: Charge) -> None:
        """Note a payment that goes through, and what may follow from it."""
        paid_cents = min(pay.amount_cents, self.available_cents(pay))
        taken = self.pockets[pay.household].pay(
            amount_cents=paid_cents,
            category=self.categories[pay.shop],
            day=day_of(pay.happened_at or pay.at),
            with_pin=pay.pin is PinTyped.RIGHT,
        )
        pay = replace(pay, paid_cents=paid_cents, purses=len(taken))
        paid = Paid(pay, tuple(taken))
        self.steps.append(pay)
        self.paid.append(paid)
        if pay.by_phone:
            return
        if not self.has_retried or self.chance.random() < RETRIED:
            self.has_retried = True
            self.steps.append(replace(pay, at=pay.at + datetime.timedelta(seconds=2), retries=True))
        if self.chance.random() < REFUNDED:
            minutes = self.chance.choice(REFUND_AFTER_MINUTES)
            whole = self.chance.random() < REFUNDED_WHOLE
            self.at(pay.at + datetime.timedelta(minutes=minutes), lambda at: self.give_back(paid, at=at, whole=whole))

    def refuse(self, pay: Charge, code: str) -> Charge:
        """Note a request that must be refused; return the next one, some seconds later, under another key."""
        self.steps.append(replace(pay, expects=code))
        return replace(pay, at=pay.at + datetime.timedelta(seconds=12), key=self.key())

    def give_back(self, paid: Paid, *, at: datetime.datetime, whole: bool, comes_back: bool = True) -> None:
        """Refund a charge; `comes_back` is False when its purse is gone and the money is owed to the CCAS."""
        # With more than one purse the service chooses where a part goes: only whole refunds are predicted.
        whole = whole or len(paid.taken) > 1
        cents = paid.charge.paid_cents
        part = cents if whole else max(1, cents * self.chance.randint(2, 7) // 10)
        self.steps.append(
            Refund(
                at=at,
                key=self.key(),
                charge_key=paid.charge.key,
                shop=paid.charge.shop,
                amount_cents=part,
                is_whole=whole,
            )
        )
        if comes_back:
            for purse, taken_cents in paid.taken:
                purse.cents += taken_cents if whole else part

    def available_cents(self, pay: Charge) -> int:
        """Return what the household can spend at this shop at that moment."""
        day = day_of(pay.happened_at or pay.at)
        return self.pockets[pay.household].available_cents(category=self.categories[pay.shop], day=day)

    def _moment(self) -> datetime.datetime:
        """Draw a moment when shops are open."""
        while True:
            day = self.chance.randint(self.days.given_day, self.days.month.last_day.day)
            minute, second = self.chance.choice(OPEN_MINUTES), self.chance.randrange(60)
            moment = self.days.at(day, minute // 60, minute % 60, second)
            if day_of(moment).weekday() != SUNDAY and (day > self.days.given_day or minute >= FIRST_DAY_OPENS):
                return moment

    def _visit(self, moment: datetime.datetime) -> None:
        """Let a household with something left go to a shop where it pays."""
        found = self._someone(moment)
        self._visits_left -= 1
        if found is None:
            return
        household, shop = found
        purses = self.pockets[household].eligible(category=self.categories[shop], day=day_of(moment))
        amount_cents = self._basket_cents(purses)
        pay = Charge(at=moment, key=self.key(), household=household, shop=shop, amount_cents=amount_cents)
        if self.chance.random() < TYPED_NUMBER:
            pay = replace(pay, card=CardShown.NUMBER_ONLY)
        elif self.chance.random() < BY_PHONE and amount_cents <= self.available_cents(pay):
            self.accept(replace(pay, by_phone=True, pin=PinTyped.RIGHT))
            return
        self._pay(pay)

    def _pay(self, pay: Charge) -> None:
        """Pay at the till: a forgotten PIN first, a mistyped one, too little left, then what there is."""
        pocket, left_cents = self.pockets[pay.household], self.available_cents(pay)
        if pocket.needs_pin(amount_cents=pay.amount_cents) and self.chance.random() < KNOWS_WHAT_IS_LEFT:
            pay = replace(pay, amount_cents=min(pay.amount_cents, left_cents))
        if pocket.needs_pin(amount_cents=pay.amount_cents) or pay.card is CardShown.NUMBER_ONLY:
            if self.chance.random() < PIN_FORGOTTEN:
                pay = self.refuse(pay, "pin_required")
            if self.chance.random() < PIN_MISTYPED:
                pay = self.refuse(replace(pay, pin=PinTyped.WRONG), "card_refused")
            pay = replace(pay, pin=PinTyped.RIGHT)
        if left_cents < pay.amount_cents:
            pay = replace(self.refuse(pay, "insufficient_funds"), partial=True)
        self.accept(pay)

    def _someone(self, moment: datetime.datetime) -> tuple[int, int] | None:
        """Return a household and a shop where it can pay; None when nobody found has anything left."""
        day = day_of(moment)
        for _ in range(TRIES):
            # The last household never shops: its aid is there to expire.
            household = self.chance.randrange(len(self.pockets) - 1)
            shop = self.chance.randrange(len(self.categories))
            pocket = self.pockets[household]
            is_away = pocket.away_until is not None and moment < pocket.away_until
            if not is_away and pocket.available_cents(category=self.categories[shop], day=day) >= BASKET_CENTS_MIN:
                return household, shop
        return None

    def _basket_cents(self, purses: list[Purse]) -> int:
        """Return the price of a basket: around what makes the aid last the month, sometimes across two purses."""
        available_cents = sum(purse.cents for purse in purses)
        first_cents = purses[0].cents
        if len(purses) > 1 and first_cents <= SPLIT_CENTS_MAX and self.chance.random() < SPLIT_WANTED:
            return first_cents + min(available_cents - first_cents, 100 * self.chance.randint(1, 9))
        held_cents = sum(purse.cents for pocket in self.pockets for purse in pocket.purses)
        mean_cents = held_cents / (self._visits_left + KEPT_SHARE * self.charges)
        drawn_cents = int(mean_cents * self.chance.lognormvariate(-0.2, 0.6)) // ROUND_TO_CENTS * ROUND_TO_CENTS
        basket_cents = min(max(drawn_cents, BASKET_CENTS_MIN), BASKET_CENTS_MAX)
        is_modest = available_cents <= BASKET_CENTS_MAX
        if basket_cents > available_cents or (is_modest and self.chance.random() < TOO_MUCH):
            # The till is told what is left, takes it, and the rest is paid in euros.
            return max(basket_cents, available_cents + 100 * self.chance.randint(0, 12))
        return basket_cents
