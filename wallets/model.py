"""Households, wallets and cards as values. Pure."""

import datetime
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from monnaie_locale.programmes.model import Category
from monnaie_locale.programmes.rules import category_labels

PIN_TRIES_MAX = 5
# Technical regulation (EU) 2018/389, article 11: without PIN, 50 € a payment, and 150 € or five payments in a row.
UNPINNED_PAYMENT_MAX_CENTS = 5_000
UNPINNED_TOTAL_MAX_CENTS = 15_000
UNPINNED_COUNT_MAX = 5
# A household with two parents and children; a thief who binds one more phone is seen sooner.
PHONES_MAX = 5


def address_lines(address: str) -> list[str]:
    """Return the lines of an address that hold something, each with single spaces."""
    return [" ".join(line.split()) for line in address.splitlines() if line.strip()]


class CardState(StrEnum):
    """Whether a card pays; the last two are final."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    REPLACED = "replaced"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return {"active": "active", "blocked": "bloquée", "replaced": "remplacée"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A household as the desk sees it; after an erasure nothing of the identity is left."""

    household_id: int
    reference: str = field(repr=False)
    alias: str = field(repr=False)
    channel: str = field(repr=False)
    address: str = field(repr=False)
    enrolled_at_ms: int
    erased_at_ms: int | None

    @property
    def is_erased(self) -> bool:
        """Return whether the identity was erased."""
        return self.erased_at_ms is not None

    @property
    def addressee(self) -> tuple[str, ...]:
        """Return the lines of a letter's address: the name, then where it goes; the number when there is no name."""
        return (self.alias or f"Ménage n° {self.household_id}", *address_lines(self.address))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What holds the purses of a household."""

    wallet_id: int
    household_id: int
    opened_at_ms: int
    closed_at_ms: int | None


class Card(NamedTuple):
    """A card as it is stored, without its secrets."""

    card_id: int
    wallet_id: int
    number: str
    state: CardState
    tries_left: int
    unpinned_count: int
    unpinned_cents: int
    issued_at_ms: int
    ended_at_ms: int | None

    @property
    def is_active(self) -> bool:
        """Return whether the card pays."""
        return self.state is CardState.ACTIVE

    @property
    def is_locked(self) -> bool:
        """Return whether too many wrong PINs were tried."""
        return self.tries_left == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSecrets:
    """What a new card carries, before it belongs to a wallet; hashing the PIN is slow, so it is done beforehand."""

    token: str = field(repr=False)
    number: str
    pin: str = field(repr=False)
    pin_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCard:
    """A card just made: its secrets live in memory until it is printed, and nowhere else."""

    card_id: int
    wallet_id: int
    token: str = field(repr=False)
    number: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPin:
    """A PIN just drawn at the desk, for the slip."""

    card_id: int
    number: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone that pays in place of a card; `number` counts the phones of the card, so that no name is needed."""

    phone_id: int
    card_id: int
    number: int
    public_key: bytes = field(repr=False)
    bound_at_ms: int
    revoked_at_ms: int | None

    @property
    def is_active(self) -> bool:
        """Return whether the phone was not taken away; it also needs its card to be active."""
        return self.revoked_at_ms is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseView:
    """A purse as its holder sees it."""

    account_id: int
    programme_id: int
    programme_name: str
    categories: frozenset[Category]
    expires_on: datetime.date
    balance_cents: int

    @property
    def category_labels(self) -> str:
        """Return what the purse pays for, in French."""
        return category_labels(self.categories)


class MoveKind(StrEnum):
    """What is done with a wallet: its balance goes to another, or the two households become one."""

    MOVE = "move"
    MERGE = "merge"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return {"move": "Déplacement du solde", "merge": "Réunion de deux ménages"}[self.value]


class MoveState(StrEnum):
    """Where a move is; the last two are final."""

    PREPARED = "prepared"
    POSTED = "posted"
    CANCELLED = "cancelled"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return {"prepared": "à valider", "posted": "fait", "cancelled": "annulé"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletMove:
    """All that one wallet holds goes to another; a merge ends the first one's cards and closes it."""

    move_id: int
    kind: MoveKind
    from_wallet_id: int
    to_wallet_id: int
    state: MoveState
    prepared_by: str
    prepared_at_ms: int
    approved_by: str | None
    ended_at_ms: int | None
    entry_id: int | None

    @property
    def is_waiting(self) -> bool:
        """Return whether a second person has still to decide."""
        return self.state is MoveState.PREPARED
