"""The whole way of the money as one thread and a few dictionaries: what the service must answer, refusals included.

Nothing here is shared with the service: not its rules, not its arithmetic, not its dates.
"""

import datetime
from dataclasses import dataclass, field

# The technical regulation's limits without PIN, and the programme's grace, in the words of the contract.
UNPINNED_MAX, UNPINNED_TOTAL_MAX, UNPINNED_TIMES_MAX = 5_000, 15_000, 5
# Those of a till without network: one payment, one card and day; and how long a card's end may stay unknown to it.
OFFLINE_MAX, OFFLINE_CARD_DAY_MAX, END_UNKNOWN = 2_000, 4_000, datetime.timedelta(days=3)
GRACE = datetime.timedelta(days=10)
Purse = tuple[int, datetime.date]
GUARANTEE: Purse = (0, datetime.date.max)


class Refused(Exception):
    """The model refuses, with the code that the service must give."""


@dataclass
class Charge:
    """A charge as the model keeps it: where the cents came from, in order."""

    shop: int
    parts: list[tuple[Purse, int]]
    refunded: int = 0

    @property
    def cents(self) -> int:
        return sum(cents for _, cents in self.parts)


@dataclass
class MoneyModel:
    """A town: two shops, some wallets, one programme."""

    day: datetime.date
    funds: int
    entries: int
    reserve: int = 0
    purses: dict[Purse, int] = field(default_factory=dict)
    shops: dict[int, int] = field(default_factory=lambda: {1: 0, 2: 0})
    debts: dict[int, int] = field(default_factory=lambda: {1: 0, 2: 0})
    unpinned: dict[int, tuple[int, int]] = field(default_factory=dict)
    charges: dict[int, Charge] = field(default_factory=dict)
    days: dict[int, datetime.date] = field(default_factory=dict)
    statements: dict[int, list[int]] = field(default_factory=lambda: {1: [], 2: []})
    transit: int = 0
    expired: int = 0
    guarantee: int = 0
    offline: dict[tuple[int, datetime.date], int] = field(default_factory=dict)
    fees: int = 0
    closed: datetime.date | None = None
    # The negative control: a model that empties the purse that expires last.
    draws_last_first: bool = False

    def enter(self) -> int:
        """Number an entry, on today or on the first open day."""
        self.entries += 1
        self.days[self.entries] = (
            self.day if self.closed is None else max(self.day, self.closed + datetime.timedelta(1))
        )
        return self.entries

    def distribute(self, wallet: int, expires_on: datetime.date, cents: int) -> None:
        self.funds -= cents
        self.purses[wallet, expires_on] = self.purses.get((wallet, expires_on), 0) + cents
        self.enter()

    def charge(self, card: int, wallet: int, shop: int, cents: int, *, pin: bool, partial: bool) -> int:
        """Return the number of the entry; refuses in the order of the contract."""
        if cents <= 0:
            raise Refused("amount_not_positive")
        good = sorted(purse for purse in self.purses if purse[0] == wallet and purse[1] >= self.day)
        available = sum(self.purses[purse] for purse in good)
        self._check_pin(card, cents, pin=pin)
        if not good and any(cents_ > 0 for purse, cents_ in self.purses.items() if purse[0] == wallet):
            raise Refused("purse_expired")
        if available < cents:
            if not partial or available == 0:
                raise Refused("insufficient_funds")
            cents = available
        parts = self._drawn(good, cents)
        times, spent = self.unpinned.get(card, (0, 0))
        self.unpinned[card] = (0, 0) if pin else (times + 1, spent + cents)
        return self._charged(shop, parts)

    def _charged(self, shop: int, parts: list[tuple[Purse, int]]) -> int:
        number = self.enter()
        self.charges[number] = Charge(shop, parts)
        self.shops[shop] += self.charges[number].cents
        self.statements[shop].append(number)
        return number

    def charge_offline(self, card: int, wallet: int, shop: int, cents: int, *, ended_on: datetime.date | None) -> int:
        """Charge a card as a till without network does: what the purses lack, the guarantee pays, or nobody.

        `ended_on` is the day on which the card was replaced, before the payment; its purses pay nothing any more.
        """
        today = self.offline.get((card, self.day), 0)
        if cents > OFFLINE_MAX or today + cents > OFFLINE_CARD_DAY_MAX:
            raise Refused("offline_cap_reached")
        if ended_on is not None and self.day - ended_on > END_UNKNOWN:
            raise Refused("card_refused")
        self._check_pin(card, cents, pin=False)
        good = sorted(purse for purse in self.purses if purse[0] == wallet and purse[1] >= self.day)
        if not good and any(cents_ > 0 for purse, cents_ in self.purses.items() if purse[0] == wallet):
            raise Refused("purse_expired")
        paying = good if ended_on is None else []
        available = sum(self.purses[purse] for purse in paying)
        if available + (self.guarantee if good else 0) < cents:
            raise Refused("offline_guarantee_short")
        parts = self._drawn(paying, min(cents, available))
        rest = cents - sum(part for _, part in parts)
        if rest:
            self.guarantee -= rest
            parts.append((GUARANTEE, rest))
        self.offline[card, self.day] = today + cents
        if ended_on is None:
            times, spent = self.unpinned.get(card, (0, 0))
            self.unpinned[card] = (times + 1, spent + cents)
        return self._charged(shop, parts)

    def move_guarantee(self, cents: int, *, back: bool) -> None:
        """Put money into the guarantee, or back into the funds."""
        if cents > (self.guarantee if back else self.funds):
            raise Refused("guarantee_move_unfunded")
        self.guarantee += -cents if back else cents
        self.funds += cents if back else -cents
        self.enter()

    def _check_pin(self, card: int, cents: int, *, pin: bool) -> None:
        times, spent = self.unpinned.get(card, (0, 0))
        passes = cents > UNPINNED_MAX or times + 1 > UNPINNED_TIMES_MAX or spent + cents > UNPINNED_TOTAL_MAX
        if passes and not pin:
            raise Refused("pin_required")

    def _drawn(self, good: list[Purse], cents: int) -> list[tuple[Purse, int]]:
        parts = []
        for purse in reversed(good) if self.draws_last_first else good:
            part = min(cents, self.purses[purse])
            if part:
                self.purses[purse] -= part
                cents -= part
                parts.append((purse, part))
        return parts

    def refund(self, number: int, cents: int | None) -> int:
        """Give back to the purses drawn last; what has expired beyond its grace is owed to the CCAS."""
        charge = self.charges[number]
        left = charge.cents - charge.refunded
        cents = left if cents is None else cents
        if cents > left or cents == 0:
            raise Refused("refund_exceeds_charge")
        skip, rest = charge.refunded, cents
        for purse, part in reversed(charge.parts):
            skipped = min(skip, part)
            skip -= skipped
            back = min(rest, part - skipped)
            rest -= back
            if purse == GUARANTEE:
                self.guarantee += back
            elif purse[1] < self.day - GRACE:
                self.expired += back
            else:
                self.purses[purse] += back
        own = min(cents, self.shops[charge.shop])
        self.shops[charge.shop] -= own
        self.debts[charge.shop] += cents - own
        charge.refunded += cents
        entry = self.enter()
        self.statements[charge.shop].append(entry)
        return entry

    def expire(self) -> int:
        """Empty what expired before the grace; return how many purses."""
        over = [purse for purse, cents in self.purses.items() if purse[1] < self.day - GRACE and cents]
        for purse in over:
            self.expired += self.purses[purse]
            self.purses[purse] = 0
            self.enter()
        return len(over)

    def due(self) -> dict[int, int]:
        """Return what each shop is paid now, its debt taken first."""
        return {
            shop: cents - min(cents, self.debts[shop])
            for shop, cents in self.shops.items()
            if cents - min(cents, self.debts[shop]) > 0
        }

    def pay_out(self) -> list[int]:
        """Order what is due; return the amounts, by shop."""
        due = self.due()
        for shop, cents in sorted(due.items()):
            recovered = self.shops[shop] - cents
            if recovered:
                self.debts[shop] -= recovered
                self.statements[shop].append(self.enter())
            self.shops[shop] = 0
            self.transit += cents
            self.statements[shop].append(self.enter())
        return [due[shop] for shop in sorted(due)]
