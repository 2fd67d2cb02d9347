"""A shop's monthly statement: what it took, what it gave back, what it is paid."""

import datetime
import enum
import itertools
from collections.abc import Sequence

from monnaie_locale.documents.model import MerchantStatement, StatementLine
from monnaie_locale.documents.typeset import typeset
from monnaie_locale.documents.wording import (
    day_long,
    day_short,
    head_block,
    issuer_block,
    mask_iban,
    moment_short,
    reference_shown,
    siret_shown,
)
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS


class Detail(enum.StrEnum):
    """How much a statement tells: every operation, or one line a day."""

    OPERATIONS = "operations"
    DAYS = "days"


ELSEWHERE = "Chaque opération est dans le fichier CSV du même nom, qui a le même total."


def merchant_statement(
    statement: MerchantStatement, *, created_at: datetime.datetime, detail: Detail = Detail.OPERATIONS
) -> bytes:
    """Return the statement as an accessible PDF. It names no holder: a shop never learns who paid."""
    title = f"Relevé du mois – {statement.month.label_fr} – {statement.merchant.name}"
    data = {
        "title": title,
        "footer": f"{statement.merchant.name} – {statement.month.label_fr} – établi le {day_short(_day(created_at))}",
        "demo": statement.is_demo,
        "issuer": issuer_block(statement.issuer),
        "heading": f"Relevé du mois : {statement.month.label_fr}",
        "currency_name": statement.currency_name,
        "merchant": {
            "name": statement.merchant.name,
            "lines": [*statement.merchant.address_lines, f"SIRET {siret_shown(statement.merchant.siret)}"],
        },
        "summary": _summary(statement),
        "payout": _payout(statement),
        "detail": detail.value,
        "elsewhere": ELSEWHERE if detail is Detail.DAYS else "",
        "rows": _operation_rows(statement.lines) if detail is Detail.OPERATIONS else _day_rows(statement.lines),
        "total": format_euros(statement.operations_cents),
        "certification": statement.cap_certification,
        "head": head_block(statement.head),
    }
    return typeset("merchant_statement", data, created_at=created_at)


def _summary(statement: MerchantStatement) -> list[tuple[str, str, str]]:
    """Return the month in a few lines: label, number of operations, amount."""
    first, last = statement.month.first_day, statement.month.last_day
    kinds = sorted({line.kind for line in statement.lines}, key=[line.kind for line in statement.lines].index)
    rows = [(f"Solde dû au {day_long(first)}", "", format_euros(statement.opening_cents))]
    for kind in kinds:
        amounts = [line.amount_cents for line in statement.lines if line.kind == kind]
        rows.append((kind, str(len(amounts)), format_euros(sum(amounts))))
    if statement.payout_cents:
        rows.append(("Virement de ce relevé", "", format_euros(-statement.payout_cents)))
    rows.append((f"Solde restant dû au {day_long(last)}", "", format_euros(statement.closing_cents)))
    return rows


def _payout(statement: MerchantStatement) -> dict[str, object]:
    """Return what the transfer box says."""
    if not statement.payout_cents:
        return {"amount": "", "facts": []}
    facts = [("Compte", mask_iban(statement.merchant.iban)), ("Référence", reference_shown(statement.payout_reference))]
    if statement.payout_on is not None:
        facts.insert(0, ("Date du virement", day_long(statement.payout_on)))
    return {"amount": format_euros(statement.payout_cents), "facts": facts}


def _operation_rows(lines: Sequence[StatementLine]) -> list[list[str]]:
    return [
        [
            line.number,
            moment_short(line.happened_at),
            f"{line.kind} ({line.note})" if line.note else line.kind,
            format_euros(line.amount_cents),
        ]
        for line in lines
    ]


def _day_rows(lines: Sequence[StatementLine]) -> list[list[str]]:
    """Return one row a day in Paris: the day, how many operations, what came in, what went out, the sum."""
    rows = []
    ordered = sorted(lines, key=lambda line: line.happened_at)
    for day, group in itertools.groupby(ordered, key=lambda line: _day(line.happened_at)):
        amounts = [line.amount_cents for line in group]
        rows.append(
            [
                day_short(day),
                str(len(amounts)),
                format_euros(sum(amount for amount in amounts if amount > 0)),
                format_euros(sum(amount for amount in amounts if amount < 0)),
                format_euros(sum(amounts)),
            ]
        )
    return rows


def _day(moment: datetime.datetime) -> datetime.date:
    return moment.astimezone(PARIS).date()
