"""Households, wallets and cards for the tests, made through their own operations."""

import random
from dataclasses import dataclass

from sqlalchemy import Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw, Posted
from monnaie_locale.programmes.model import Category
from tests.factories.ledger import TERRITORY_ID, World
from tests.factories.programmes import NOW
from wallets.model import IssuedCard, Wallet
from wallets.operations.cards import draw_secrets, issue_cards
from wallets.operations.enrolling import enrol_household, open_wallet
from wallets.paying.authorisation import Authorisation, authorise

HOST = "monnaie.ville-exemple.fr"
AGENT = "staff:3"
random_bytes = random.Random(7).randbytes


class CountingKeyring(Keyring):
    """A real keyring that counts how often a PIN is evaluated, or time is spent as if."""

    evaluations = 0

    def check_secret(self, hashed: str, secret: str, *, as_old: bool = False) -> bool:
        self.evaluations += 1
        return super().check_secret(hashed, secret, as_old=as_old)

    def waste_time(self, secret: str, *, as_old: bool = False) -> None:
        self.evaluations += 1
        super().waste_time(secret, as_old=as_old)


def keyring() -> CountingKeyring:
    """Return a keyring of its own."""
    made = CountingKeyring.generate()
    assert isinstance(made, CountingKeyring)
    return made


@dataclass
class Holder:
    """A household with an open wallet and an active card, whose secrets the test knows."""

    household_id: int
    wallet: Wallet
    card: IssuedCard

    @property
    def wrong_pin(self) -> str:
        return f"{(int(self.card.pin) + 1) % 10_000:04d}"


def wallet(engine: Engine, keys: Keyring, reference: str = "MENAGE-1") -> Wallet:
    """Enrol a household and open its wallet."""
    household_id = transact(
        engine,
        enrol_household,
        territory_id=TERRITORY_ID,
        reference=reference,
        keyring=keys,
        actor=AGENT,
        now=NOW,
        alias=f"Famille {reference}",
        channel="06 00 00 00 00",
    )
    return transact(engine, open_wallet, territory_id=TERRITORY_ID, household_id=household_id, actor=AGENT, now=NOW)


def holder(engine: Engine, keys: Keyring, reference: str = "MENAGE-1") -> Holder:
    """Enrol a household, open its wallet, issue its card."""
    opened = wallet(engine, keys, reference)
    issued = transact(
        engine,
        issue_cards,
        territory_id=TERRITORY_ID,
        wallet_ids=[opened.wallet_id],
        secrets=draw_secrets(count=1, keyring=keys, random_bytes=random_bytes),
        random_bytes=random_bytes,
        actor=AGENT,
        now=NOW,
    )[0]
    return Holder(opened.household_id, opened, issued)


def ask(
    engine: Engine,
    keys: Keyring,
    card_code: str,
    amount_cents: int = 1_000,
    *,
    pin: str | None = None,
    category: Category = Category.FOOD,
    now: object = NOW,
) -> Authorisation:
    """Ask for an authorisation at a food shop of the town."""
    return authorise(
        engine,
        keys,
        territory_id=TERRITORY_ID,
        host=HOST,
        card_code=card_code,
        amount_cents=amount_cents,
        category=category,
        pin=pin,
        now=now,  # type: ignore[arg-type]
    )


def pay(world: World, authorisation: Authorisation, amount_cents: int, merchant: int = 3, **more: object) -> Posted:
    """Post what was authorised, with its companion."""
    draw = Draw(authorisation.purse_account_ids, world.shop(merchant), amount_cents)
    return world.do(EntryKind.CHARGE, draw, companions=(authorisation.companion,), **more)
