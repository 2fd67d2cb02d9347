"""A town before its month: eleven shops, twenty cards, two fundings announced; founded once, then copied."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Engine

from merchants.model import Merchant, Till
from monnaie_locale.database.transaction import transact
from monnaie_locale.keyring import Keyring
from monnaie_locale.programmes.model import Category, FundingOrder, PinRule
from monnaie_locale.programmes.operations.funding import register_funding_order
from monnaie_locale.programmes.operations.opening import open_programme
from tests.factories.ledger import TERRITORY_ID, World, open_world
from tests.factories.market import issue, terms
from tests.factories.merchants import admit, paired
from tests.factories.month import MAKER, moment
from wallets.model import IssuedCard

SHOPS = 11
CARDS = 20
FUNDED_CENTS = 400_000
SECOND_CENTS = 73_100


@dataclass(frozen=True)
class Town:
    """What is the same in every world of the town."""

    keyring: Keyring
    shops: tuple[Merchant, ...]
    tills: dict[int, Till]
    cards: tuple[IssuedCard, ...]
    order: FundingOrder
    second_order: FundingOrder


def found_town(engine: Engine) -> Town:
    """Open the programme and the shops, enrol the households, announce the fundings: on the 1st of October."""
    world: World = open_world(engine)
    keyring = Keyring.generate()
    common = {"territory_id": TERRITORY_ID, "actor": MAKER, "now": moment(1)}
    programme = transact(
        engine, open_programme, terms=terms("Aide alimentaire", Category.FOOD, PinRule.NEVER), **common
    )
    orders = [
        transact(engine, register_funding_order, programme_id=programme.programme_id, amount_cents=cents, **common)
        for cents in (FUNDED_CENTS, SECOND_CENTS)
    ]
    shops = tuple(admit(world, number) for number in range(1, SHOPS + 1))
    return Town(
        keyring=keyring,
        shops=shops,
        tills={shop.id: paired(world, shop) for shop in shops},
        cards=tuple(issue(world, keyring, reference=f"M-{number}") for number in range(CARDS)),
        order=orders[0],
        second_order=orders[1],
    )


def october(day: int) -> datetime.date:
    """Return a day of the month."""
    return datetime.date(2026, 10, day)
