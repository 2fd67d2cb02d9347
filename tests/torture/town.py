"""The town that is attacked: one food programme, shops with tills that hold an API key, cards with money."""

import datetime
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from merchants.model import Till
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.journal.sealer import seal
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import Category, PinRule
from monnaie_locale.programmes.operations.opening import open_programme
from monnaie_locale.runtime import KEYRING_FILE
from tests.factories.ledger import NOON_MS, TERRITORY_ID, World, open_world
from tests.factories.market import HOST, issue, terms
from tests.factories.merchants import MANAGER, NOW, admit, chance, paired
from tests.torture.oracles import Head, Operation, broken_promises, heads_of
from wallets.codes.card_token import card_url

EXPIRES_ON = datetime.date(2099, 12, 31)


@dataclass(frozen=True, slots=True)
class Card:
    """A card as a till scans it, and the purse it pays from."""

    url: str
    purse_account_id: int


@dataclass(frozen=True, slots=True)
class ApiTill:
    """A till as a program drives it."""

    caller: str
    api_key: str


@dataclass
class Town:
    """A town on a database, with the folder of its installation; servers on it are started by `spawner`."""

    engine: Engine
    home: Path
    keyring: Keyring
    world: World
    cards: list[Card] = field(default_factory=list)
    tills: list[ApiTill] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    # The town's clock: it began at 10:00 on 5 October 2026, and goes as fast as ours.
    began_s: float = field(default_factory=time.time)

    @property
    def database_url(self) -> str:
        """Return the address of the database, with its password."""
        return self.engine.url.render_as_string(hide_password=False)

    def give(self, card: Card, amount_cents: int) -> None:
        """Put money on a card."""
        self.world.do(EntryKind.DISTRIBUTION, Draw((self.world.funds(),), card.purse_account_id, amount_cents))

    def held_cents(self, card: Card) -> int:
        """Return what is on the card."""
        with reading(self.engine) as db:
            return balance_of(db, territory_id=TERRITORY_ID, account_id=card.purse_account_id)

    def remember_heads(self) -> None:
        """Seal the log, and keep its heads out of the database's reach."""
        transact(self.engine, seal, territory_id=TERRITORY_ID, sign=self.keyring.sign, now_ms=NOON_MS)
        with reading(self.engine) as db:
            known = {head.size for head in self.heads}
            self.heads += [head for head in heads_of(db) if head.size not in known]

    def findings(self, operations: list[Operation]) -> list[str]:
        """Ask every oracle; all charges of the town are among the operations."""
        return broken_promises(
            self.engine,
            public_key_pem=self.keyring.public_key_pem,
            operations=operations,
            heads=self.heads,
            nobody_else=True,
        )


def found_town(engine: Engine, home: Path, *, cards: int, tills: int = 4, card_cents: int = 0) -> Town:
    """Found a town on a migrated, empty database.

    Args:
        engine: of the database.
        home: an empty folder, for the keyring.
        cards: how many, each of its own household.
        tills: how many, each of a shop of its own.
        card_cents: what each card holds.

    """
    keyring = Keyring.generate()
    keyring.save(home / KEYRING_FILE)
    world = open_world(engine)
    town = Town(engine, home, keyring, world)
    programme = terms("Aide alimentaire", Category.FOOD, PinRule.NEVER)
    transact(engine, open_programme, territory_id=TERRITORY_ID, terms=programme, actor=MANAGER, now=NOW)
    world.fund(10_000_000_00)
    for number in range(1, tills + 1):
        till = paired(world, admit(world, number))
        town.tills.append(ApiTill(till.caller, _api_key(engine, till)))
    for number in range(1, cards + 1):
        issued = issue(world, keyring, reference=f"M-{number:05d}")
        purse = world.purse(issued.wallet_id, expires_on=EXPIRES_ON)
        town.cards.append(Card(card_url(host=HOST, token=issued.token), purse))
        if card_cents:
            town.give(town.cards[-1], card_cents)
    town.remember_heads()
    return town


def _api_key(engine: Engine, till: Till) -> str:
    return transact(
        engine,
        issue_api_key,
        territory_id=TERRITORY_ID,
        kind=SubjectKind.TILL,
        subject_id=till.id,
        label="torture",
        actor="job:test",
        now=NOW,
        random_bytes=chance(f"key{till.id}"),
    )
