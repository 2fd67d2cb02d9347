"""A small territory with funds, purses and shops, made through the journal's own operations."""

import datetime
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.journal.directory import Owner, Territory, create_territory, open_account, single_account
from monnaie_locale.journal.post import post
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest

TERRITORY_ID = 1
# 5 October 2026, 10:00 in Paris.
NOON_MS = 1_791_187_200_000
EXPIRES_ON = datetime.date(2026, 12, 31)


def territory(territory_id: int = TERRITORY_ID) -> Territory:
    """Return Ville-Exemple, or another town of the same shape."""
    return Territory(
        territory_id=territory_id,
        code=f"VILLE{territory_id}",
        name="Ville-Exemple",
        currency_name="l'Exemple",
        host="MONNAIE.VILLE-EXEMPLE.FR",
        issuer_name="Association Monnaie de Ville-Exemple",
        issuer_siret="73282932000074",
        issuer_street="Place de la Mairie",
        issuer_building="1",
        issuer_postcode="64100",
        issuer_town="Ville-Exemple",
        reserve_iban="FR7630006000011234567890189",
        reserve_bic="AGRIFRPP",
        ccas_name="CCAS de Ville-Exemple",
        ccas_phone="05 00 00 00 00",
        is_demo=True,
    )


def posting(kind: EntryKind, *draws: Draw, key: str, territory_id: int = TERRITORY_ID, **more: object) -> Posting:
    """Return a posting whose digest is that of its draws."""
    values: dict[str, object] = {
        "territory_id": territory_id,
        "caller": "test:1",
        "idempotency_key": key,
        "request_digest": request_digest(draws=repr(draws)),
        "kind": kind,
        "draws": draws,
        "happened_at_ms": NOON_MS,
    }
    return Posting(**(values | more))  # type: ignore[arg-type]


@dataclass
class World:
    """A territory whose programme 1 has funds; wallets and shops are opened by number."""

    engine: Engine
    territory_id: int = TERRITORY_ID
    now_ms: int = NOON_MS
    keys: int = field(default=0)

    def do(self, kind: EntryKind, *draws: Draw, **more: object) -> Posted:
        """Post one entry in its own transaction."""
        self.keys += 1
        values: dict[str, object] = {"key": f"k{self.keys}"} | more
        return transact(
            self.engine,
            post,
            posting(kind, *draws, territory_id=self.territory_id, **values),  # type: ignore[arg-type]
            recorded_at_ms=self.now_ms,
        )

    def account(
        self,
        kind: AccountKind,
        *,
        programme: int = 0,
        wallet: int = 0,
        merchant: int = 0,
        expires_on: datetime.date | None = None,
    ) -> int:
        """Return the account, opened when it is missing."""
        owner = Owner(kind, programme, wallet, merchant, *([expires_on] if expires_on else []))
        return transact(self.engine, open_account, territory_id=self.territory_id, owner=owner, now_ms=self.now_ms)

    def single(self, kind: AccountKind) -> int:
        """Return the territory's one account of that kind."""
        return transact(self.engine, _single, territory_id=self.territory_id, kind=kind)

    def funds(self, programme: int = 1) -> int:
        """Return a programme's account of funds."""
        return self.account(AccountKind.PROGRAMME_FUNDS, programme=programme)

    def purse(self, wallet: int, programme: int = 1, expires_on: datetime.date = EXPIRES_ON) -> int:
        """Return a wallet's purse."""
        return self.account(AccountKind.PURSE, programme=programme, wallet=wallet, expires_on=expires_on)

    def shop(self, merchant: int) -> int:
        """Return a shop's account."""
        return self.account(AccountKind.MERCHANT, merchant=merchant)

    def fund(self, amount_cents: int, programme: int = 1) -> Posted:
        """Receive euros for a programme."""
        draw = Draw((self.single(AccountKind.RESERVE),), self.funds(programme), amount_cents)
        return self.do(EntryKind.FUNDING, draw)

    def issue(self, wallet: int, amount_cents: int, programme: int = 1, **more: object) -> Posted:
        """Distribute units to a wallet."""
        return self.do(
            EntryKind.DISTRIBUTION, Draw((self.funds(programme),), self.purse(wallet, programme), amount_cents), **more
        )

    def charge(self, wallet: int, merchant: int, amount_cents: int, **more: object) -> Posted:
        """Pay a shop from a wallet's first purse."""
        draw = Draw((self.purse(wallet),), self.shop(merchant), amount_cents)
        return self.do(EntryKind.CHARGE, draw, **more)


def _single(db: Connection, *, territory_id: int, kind: AccountKind) -> int:
    return single_account(db, territory_id=territory_id, kind=kind)


def open_world(engine: Engine, territory_id: int = TERRITORY_ID) -> World:
    """Return a new territory in the database."""
    transact(engine, create_territory, territory=territory(territory_id), now_ms=NOON_MS)
    return World(engine, territory_id)


def small_world(engine: Engine) -> World:
    """Return a territory with 1 000 € of funds, 100 € in wallet 7, 12,50 € spent at shop 3."""
    world = open_world(engine)
    world.fund(100_000)
    world.issue(7, 10_000)
    world.charge(7, 3, 1_250)
    return world
