"""Draw the whole month from a seed: what is given out, then what happens. The same seed gives the same month."""

import random

from monnaie_locale.demo.appointments import Appointments
from monnaie_locale.demo.mishaps import plan_mishaps
from monnaie_locale.demo.plan import Aid, Grants, Plan
from monnaie_locale.demo.pocket import Pocket
from monnaie_locale.demo.shopping import Shopping
from monnaie_locale.programmes.model import Category

# One household in so many receives the exceptional aid, the mobility aid, or nothing but the exceptional one.
SHORT_AID_SHARE, MOBILITY_SHARE, SEASONAL_SHARE = 5, 3, 25
# Below these there would not be one of each thing to show.
HOUSEHOLDS_MIN, SHOPS_MIN, CHARGES_MIN = 10, 4, 50


def draw_plan(
    *, seed: int, days: Appointments, households: int, categories: tuple[Category, ...], charges: int
) -> Plan:
    """Return the month that this seed gives.

    Args:
        seed: any integer.
        days: of the month to tell.
        households: how many, `HOUSEHOLDS_MIN` or more.
        categories: the category of each shop, in the order of the list; `SHOPS_MIN` or more.
        charges: about how many payments are accepted, `CHARGES_MIN` or more.

    """
    chance = random.Random(seed)  # noqa: S311 - a story, not a secret
    grants = _draw_grants(chance, days, households)
    shopping = Shopping(
        days=days, chance=chance, categories=categories, pockets=_pockets(grants, households), charges=charges
    )
    plan_mishaps(shopping)
    return Plan(
        seed=seed,
        days=days,
        household_count=households,
        shop_categories=categories,
        grants=grants,
        steps=shopping.run(),
    )


def _draw_grants(chance: random.Random, days: Appointments, households: int) -> tuple[Grants, ...]:
    """Return three distributions: the month's food aid, a short exceptional one, and mobility for a third."""
    seasonal = range(households - max(1, households // SEASONAL_SHARE), households)
    settled = range(seasonal.start)
    # The first two are in every distribution: what can be shown once is shown with few households too.
    short = sorted({0, 1, *chance.sample(settled, len(settled) // SHORT_AID_SHARE), *seasonal})
    mobile = sorted({0, 1, *chance.sample(settled, len(settled) // MOBILITY_SHARE)})
    return (
        Grants(
            aid=Aid.FOOD,
            label=f"Aide alimentaire {days.month.genitive_fr}",
            expires_on=days.end_of_year,
            lines=tuple((each, 6_000 + 2_000 * chance.randint(1, 5)) for each in settled),
        ),
        Grants(
            aid=Aid.FOOD,
            label=f"Aide exceptionnelle, à utiliser jusqu’au {days.short_expiry:%d/%m/%Y}",
            expires_on=days.short_expiry,
            lines=tuple((each, 500 * chance.randint(3, 6)) for each in short),
        ),
        Grants(
            aid=Aid.MOBILITY,
            label=f"Aide à la mobilité, {days.season_fr}",
            expires_on=days.end_of_next_year,
            lines=tuple((each, 1_000 * chance.randint(3, 5)) for each in mobile),
        ),
    )


def _pockets(grants: tuple[Grants, ...], households: int) -> list[Pocket]:
    pockets = [Pocket() for _ in range(households)]
    for each in grants:
        for household, cents in each.lines:
            pockets[household].give(aid=each.aid, expires_on=each.expires_on, cents=cents)
    return pockets
