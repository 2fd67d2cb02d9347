"""Draw the whole month from a seed: what is given out, then what happens. The same seed gives the same month."""

import datetime
import random

from monnaie_locale.demo.mishaps import plan_mishaps
from monnaie_locale.demo.plan import SHORT_EXPIRY, Aid, Grants, Plan
from monnaie_locale.demo.pocket import Pocket
from monnaie_locale.demo.shopping import Shopping
from monnaie_locale.programmes.model import Category

END_OF_YEAR = datetime.date(2026, 12, 31)
END_OF_NEXT_YEAR = datetime.date(2027, 12, 31)
# One household in so many receives the exceptional aid, the mobility aid, or nothing but the exceptional one.
SHORT_AID_SHARE, MOBILITY_SHARE, SEASONAL_SHARE = 5, 3, 25
# Below these there would not be one of each thing to show.
HOUSEHOLDS_MIN, SHOPS_MIN, CHARGES_MIN = 10, 4, 50


def draw_plan(*, seed: int, households: int, categories: tuple[Category, ...], charges: int) -> Plan:
    """Return the month that this seed gives.

    Args:
        seed: any integer.
        households: how many, `HOUSEHOLDS_MIN` or more.
        categories: the category of each shop, in the order of the list; `SHOPS_MIN` or more.
        charges: about how many payments are accepted, `CHARGES_MIN` or more.

    """
    chance = random.Random(seed)  # noqa: S311 - a story, not a secret
    grants = _draw_grants(chance, households)
    shopping = Shopping(chance=chance, categories=categories, pockets=_pockets(grants, households), charges=charges)
    plan_mishaps(shopping)
    return Plan(seed=seed, household_count=households, shop_categories=categories, grants=grants, steps=shopping.run())


def _draw_grants(chance: random.Random, households: int) -> tuple[Grants, ...]:
    """Return three distributions: the month's food aid, a short exceptional one, and mobility for a third."""
    seasonal = range(households - max(1, households // SEASONAL_SHARE), households)
    settled = range(seasonal.start)
    # The first two are in every distribution: what can be shown once is shown with few households too.
    short = sorted({0, 1, *chance.sample(settled, len(settled) // SHORT_AID_SHARE), *seasonal})
    mobile = sorted({0, 1, *chance.sample(settled, len(settled) // MOBILITY_SHARE)})
    return (
        Grants(
            aid=Aid.FOOD,
            label="Aide alimentaire d’octobre 2026",
            expires_on=END_OF_YEAR,
            lines=tuple((each, 6_000 + 2_000 * chance.randint(1, 5)) for each in settled),
        ),
        Grants(
            aid=Aid.FOOD,
            label="Aide exceptionnelle de rentrée, à utiliser avant le 15 octobre",
            expires_on=SHORT_EXPIRY,
            lines=tuple((each, 500 * chance.randint(3, 6)) for each in short),
        ),
        Grants(
            aid=Aid.MOBILITY,
            label="Aide à la mobilité, automne 2026",
            expires_on=END_OF_NEXT_YEAR,
            lines=tuple((each, 1_000 * chance.randint(3, 5)) for each in mobile),
        ),
    )


def _pockets(grants: tuple[Grants, ...], households: int) -> list[Pocket]:
    pockets = [Pocket() for _ in range(households)]
    for each in grants:
        for household, cents in each.lines:
            pockets[household].give(aid=each.aid, expires_on=each.expires_on, cents=cents)
    return pockets
