"""An ordinary month, after the first one, drawn from a seed: grants, payments, some refunds, fixed days.

What a household holds from before is not counted: the plan asks for no more than the month's own aid, so that every
payment must be accepted whatever was left.
"""

import datetime
import random
from dataclasses import dataclass, field, replace

from monnaie_locale.demo.appointments import SUNDAY, on, weekday_from
from monnaie_locale.demo.drawing import MOBILITY_SHARE
from monnaie_locale.demo.mishaps import GOES_TO_MARKET
from monnaie_locale.demo.plan import Aid, Charge, Grants, PinTyped, Refund
from monnaie_locale.demo.pocket import UNPINNED_COUNT_MAX, Pocket
from monnaie_locale.demo.shopping import OPEN_MINUTES, REFUNDED, ROUND_TO_CENTS, TRIES
from monnaie_locale.ledger.periods import PARIS, Month
from monnaie_locale.programmes.model import Category

MINUTES_PER_HOUR = 60
# The aid of winter and of summer for getting about; food every month.
MOBILITY_EVERY_MONTHS = 3
# A transfer comes back now and then: an account was closed.
RETURNED_EVERY_MONTHS, RETURNED_MONTH = 4, 1
REPAID_MONTH, UNKNOWN_MONTH = 2, 3
FIRST_SHOPPING_DAY, PAYOUT_DAY = 7, 20
BASKET_CENTS_MIN, BASKET_CENTS_MAX = 100, 5_000
# What is not spent in the month, beside what is.
KEPT_SHARE = 0.15
REFUND_AFTER = datetime.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Days:
    """The appointments of a month: banks are closed at the end of the week."""

    month: Month

    @property
    def funded_on(self) -> datetime.date:
        """Return when the CCAS's money is on the account."""
        return weekday_from(self.month.first_day + datetime.timedelta(days=2))

    @property
    def paid_on(self) -> datetime.date:
        """Return when the bank debits the transfers to the shops."""
        return weekday_from(self.month.first_day + datetime.timedelta(days=PAYOUT_DAY))

    @property
    def returned_on(self) -> datetime.date:
        """Return when a transfer comes back."""
        return weekday_from(self.paid_on + datetime.timedelta(days=1))

    def at(self, day: int, hour: int, minute: int = 0) -> datetime.datetime:
        """Return a moment of the month by the clocks of Paris, in UTC; a day beyond its end is in the next month."""
        date = self.month.first_day + datetime.timedelta(days=day - 1)
        return on(date, hour, minute)

    @property
    def after(self) -> int:
        """Return the day, counted in this month, on which the next one begins."""
        return self.month.last_day.day + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryMonth:
    """A month's plan: what is given out, then what happens at the tills, in the order of time."""

    days: Days
    grants: tuple[Grants, ...]
    steps: tuple[Charge | Refund, ...]

    def granted_cents(self, aid: Aid) -> int:
        """Return what one programme gives out in the month."""
        return sum(each.total_cents for each in self.grants if each.aid is aid)

    @property
    def has_return(self) -> bool:
        """Return whether a transfer comes back."""
        return self.days.month.number % RETURNED_EVERY_MONTHS == RETURNED_MONTH


def draw_month(
    *, seed: int, month: Month, households: int, categories: tuple[Category, ...], charges: int
) -> OrdinaryMonth:
    """Return the month that this seed gives; arguments as `drawing.draw_plan`."""
    chance = random.Random(f"{seed} {month}")  # noqa: S311 - a story, not a secret
    # Who went to the market has other cards now, and stays at home.
    present = [each for each in range(households) if each not in GOES_TO_MARKET]
    grants = _grants(chance, month, present)
    pockets = {each: Pocket(unpinned_count=UNPINNED_COUNT_MAX) for each in present}
    for each in grants:
        for household, cents in each.lines:
            pockets[household].give(aid=each.aid, expires_on=each.expires_on, cents=cents)
    shopping = _Shopping(chance, month, categories, pockets, charges)
    return OrdinaryMonth(days=Days(month), grants=grants, steps=shopping.run())


def _grants(chance: random.Random, month: Month, present: list[int]) -> tuple[Grants, ...]:
    """Food for all until the end of the year, as the law of these vouchers has it; mobility for a third of them."""
    food = Grants(
        aid=Aid.FOOD,
        label=f"Aide alimentaire {month.genitive_fr}",
        expires_on=datetime.date(month.year, 12, 31),
        lines=tuple((each, 500 * chance.randint(6, 12)) for each in present),
    )
    if month.number % MOBILITY_EVERY_MONTHS:
        return (food,)
    mobile = sorted(chance.sample(present, max(1, len(present) // MOBILITY_SHARE)))
    mobility = Grants(
        aid=Aid.MOBILITY,
        label=f"Aide à la mobilité {month.genitive_fr}",
        expires_on=datetime.date(month.year + 1, 12, 31),
        lines=tuple((each, 500 * chance.randint(2, 4)) for each in mobile),
    )
    return food, mobility


@dataclass(slots=True)
class _Shopping:
    """The month while it is drawn."""

    chance: random.Random
    month: Month
    categories: tuple[Category, ...]
    pockets: dict[int, Pocket]
    charges: int
    steps: list[Charge | Refund] = field(default_factory=list)

    def run(self) -> tuple[Charge | Refund, ...]:
        """Draw every payment in the order of time, then put the refunds among them."""
        for moment in sorted(self._moment() for _ in range(self.charges)):
            self._visit(moment)
        self.steps.sort(key=lambda step: step.at)
        latest = self.steps[0].at
        spaced: list[Charge | Refund] = []
        for step in self.steps:
            # Two things never happen in the same second: the books keep the order of the plan.
            latest = max(step.at, latest + datetime.timedelta(seconds=1))
            spaced.append(replace(step, at=latest))
        return tuple(spaced)

    def _moment(self) -> datetime.datetime:
        while True:
            day = self.month.first_day + datetime.timedelta(
                days=self.chance.randint(FIRST_SHOPPING_DAY, self.month.last_day.day) - 1
            )
            minute, second = self.chance.choice(OPEN_MINUTES), self.chance.randrange(60)
            if day.weekday() != SUNDAY:
                return on(day, minute // MINUTES_PER_HOUR, minute % MINUTES_PER_HOUR, second)

    def _visit(self, moment: datetime.datetime) -> None:
        """Let a household with something left go to a shop where it pays; nobody goes when nobody found has any."""
        day = moment.astimezone(PARIS).date()
        for _ in range(TRIES):
            household = self.chance.choice(list(self.pockets))
            shop = self.chance.randrange(len(self.categories))
            pocket, category = self.pockets[household], self.categories[shop]
            left_cents = pocket.available_cents(category=category, day=day)
            if left_cents < BASKET_CENTS_MIN:
                continue
            amount_cents = min(left_cents, self._basket_cents())
            with_pin = pocket.needs_pin(amount_cents=amount_cents)
            pocket.pay(amount_cents=amount_cents, category=category, day=day, with_pin=with_pin)
            charge = Charge(
                at=moment,
                key=f"{self.month}-{len(self.steps):05d}",
                household=household,
                shop=shop,
                amount_cents=amount_cents,
                paid_cents=amount_cents,
                pin=PinTyped.RIGHT if with_pin else PinTyped.NONE,
            )
            self.steps.append(charge)
            self._maybe_refund(charge)
            return

    def _maybe_refund(self, charge: Charge) -> None:
        if self.chance.random() >= REFUNDED or charge.amount_cents < BASKET_CENTS_MIN:
            return
        self.steps.append(
            Refund(
                at=charge.at + REFUND_AFTER,
                key=f"{charge.key}-back",
                charge_key=charge.key,
                shop=charge.shop,
                amount_cents=charge.amount_cents * self.chance.randint(2, 7) // 10,
                is_whole=False,
            )
        )

    def _basket_cents(self) -> int:
        held_cents = sum(purse.cents for pocket in self.pockets.values() for purse in pocket.purses)
        visits_left = max(1, self.charges - len(self.steps)) + KEPT_SHARE * self.charges
        drawn_cents = int(held_cents / visits_left * self.chance.lognormvariate(-0.2, 0.6))
        return min(max(drawn_cents // ROUND_TO_CENTS * ROUND_TO_CENTS, BASKET_CENTS_MIN), BASKET_CENTS_MAX)
