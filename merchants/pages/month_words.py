"""What the till says of a month beside its operations, in the words of the shop's statement on paper."""

import datetime
from dataclasses import dataclass

from merchants.statements.month import Paid, ShopMonth
from monnaie_locale.documents.merchant_statement import FEE, MINIMUM, RATE, cap_state
from monnaie_locale.documents.model import CapYear
from monnaie_locale.documents.wording import day_long, rate_shown, reference_shown
from monnaie_locale.ledger.money import format_euros

CAP_KEPT = "{kept} de chèques d’accompagnement personnalisé ne sont pas payés : voir plus bas."


@dataclass(frozen=True, slots=True)
class MonthWords:
    """French words for the page: facts of the transfer, sentences, and each year of chèques with where it stands."""

    transfer: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    cap: tuple[tuple[CapYear, str], ...]


def month_words(beside: ShopMonth, *, today: datetime.date, is_empty: bool) -> MonthWords | None:
    """Return what matters of a shop's month, or None: the fee where there is one, the minimum where nothing is paid.

    `is_empty`: the shop has no operation of that month.
    """
    paid = beside.paid
    sentences = []
    if paid is None and not is_empty and beside.terms.minimum_cents is not None:
        sentences.append(MINIMUM.format(minimum=format_euros(beside.terms.minimum_cents)))
    if beside.terms.fee_basis_points and not (paid is None and is_empty):
        sentences.append(RATE.format(rate=rate_shown(beside.terms.fee_basis_points)))
    kept_cents = sum(each.kept_cents for each in beside.cap)
    if kept_cents:
        sentences.append(CAP_KEPT.format(kept=format_euros(kept_cents)))
    cap = tuple((each, cap_state(each, today=today)) for each in beside.cap)
    transfer = () if paid is None else _transfer(paid)
    return MonthWords(transfer, tuple(sentences), cap) if transfer or sentences or cap else None


def _transfer(paid: Paid) -> tuple[tuple[str, str], ...]:
    line = paid.line
    facts = [("Indu repris avant", format_euros(line.recovered_cents))] if line.recovered_cents else []
    if line.fee_cents:
        facts += [
            ("Montant brut", format_euros(line.amount_cents + line.fee_cents)), (FEE, format_euros(-line.fee_cents)),
        ]  # fmt: skip
    return (
        *facts,
        ("Virement ordonné", format_euros(line.amount_cents)),
        ("Date du virement", day_long(paid.execution_on)),
        ("Référence", reference_shown(line.rf_reference)),
    )
