"""Programmes, funding and distributions for the tests, made through their own operations."""

import datetime
from collections.abc import Collection, Sequence

from sqlalchemy import Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.periods import moment_of
from monnaie_locale.programmes.model import Category, Distribution, LegalBasis, PinRule, Programme, ProgrammeTerms
from monnaie_locale.programmes.operations.distributing import approve_distribution, prepare_distribution
from monnaie_locale.programmes.operations.funding import receive_funding, register_funding_order
from monnaie_locale.programmes.operations.opening import open_programme
from monnaie_locale.programmes.operations.paying_out import post_distribution
from tests.factories.ledger import EXPIRES_ON, NOON_MS, TERRITORY_ID

NOW = moment_of(NOON_MS)
TODAY = datetime.date(2026, 10, 5)
MAKER = "staff:1"
CHECKER = "staff:2"
FOOD_SHOPS = frozenset({Category.FOOD, Category.HYGIENE})


def terms(name: str = "Aide alimentaire", **more: object) -> ProgrammeTerms:
    """Return the terms of a food programme of 10 000 €, PIN above 20 €."""
    values: dict[str, object] = {
        "name": name,
        "legal_basis": LegalBasis.CONVENTION,
        "decision_reference": "DEL-2026-017",
        "decided_on": datetime.date(2026, 9, 1),
        "budget_cents": 1_000_000,
        "categories": FOOD_SHOPS,
    }
    return ProgrammeTerms(**(values | more))  # type: ignore[arg-type]


def programme(engine: Engine, name: str = "Aide alimentaire", **more: object) -> Programme:
    """Open a programme."""
    return transact(engine, open_programme, territory_id=TERRITORY_ID, terms=terms(name, **more), actor=MAKER, now=NOW)


def transport(engine: Engine) -> Programme:
    """Open a transport programme whose every payment asks for the PIN."""
    return programme(engine, "Mobilité", categories=frozenset({Category.TRANSPORT}), pin_rule=PinRule.ALWAYS)


def fund(engine: Engine, programme_id: int, amount_cents: int) -> None:
    """Announce and receive euros for a programme."""
    order = transact(
        engine,
        register_funding_order,
        territory_id=TERRITORY_ID,
        programme_id=programme_id,
        amount_cents=amount_cents,
        actor=MAKER,
        now=NOW,
    )
    transact(
        engine,
        receive_funding,
        territory_id=TERRITORY_ID,
        funding_order_id=order.funding_order_id,
        bank_reference="B1",
        booked_on=TODAY,
        now=NOW,
    )


def prepared(
    engine: Engine,
    programme_id: int,
    lines: Sequence[tuple[int, int]],
    *,
    expires_on: datetime.date = EXPIRES_ON,
    actor: str = MAKER,
    now: datetime.datetime = NOW,
) -> Distribution:
    """Prepare a distribution."""
    return transact(
        engine,
        prepare_distribution,
        territory_id=TERRITORY_ID,
        programme_id=programme_id,
        lines=lines,
        expires_on=expires_on,
        label="Octobre",
        actor=actor,
        now=now,
    )


def approved(engine: Engine, programme_id: int, lines: Sequence[tuple[int, int]], **more: object) -> Distribution:
    """Prepare a distribution and let another person approve it."""
    made = prepared(engine, programme_id, lines, **more)  # type: ignore[arg-type]
    return transact(
        engine,
        approve_distribution,
        territory_id=TERRITORY_ID,
        distribution_id=made.distribution_id,
        actor=CHECKER,
        now=more.get("now", NOW),  # type: ignore[arg-type]
    )


def distributed(engine: Engine, programme_id: int, lines: Collection[tuple[int, int]], **more: object) -> Distribution:
    """Fund, prepare, approve and post a distribution."""
    fund(engine, programme_id, sum(amount_cents for _, amount_cents in lines))
    made = approved(engine, programme_id, list(lines), **more)
    return post_distribution(
        engine,
        territory_id=TERRITORY_ID,
        distribution_id=made.distribution_id,
        actor=CHECKER,
        now=more.get("now", NOW),  # type: ignore[arg-type]
    )
