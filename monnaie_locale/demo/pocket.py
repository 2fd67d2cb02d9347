"""What a household is known to hold while the month is planned: purses, and payments made without PIN.

A small model of the rules, written apart from the service on purpose: where the two disagree, the demonstration stops.
"""

import datetime
from dataclasses import dataclass, field

from monnaie_locale.demo.plan import AID_CATEGORIES, PIN_ABOVE_CENTS, Aid
from monnaie_locale.programmes.model import Category

UNPINNED_COUNT_MAX = 5
UNPINNED_TOTAL_MAX_CENTS = 15_000


@dataclass(slots=True)
class Purse:
    """What is left of one aid until one date."""

    aid: Aid
    expires_on: datetime.date
    cents: int


@dataclass(slots=True)
class Pocket:
    """A household's purses and the counters of its card; `away_until` keeps it out of the shops for a while."""

    purses: list[Purse] = field(default_factory=list)
    unpinned_count: int = 0
    unpinned_cents: int = 0
    away_until: datetime.datetime | None = None

    def give(self, *, aid: Aid, expires_on: datetime.date, cents: int) -> None:
        """Add what a distribution gives; the purse that expires first comes first."""
        self.purses.append(Purse(aid, expires_on, cents))
        self.purses.sort(key=lambda purse: purse.expires_on)

    def eligible(self, *, category: Category, day: datetime.date) -> list[Purse]:
        """Return the purses with something left that pay at this kind of shop."""
        return [
            purse
            for purse in self.purses
            if purse.cents > 0 and day <= purse.expires_on and category in AID_CATEGORIES[purse.aid]
        ]

    def available_cents(self, *, category: Category, day: datetime.date) -> int:
        """Return what can be spent at this kind of shop."""
        return sum(purse.cents for purse in self.eligible(category=category, day=day))

    def categories(self, *, day: datetime.date) -> set[Category]:
        """Return the kinds of shop where something can be spent."""
        return {category for category in Category if self.available_cents(category=category, day=day) > 0}

    def needs_pin(self, *, amount_cents: int) -> bool:
        """Tell whether this payment asks for the PIN."""
        return (
            amount_cents > PIN_ABOVE_CENTS
            or self.unpinned_count + 1 > UNPINNED_COUNT_MAX
            or self.unpinned_cents + amount_cents > UNPINNED_TOTAL_MAX_CENTS
        )

    def pay(
        self, *, amount_cents: int, category: Category, day: datetime.date, with_pin: bool
    ) -> list[tuple[Purse, int]]:
        """Take the amount out of the purses, in order; return what each one gave."""
        taken: list[tuple[Purse, int]] = []
        remaining = amount_cents
        for purse in self.eligible(category=category, day=day):
            part = min(remaining, purse.cents)
            if part:
                purse.cents -= part
                taken.append((purse, part))
                remaining -= part
        if with_pin:
            self.new_card()
        else:
            self.unpinned_count += 1
            self.unpinned_cents += amount_cents
        return taken

    def new_card(self) -> None:
        """Start the counters again, as a PIN or another card does."""
        self.unpinned_count = 0
        self.unpinned_cents = 0

    def expire(self, *, through: datetime.date) -> None:
        """Empty the purses that expired by that day."""
        for purse in self.purses:
            if purse.expires_on <= through:
                purse.cents = 0
