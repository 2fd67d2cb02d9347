"""What happens in the demonstration's month, as plain values: who does what, when, and what must come of it.

The plan says of every request whether the service must accept it or by which code it must refuse it; the month that
runs it stops at the first surprise. Times are Paris shop hours, carried in UTC.
"""

import datetime
from dataclasses import dataclass
from enum import Enum, StrEnum

from monnaie_locale.demo.appointments import Appointments
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.model import Category

PIN_ABOVE_CENTS = 4_000
BROUGHT_BACK_CENTS = 980
ACCEPTED = ""


class Aid(StrEnum):
    """The two programmes of the month."""

    FOOD = "food"
    MOBILITY = "mobility"


AID_CATEGORIES: dict[Aid, frozenset[Category]] = {
    Aid.FOOD: frozenset({Category.FOOD, Category.HYGIENE}),
    # Hygiene is in both, so that one payment may draw on two programmes.
    Aid.MOBILITY: frozenset({Category.TRANSPORT, Category.SERVICES, Category.HYGIENE}),
}


class CardShown(Enum):
    """What the holder shows at the till."""

    CURRENT = "current"
    NUMBER_ONLY = "number"
    OLD = "old"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"


class PinTyped(Enum):
    """What the holder types."""

    NONE = "none"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """One distribution: what each household receives, by its place in the list."""

    aid: Aid
    label: str
    expires_on: datetime.date
    lines: tuple[tuple[int, int], ...]

    @property
    def total_cents(self) -> int:
        """Return what the distribution gives out."""
        return sum(cents for _, cents in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A shop asks for an amount; `expects` is "" or the code of the refusal that must come.

    `retries` marks a request sent again under its key, `happened_at` a payment taken while the network was down,
    `by_phone` one that the holder confirmed on a phone; `paid_cents` is less than the amount when it is partial.
    """

    at: datetime.datetime
    key: str
    household: int
    shop: int
    amount_cents: int
    card: CardShown = CardShown.CURRENT
    pin: PinTyped = PinTyped.NONE
    happened_at: datetime.datetime | None = None
    retries: bool = False
    by_phone: bool = False
    partial: bool = False
    paid_cents: int = 0
    purses: int = 0
    expects: str = ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A shop gives back a charge, in full or in part."""

    at: datetime.datetime
    key: str
    charge_key: str
    shop: int
    amount_cents: int
    is_whole: bool
    expects: str = ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCard:
    """A household says that its card is lost."""

    at: datetime.datetime
    household: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCard:
    """The desk gives the household another card."""

    at: datetime.datetime
    household: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPin:
    """The desk gives the household a new PIN."""

    at: datetime.datetime
    household: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """The nightly job empties the purses whose grace is over."""

    at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparePayout:
    """The accountant prepares what the shops are paid."""

    at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovePayout:
    """Another person approves it, and the order goes to the bank."""

    at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDay:
    """A Sunday at the till of a food shop, scene by scene; the three households shop on no other day.

    `held_cents` is what each of them can spend on food that morning, `neighbour` another shop that sells to them.
    """

    at: datetime.datetime
    shop: int
    neighbour: int
    households: tuple[int, int, int]
    held_cents: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsBack:
    """Days after the market, somebody comes back with the receipt."""

    at: datetime.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeHouseholds:
    """Two households of the market become one; `moved_cents` is what the second one still holds."""

    at: datetime.datetime
    moved_cents: int


MarketStep = MarketDay | GoodsBack | MergeHouseholds
Step = Charge | Refund | BlockCard | ReplaceCard | ResetPin | Expire | PreparePayout | ApprovePayout | MarketStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole month: what is given out, then every step in the order of time.

    `months` is how many months are lived in all, this one included: the programmes' budgets are for all of them.
    """

    seed: int
    days: Appointments
    household_count: int
    shop_categories: tuple[Category, ...]
    grants: tuple[Grants, ...]
    steps: tuple[Step, ...]
    months: int = 1

    @property
    def month(self) -> Month:
        """Return the month that the plan tells."""
        return self.days.month

    @property
    def market_day(self) -> MarketDay:
        """Return the day at the till."""
        return next(step for step in self.steps if isinstance(step, MarketDay))

    def granted_cents(self, aid: Aid) -> int:
        """Return what one programme gives out in the month."""
        return sum(each.total_cents for each in self.grants if each.aid is aid)
