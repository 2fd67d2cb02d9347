"""The months in one table, in French."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monnaie_locale.closing.model import STATE_NAMES
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo.appointments import day_of
from monnaie_locale.demo.month import Ended
from monnaie_locale.demo.output import file_families
from monnaie_locale.demo.plan import Plan
from monnaie_locale.demo.stall import Event
from monnaie_locale.demo.year import LivedMonth
from monnaie_locale.journal.queries import accounts_of, head_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS
from monnaie_locale.runtime import Runtime

REFUSED: dict[str, str] = {
    "insufficient_funds": "solde insuffisant",
    "offline_guarantee_short": "hors connexion, au-delà de la garantie",
    "pin_required": "code secret manquant",
    "card_refused": "carte inconnue ou bloquée, code faux",
    "pin_locked": "carte verrouillée après cinq codes faux",
    "merchant_not_eligible": "commerce hors du dispositif",
    "purse_expired": "aide périmée",
    "card_malformed": "code de carte illisible",
    "amount_not_positive": "montant nul",
    "idempotency_key_reused": "clé déjà utilisée pour une autre demande",
    "refund_exceeds_charge": "remboursement supérieur à l’encaissement",
    "phone_code_used": "code de téléphone déjà utilisé",
    "charge_abandoned": "demande arrivée après « non payé »",
}
LABEL_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    label: str
    value: str


def summary(
    rt: Runtime, *, plan: Plan, ended: Ended, later: Sequence[LivedMonth], names: Sequence[str], seconds: float
) -> list[Row]:
    """Return the lines of the table: what happened in all the months.

    Args:
        rt: the installation.
        plan: what was planned.
        ended: what came of it.
        later: the months after the first.
        names: the files written.
        seconds: how long all of it took.

    """
    return [
        *_town(plan),
        *_shopping(ended),
        *_money(rt, plan=plan, ended=ended, later=later),
        Row("Vérification complète", _verdict(ended)),
        Row("Durée", f"{seconds:.1f} s".replace(".", ",")),
        *(Row("Fichiers" if rank == 0 else "", name) for rank, name in enumerate(file_families(names))),
    ]


def year_rows(later: Sequence[LivedMonth]) -> list[Row]:
    """Return a line for each month after the first: what was taken, what the shops were paid, that it is closed."""
    return [
        Row(
            each.month.label_fr.capitalize(),
            f"{each.charges} encaissements ({format_euros(each.charged_cents)}), viré"
            f" {format_euros(each.payout.total_cents)}, {STATE_NAMES[each.close.state]}",
        )
        for each in later
    ]


def months_title(plan: Plan, later: Sequence[LivedMonth]) -> str:
    """Return the title of the table."""
    through = f" à {later[-1].month.label_fr}" if later else ""
    return f"Ville-Exemple (démonstration) – {plan.month.label_fr}{through}"


def market_title(plan: Plan) -> str:
    """Return the title of the market day's table."""
    return f"Un dimanche de marché, à la caisse d’un commerce – {plan.days.market_at:%d/%m/%Y}"


def market_rows(events: Sequence[Event]) -> list[Row]:
    """Return the market day as lines of a table: the time in Paris, what happened, how it ended."""
    day = day_of(events[0].at)
    return [
        Row(f"{_date(event.at, day)}{event.at.astimezone(PARIS):%H:%M}  {event.what}", event.outcome)
        for event in events
    ]


def table(rows: Sequence[Row], *, title: str) -> str:
    """Return the table as text."""
    lines = [f"{row.label:<{LABEL_WIDTH}}{row.value}" for row in rows]
    return "\n".join(["", title, "─" * len(title), *lines, ""])


def _town(plan: Plan) -> Iterator[Row]:
    yield Row("Ménages, une carte chacun", str(plan.household_count))
    yield Row("Commerces, une caisse chacun", str(len(plan.shop_categories)))


def _shopping(ended: Ended) -> Iterator[Row]:
    tally = ended.counters.tally
    yield Row("Encaissements acceptés", f"{tally.charges} ({format_euros(tally.charged_cents)})")
    yield Row("  dont partiels", str(tally.partial))
    yield Row("  dont sur plusieurs porte-monnaie", str(tally.several_purses))
    yield Row("  dont confirmés sur téléphone", str(tally.by_phone))
    yield Row("  dont arrivés après une coupure de réseau", str(tally.late))
    yield Row("Demandes renvoyées, comptées une seule fois", str(tally.retries))
    yield Row("Remboursements", f"{tally.refunds} ({format_euros(tally.refunded_cents)})")
    yield Row("Demandes refusées", str(tally.refused.total()))
    for code, count in tally.refused.most_common():
        yield Row(f"  {REFUSED.get(code, code)}", str(count))


def _money(rt: Runtime, *, plan: Plan, ended: Ended, later: Sequence[LivedMonth]) -> Iterator[Row]:
    tally = ended.counters.tally
    grants = [*plan.grants, *(grant for each in later for grant in each.grants)]
    payouts = [ended.payout, *(each.payout for each in later)]
    transfers = sum(len(payout.lines) for payout in payouts)
    with reading(rt.engine) as db:
        head = head_of(db, territory_id=rt.territory_id)
        expired = list(accounts_of(db, territory_id=rt.territory_id, kinds=[AccountKind.EXPIRED]))
    yield Row("Aide distribuée", format_euros(sum(each.total_cents for each in grants)))
    yield Row("Aide dépensée, remboursements déduits", format_euros(tally.charged_cents - tally.refunded_cents))
    yield Row("  dont payée par la garantie hors connexion", format_euros(tally.guaranteed_cents))
    yield Row("Aide périmée, à rendre au CCAS", format_euros(sum(balance.net_credit_cents for _, balance in expired)))
    paid = format_euros(sum(payout.total_cents for payout in payouts))
    yield Row("Viré aux commerçants", f"{paid} ({transfers} virements)")
    yield Row("  dont retourné par une banque", format_euros(ended.payout.lines[-1].amount_cents))
    yield Row("Réserve en banque", format_euros(head.reserve_cents))
    yield Row("Monnaie à couvrir par la réserve", format_euros(head.owed_cents))


def _date(at: datetime.datetime, day: datetime.date) -> str:
    return "" if day_of(at) == day else f"{at.astimezone(PARIS):%d/%m} "


def _verdict(ended: Ended) -> str:
    if ended.verdict.ok:
        return f"propre, {ended.verdict.entries} écritures recalculées"
    return f"{len(ended.verdict.findings)} anomalies"
