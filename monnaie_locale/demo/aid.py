"""Money for the programmes, and aid out of it: announced, distributed by two people, taken back when it expires."""

import datetime
from collections.abc import Sequence

from monnaie_locale.database.transaction import transact
from monnaie_locale.demo.bank import BankCode, Booking
from monnaie_locale.demo.plan import Aid, Grants
from monnaie_locale.demo.progress import Advance
from monnaie_locale.demo.stage import MINUTE, Stage
from monnaie_locale.identity.roles import Role
from monnaie_locale.programmes.model import GuaranteeMoveKind, Programme
from monnaie_locale.programmes.operations.distributing import approve_distribution, prepare_distribution
from monnaie_locale.programmes.operations.expiring import expire_purses
from monnaie_locale.programmes.operations.funding import register_funding_order
from monnaie_locale.programmes.operations.guaranteeing import approve_guarantee_move, prepare_guarantee_move
from monnaie_locale.programmes.operations.paying_out import post_distribution
from wallets.model import IssuedCard

# The CCAS transfers what is given out and some more, in whole hundreds of euros.
FUNDING_STEP_CENTS = 10_000
FUNDING_SLACK_CENTS = 30_000
GUARANTEE_CENTS = 1_000


def announce_funding(stage: Stage, programmes: dict[Aid, Programme]) -> list[Booking]:
    """Register what the CCAS will transfer for the first month, and return what the bank will show."""
    days = stage.plan.days
    stage.clock.now = days.enrolled_at + 60 * MINUTE
    wanted_cents = {aid: stage.plan.granted_cents(aid) + FUNDING_SLACK_CENTS for aid in programmes}
    return announce(stage, programmes, wanted_cents=wanted_cents, booked_on=days.funded_on)


def announce(
    stage: Stage, programmes: dict[Aid, Programme], *, wanted_cents: dict[Aid, int], booked_on: datetime.date
) -> list[Booking]:
    """Register funding orders, in whole hundreds of euros, and return what the bank will show on a day."""
    bookings = []
    for aid, programme in programmes.items():
        order = transact(
            stage.rt.engine,
            register_funding_order,
            territory_id=stage.rt.territory_id,
            programme_id=programme.programme_id,
            amount_cents=-(-wanted_cents[aid] // FUNDING_STEP_CENTS) * FUNDING_STEP_CENTS,
            actor=stage.by(Role.PROGRAMME_MANAGER),
            now=stage.now,
        )
        bookings.append(
            Booking(
                booked_on=booked_on,
                amount_cents=order.amount_cents,
                code=BankCode.RECEIVED,
                text=f"CCAS VILLE-EXEMPLE DOTATION {order.reference}",
                creditor_reference=order.reference,
            )
        )
    return bookings


def distribute(stage: Stage, programmes: dict[Aid, Programme], cards: list[IssuedCard], advance: Advance) -> None:
    """Give the first month's aid out."""
    stage.clock.now = stage.plan.days.distributed_at
    give_out(stage, stage.plan.grants, programmes, cards, advance)


def give_out(
    stage: Stage,
    some: Sequence[Grants],
    programmes: dict[Aid, Programme],
    cards: Sequence[IssuedCard],
    advance: Advance,
) -> None:
    """Let one person prepare each distribution and another approve it, then post it."""
    for grants in some:
        prepared = transact(
            stage.rt.engine,
            prepare_distribution,
            territory_id=stage.rt.territory_id,
            programme_id=programmes[grants.aid].programme_id,
            lines=[(cards[household].wallet_id, cents) for household, cents in grants.lines],
            expires_on=grants.expires_on,
            label=grants.label,
            actor=stage.by(Role.PROGRAMME_MANAGER),
            now=stage.now,
        )
        stage.clock.now += 30 * MINUTE
        transact(
            stage.rt.engine,
            approve_distribution,
            territory_id=stage.rt.territory_id,
            distribution_id=prepared.distribution_id,
            actor=stage.by(Role.APPROVER),
            now=stage.now,
        )
        post_distribution(
            stage.rt.engine,
            territory_id=stage.rt.territory_id,
            distribution_id=prepared.distribution_id,
            actor=stage.by(Role.APPROVER),
            now=stage.now,
        )
        advance(1)


def guarantee(stage: Stage, programmes: dict[Aid, Programme]) -> None:
    """Set some of the food programme's money aside for what shops take offline: prepared, then approved."""
    stage.clock.now += 30 * MINUTE
    prepared = transact(
        stage.rt.engine,
        prepare_guarantee_move,
        territory_id=stage.rt.territory_id,
        programme_id=programmes[Aid.FOOD].programme_id,
        kind=GuaranteeMoveKind.FUND,
        amount_cents=GUARANTEE_CENTS,
        actor=stage.by(Role.PROGRAMME_MANAGER),
        now=stage.now,
    )
    stage.clock.now += 30 * MINUTE
    transact(
        stage.rt.engine,
        approve_guarantee_move,
        territory_id=stage.rt.territory_id,
        move_id=prepared.move_id,
        actor=stage.by(Role.APPROVER),
        now=stage.now,
    )


def expire(stage: Stage, programmes: dict[Aid, Programme]) -> None:
    """Run the nightly job of expiry."""
    for programme in programmes.values():
        transact(
            stage.rt.engine,
            expire_purses,
            territory_id=stage.rt.territory_id,
            programme_id=programme.programme_id,
            actor="job:expiry",
            now=stage.now,
        )
