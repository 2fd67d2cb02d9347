"""A market day: two programmes, a household with a card, a food shop with a till, and a writer."""

import datetime
from dataclasses import dataclass, field

from sqlalchemy import Engine

from merchants.charging.charge import charge
from merchants.model import Merchant, Receipt, Till
from merchants.queries import merchant_accounts
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes.model import Category, ExpiredGoesTo, LegalBasis, PinRule, ProgrammeTerms
from monnaie_locale.programmes.operations.opening import open_programme
from tests.factories.ledger import TERRITORY_ID, World, open_world, territory
from tests.factories.merchants import MANAGER, NOW, admit, chance, paired
from tests.factories.site import Site
from wallets.codes.card_token import card_url
from wallets.model import IssuedCard
from wallets.operations.cards import issue_card
from wallets.operations.enrolling import enrol_household, open_wallet

HOST = territory().host


@dataclass
class Market:
    """The market; `clock` is the moment at which things happen and are recorded."""

    engine: Engine
    world: World
    keyring: Keyring
    writer: Writer
    merchant: Merchant
    till: Till
    card: IssuedCard
    clock: list[datetime.datetime] = field(default_factory=lambda: [NOW])

    @property
    def now(self) -> datetime.datetime:
        """Return the present of the market."""
        return self.clock[0]

    def charge(self, amount_cents: int, *, key: str = "k1", **more: object) -> Receipt:
        """Charge the card at the till, by its scanned code."""
        values: dict[str, object] = {
            "till": self.till,
            "card_code": card_url(host=HOST, token=self.card.token),
            "now": self.now,
        }
        return charge(
            engine=self.engine,
            keyring=self.keyring,
            writer=self.writer,
            territory_id=TERRITORY_ID,
            host=HOST,
            amount_cents=amount_cents,
            idempotency_key=key,
            **(values | more),  # type: ignore[arg-type]
        )

    def purse(self, *, programme: int = 1) -> int:
        """Return what the card's purse of a programme holds, in cents."""
        return self.cents(self.world.purse(self.card.wallet_id, programme))

    def owed(self) -> int:
        """Return what the shop is owed, in cents."""
        with reading(self.engine) as db:
            account_id, _ = merchant_accounts(db, territory_id=TERRITORY_ID, merchant_id=self.merchant.id)
        return self.cents(account_id)

    def cents(self, account_id: int) -> int:
        """Return an account's balance."""
        with reading(self.engine) as db:
            return balance_of(db, territory_id=TERRITORY_ID, account_id=account_id)


def open_market(
    engine: Engine, *, cents: int = 10_000, pin_rule: PinRule = PinRule.NEVER, debt_limit_cents: int = 50_000
) -> Market:
    """Return a market: the card holds `cents` of food aid (programme 1) and nothing of transport (programme 2)."""
    clock = [NOW]
    return furnish(
        open_world(engine),
        keyring=Keyring.generate(),
        writer=Writer(engine, clock_ms=lambda: instant_ms(clock[0])),
        clock=clock,
        cents=cents,
        pin_rule=pin_rule,
        debt_limit_cents=debt_limit_cents,
    )


def market_at(site: Site, *, cents: int = 10_000, pin_rule: PinRule = PinRule.NEVER) -> Market:
    """Return a market in a site's own books."""
    world = World(site.rt.engine)
    return furnish(world, keyring=site.rt.keyring, writer=site.rt.writer, clock=[NOW], cents=cents, pin_rule=pin_rule)


def furnish(
    world: World,
    *,
    keyring: Keyring,
    writer: Writer,
    clock: list[datetime.datetime],
    cents: int,
    pin_rule: PinRule,
    debt_limit_cents: int = 50_000,
) -> Market:
    """Open the programmes, the shop with its till, and the household's card."""
    engine = world.engine
    for name, category in (("Aide alimentaire", Category.FOOD), ("Mobilité", Category.TRANSPORT)):
        transact(
            engine, open_programme, territory_id=TERRITORY_ID, terms=terms(name, category, pin_rule), actor=MANAGER,
            now=NOW,
        )  # fmt: skip
    merchant = admit(world, debt_limit_cents=debt_limit_cents)
    till = paired(world, merchant)
    card = issue(world, keyring)
    world.fund(500_000)
    if cents:
        world.issue(card.wallet_id, cents)
    return Market(engine, world, keyring, writer, merchant, till, card, clock)


def terms(name: str, category: Category, pin_rule: PinRule) -> ProgrammeTerms:
    """Return the terms of a programme of one category."""
    return ProgrammeTerms(
        name=name,
        legal_basis=LegalBasis.CIVIL_MANDATE,
        decision_reference="2026-31",
        decided_on=datetime.date(2026, 9, 1),
        budget_cents=10_000_000,
        pin_rule=pin_rule,
        pin_above_cents=2_000 if pin_rule is PinRule.ABOVE else 0,
        grace_days=10,
        expired_goes_to=ExpiredGoesTo.CCAS,
        categories=frozenset({category}),
    )


def issue(world: World, keyring: Keyring, *, reference: str = "M-001") -> IssuedCard:
    """Enrol a household, open its wallet and issue its card."""
    person = {"territory_id": world.territory_id, "actor": MANAGER, "now": NOW}
    household_id = transact(world.engine, enrol_household, reference=reference, keyring=keyring, **person)
    wallet = transact(world.engine, open_wallet, household_id=household_id, **person)
    return transact(
        world.engine,
        issue_card,
        wallet_id=wallet.wallet_id,
        keyring=keyring,
        random_bytes=chance(reference),
        **person,
    )
