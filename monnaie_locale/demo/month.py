"""The month, stage by stage: people, shops, money in, aid out, shopping, shops paid, the bank's answer, the close."""

from dataclasses import dataclass

from merchants.model import Payout, Till
from monnaie_locale.closing.model import Close
from monnaie_locale.demo import aid, opening, settling, town
from monnaie_locale.demo.counter import Counters
from monnaie_locale.demo.installation import Clock
from monnaie_locale.demo.market import Market, open_market
from monnaie_locale.demo.people import People, hire
from monnaie_locale.demo.plan import (
    Aid,
    ApprovePayout,
    Expire,
    GoodsBack,
    MarketDay,
    MergeHouseholds,
    Plan,
    PreparePayout,
)
from monnaie_locale.demo.progress import Advance, Progress
from monnaie_locale.demo.stage import Stage
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.programmes.model import Programme
from monnaie_locale.runtime import Runtime
from wallets.model import IssuedCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of the month."""

    first_cards: tuple[IssuedCard, ...]
    counters: Counters
    market: Market
    payout: Payout
    statements: dict[str, bytes]
    stage: Stage
    programmes: dict[Aid, Programme]
    bank: settling.Bank
    close: Close
    verdict: Verdict

    @property
    def people(self) -> People:
        """Return the staff."""
        return self.stage.people

    @property
    def tills(self) -> list[Till]:
        """Return the tills, in the order of the shops."""
        return self.counters.tills


@dataclass(frozen=True, slots=True)
class _Lived:
    """What the weeks between the distribution and the close gave."""

    market: Market
    payout: Payout
    order: bytes


def run_month(
    rt: Runtime,
    *,
    clock: Clock,
    plan: Plan,
    households: tuple[town.Household, ...],
    shops: tuple[town.Shop, ...],
    progress: Progress,
) -> Ended:
    """Run the plan through the service's operations; the first answer that is not the planned one raises Surprise.

    Args:
        rt: a new installation, on `clock`.
        clock: moved by the plan.
        plan: drawn for as many households and shops.
        households: in the plan's order.
        shops: in the plan's order.
        progress: told of every stage.

    """
    with progress.stage("Équipe, dispositifs et commerces", length=1 + len(shops)) as advance:
        stage = Stage(rt=rt, clock=clock, people=hire(rt), plan=plan)
        programmes = opening.open_programmes(stage)
        advance(1)
        tills = opening.admit_shops(stage, shops, advance)
    with progress.stage("Ménages et cartes", length=len(households)) as advance:
        cards = opening.enrol(stage, households, advance)
    bank = settling.Bank(stage=stage)
    with progress.stage("Financement et distributions", length=1 + len(plan.grants)) as advance:
        _give(stage, bank, programmes, cards, advance)
    counters = Counters(rt=rt, clock=clock, people=stage.people, tills=tills, cards=list(cards))
    with progress.stage("Un mois d’encaissements", length=len(plan.steps)) as advance:
        lived = _live(stage, counters, programmes, advance)
    with progress.stage("Réponse de la banque, arrêté du mois", length=3) as advance:
        settling.hear_from_the_bank(bank, lived.order)
        advance(1)
        close, verdict = settling.close(stage), settling.verified(stage)
        advance(2)
    return Ended(
        first_cards=tuple(cards),
        counters=counters,
        market=lived.market,
        payout=lived.payout,
        statements=dict(bank.files),
        stage=stage,
        programmes=programmes,
        bank=bank,
        close=close,
        verdict=verdict,
    )


def _give(
    stage: Stage, bank: settling.Bank, programmes: dict[Aid, Programme], cards: list[IssuedCard], advance: Advance
) -> None:
    """Let the CCAS's money come in on the first statement, then give the aid out."""
    bookings = aid.announce_funding(stage, programmes)
    days = stage.plan.days
    bank.import_day(bookings, from_on=days.month.first_day, to_on=days.funded_on, at=days.first_statement_at)
    advance(1)
    aid.distribute(stage, programmes, cards, advance)
    aid.guarantee(stage, programmes)


def _live(stage: Stage, counters: Counters, programmes: dict[Aid, Programme], advance: Advance) -> _Lived:
    """Run every step of the plan."""
    market = open_market(counters, stage.plan)
    payout: Payout | None = None
    order = b""
    for step in stage.plan.steps:
        match step:
            case Expire():
                counters.move_to(step.at)
                aid.expire(stage, programmes)
            case PreparePayout():
                counters.move_to(step.at)
                payout = settling.prepare(stage)
            case ApprovePayout() if payout is not None:
                counters.move_to(step.at)
                payout, order = settling.approve(stage, payout)
            case ApprovePayout():
                raise ValueError(step)
            case MarketDay() | GoodsBack() | MergeHouseholds():
                market.run(step)
            case _:
                counters.run(step)
        advance(1)
    if payout is None:
        raise ValueError(stage.plan.seed)
    return _Lived(market, payout, order)
