"""A shop's monthly statement: what it took, what it gave back, what it is paid."""

import datetime
import enum
import itertools
from collections.abc import Sequence

from monnaie_locale.documents.model import CapYear, MerchantParty, MerchantStatement, StatementLine
from monnaie_locale.documents.typeset import typeset
from monnaie_locale.documents.wording import (
    day_long,
    day_short,
    head_block,
    issuer_block,
    mask_iban,
    moment_short,
    rate_shown,
    reference_shown,
    siret_shown,
)
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS


class Detail(enum.StrEnum):
    """How much a statement tells: every operation, or one line a day."""

    OPERATIONS = "operations"
    DAYS = "days"


FEE = "Frais de l’émetteur"
CARRIED = "{closing} restent dus et sont reportés au prochain virement."
KEPT = "Dont {kept} de chèques d’accompagnement personnalisé, qui ne sont pas payés (voir plus bas)."
OWED = "Le commerce doit {owed} : cette somme sera reprise sur ses prochains encaissements."
MINIMUM = "Un virement est fait à partir de {minimum}."
RATE = "Frais de l’émetteur : {rate} du montant brut."
CERTIFIED = "Certifié le {on} ({document})"
TO_CERTIFY = "À certifier : {kept} attendent"
LAPSED = "Périmé depuis le {deadline}"
LATE = "{certified} ; {kept} arrivés trop tard"
CERTIFICATION = (
    "Le commerçant désigné ci-dessus certifie que les chèques d’accompagnement personnalisé de {year} qu’il a "
    "acceptés, pour {taken} à la date de ce relevé, l’ont été aux conditions fixées par leur distributeur, "
    "{distributor} (CGCT, article R1611-5)."
)
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
            "lines": _merchant_lines(statement.merchant),
        },
        "summary": _summary(statement),
        "notes": _notes(statement),
        "payout": _payout(statement),
        "cap": [_cap_row(each, today=_day(created_at)) for each in statement.cap],
        "detail": detail.value,
        "elsewhere": ELSEWHERE if detail is Detail.DAYS else "",
        "rows": _operation_rows(statement.lines) if detail is Detail.OPERATIONS else _day_rows(statement.lines),
        "total": format_euros(statement.operations_cents),
        "certification": _certification(statement, today=_day(created_at)),
        "head": head_block(statement.head),
    }
    return typeset("merchant_statement", data, created_at=created_at)


def _merchant_lines(merchant: MerchantParty) -> list[str]:
    lines = [*merchant.address_lines, f"SIRET {siret_shown(merchant.siret)}"]
    if merchant.admitted_on is not None:
        lines.append(f"Conventionné depuis le {day_short(merchant.admitted_on)}")
    return lines


def _summary(statement: MerchantStatement) -> list[tuple[str, str, str]]:
    """Return the month in a few lines: label, number of operations, amount."""
    first, last = statement.month.first_day, statement.month.last_day
    kinds = sorted({line.kind for line in statement.lines}, key=[line.kind for line in statement.lines].index)
    rows = [(f"Solde dû au {day_long(first)}", "", format_euros(statement.opening_cents))]
    for kind in kinds:
        amounts = [line.amount_cents for line in statement.lines if line.kind == kind]
        rows.append((kind, str(len(amounts)), format_euros(sum(amounts))))
    rows.append((f"{FEE} ({rate_shown(statement.fee_basis_points)})", "", format_euros(-statement.fee_cents)))
    if statement.payout_cents:
        rows.append(("Virement de ce relevé", "", format_euros(-statement.payout_cents)))
    rows.append((f"Solde restant dû au {day_long(last)}", "", format_euros(statement.closing_cents)))
    return rows


def _payout(statement: MerchantStatement) -> dict[str, object]:
    """Return what the transfer box says."""
    if not statement.payout_cents:
        return {"amount": "", "facts": []}
    facts = [("Montant brut", format_euros(statement.gross_cents)), (FEE, format_euros(-statement.fee_cents))]
    if statement.recovered_cents:
        facts.insert(0, ("Indu repris avant", format_euros(statement.recovered_cents)))
    if statement.payout_on is not None:
        facts.append(("Date du virement", day_long(statement.payout_on)))
    facts += [
        ("Compte", mask_iban(statement.merchant.iban)),
        ("Référence", reference_shown(statement.payout_reference)),
    ]
    return {"amount": format_euros(statement.payout_cents), "facts": facts}


def _notes(statement: MerchantStatement) -> list[str]:
    """Return what becomes of the balance that is left, and by which terms."""
    notes = []
    if statement.closing_cents > 0:
        notes.append(CARRIED.format(closing=format_euros(statement.closing_cents)))
    if statement.closing_cents < 0:
        notes.append(OWED.format(owed=format_euros(-statement.closing_cents)))
    if statement.kept_cents:
        notes.append(KEPT.format(kept=format_euros(statement.kept_cents)))
    rate = RATE.format(rate=rate_shown(statement.fee_basis_points))
    if statement.minimum_cents is None:
        return [*notes, rate]
    return [*notes, f"{MINIMUM.format(minimum=format_euros(statement.minimum_cents))} {rate}"]


def _cap_row(cap: CapYear, *, today: datetime.date) -> list[str]:
    """Return one year of chèques: where the certification stands, until when it may be presented, the amounts."""
    return [
        str(cap.year),
        cap_state(cap, today=today),
        day_short(cap.deadline_on),
        format_euros(cap.taken_cents),
        format_euros(cap.kept_cents),
        format_euros(cap.given_back_cents),
    ]


def cap_state(cap: CapYear, *, today: datetime.date) -> str:
    """Return in French where the certification of a year's chèques stands on a day."""
    words = {"deadline": day_short(cap.deadline_on), "kept": format_euros(cap.kept_cents)}
    if cap.certified_on is not None:
        certified = CERTIFIED.format(on=day_short(cap.certified_on), document=cap.document or "sans référence")
        return LATE.format(certified=certified, **words) if cap.kept_cents else certified
    return (TO_CERTIFY if today <= cap.deadline_on else LAPSED).format(**words)


def _certification(statement: MerchantStatement, *, today: datetime.date) -> list[str]:
    """Return what the shop may still sign: a sentence for each year that waits for its certification."""
    return [
        CERTIFICATION.format(
            year=each.year,
            taken=format_euros(each.taken_cents),
            distributor=statement.issuer.on_behalf_of or statement.issuer.name,
        )
        for each in statement.cap
        if each.certified_on is None and today <= each.deadline_on
    ]


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
