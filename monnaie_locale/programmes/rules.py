"""Which purses may pay where, in which order, and when the PIN is asked for. Pure."""

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence

from monnaie_locale.journal.queries import PurseBalance
from monnaie_locale.programmes.legal_bases import BASES
from monnaie_locale.programmes.model import Category, PinRule, Programme

RF_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def is_expired(*, expires_on: datetime.date, day: datetime.date) -> bool:
    """Tell whether units have expired: the day of expiry is the last one on which they pay."""
    return day > expires_on


def eligible_purses(
    purses: Iterable[PurseBalance], *, programmes: Mapping[int, Programme], category: Category, day: datetime.date
) -> tuple[PurseBalance, ...]:
    """Return the purses that pay at a shop of `category` on `day`, earliest expiry first, empty ones included.

    A closed programme is not funded any more, but what it gave out stays good until it expires.
    """
    fit = [
        purse
        for purse in purses
        if pays_for(purse, programmes=programmes, category=category)
        and not is_expired(expires_on=purse.expires_on, day=day)
    ]
    return tuple(sorted(fit, key=lambda purse: (purse.expires_on, purse.account_id)))


def pays_for(purse: PurseBalance, *, programmes: Mapping[int, Programme], category: Category) -> bool:
    """Tell whether the purse's programme covers the category, whatever the date."""
    programme = programmes.get(purse.programme_id)
    return programme is not None and category in programme.categories


def drawn_purses(purses: Sequence[PurseBalance], *, amount_cents: int) -> tuple[PurseBalance, ...]:
    """Return the purses that a payment would touch at these balances, in order."""
    touched: list[PurseBalance] = []
    remaining_cents = amount_cents
    for purse in purses:
        if remaining_cents <= 0:
            break
        if purse.balance_cents > 0:
            touched.append(purse)
            remaining_cents -= purse.balance_cents
    return tuple(touched)


def needs_pin(programme: Programme, *, amount_cents: int) -> bool:
    """Tell whether a payment of this amount from the programme asks for the PIN, by the programme's own rule."""
    if programme.pin_rule is PinRule.ALWAYS:
        return True
    return programme.pin_rule is PinRule.ABOVE and amount_cents > programme.pin_above_cents


def expiry_is_lawful(programme: Programme, *, expires_on: datetime.date, day: datetime.date) -> bool:
    """Tell whether units given on `day` may live until `expires_on` (CGCT L1611-6: within the calendar year)."""
    return not BASES[programme.legal_basis].ends_with_year or expires_on.year == day.year


def expires_by(programme: Programme, *, day: datetime.date) -> datetime.date:
    """Return the latest expiry date whose grace is over on `day`: purses until then are emptied."""
    return day - datetime.timedelta(days=programme.grace_days + 1)


def creditor_reference(body: str) -> str:
    """Return the ISO 11649 reference of 1 to 21 capital letters and digits: "RF" and two check digits before them."""
    value = int("".join(str(RF_ALPHABET.index(character)) for character in f"{body}RF00"))
    return f"RF{98 - value % 97:02d}{body}"


def funding_reference(*, territory_id: int, funding_order_id: int) -> str:
    """Return the reference that the CCAS puts on its transfer: "FA", the territory, the order."""
    return creditor_reference(f"FA{territory_id:03d}{funding_order_id:07d}")


def category_labels(categories: Collection[Category]) -> str:
    """Return categories in French, in the order of the list."""
    return ", ".join(category.label_fr for category in Category if category in categories)
