"""The état de rapprochement: the bank and the books side by side, what the reserve covers, four matches."""

import datetime
from collections.abc import Sequence

from monnaie_locale.documents.model import Match, OutstandingItem, ProgrammeUse, Reconciliation, Signatory
from monnaie_locale.documents.typeset import typeset
from monnaie_locale.documents.wording import day_long, day_short, head_block, issuer_block
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS


def reconciliation_statement(state: Reconciliation, *, created_at: datetime.datetime) -> bytes:
    """Return the état de rapprochement as an accessible PDF, for the person who signs the month."""
    created_on = created_at.astimezone(PARIS).date()
    data = {
        "title": f"État de rapprochement au {day_long(state.as_of)} – {state.currency_name}",
        "footer": f"État de rapprochement au {day_short(state.as_of)} – établi le {day_short(created_on)}",
        "demo": state.is_demo,
        "issuer": issuer_block(state.issuer),
        "heading": f"État de rapprochement au {day_long(state.as_of)}",
        "currency_name": state.currency_name,
        "conclusion": _conclusion(state),
        "bank": {
            "title": "Selon la banque",
            "account": state.bank_account,
            "balance": format_euros(state.bank_cents),
            "items_label": "Pas encore au relevé",
            "items": _item_rows(state.bank_items, as_of=state.as_of),
            "reconciled": format_euros(state.bank_reconciled_cents),
        },
        "books": {
            "title": "Selon les comptes",
            "account": state.books_account,
            "balance": format_euros(state.books_cents),
            "items_label": "Pas encore dans les comptes",
            "items": _item_rows(state.book_items, as_of=state.as_of),
            "reconciled": format_euros(state.books_reconciled_cents),
        },
        "gap": format_euros(state.gap_cents),
        "differences": [
            [day_short(difference.day), difference.label, difference.explanation, format_euros(difference.amount_cents)]
            for difference in state.differences
        ],
        "matches": [_match_row(match) for match in state.matches],
        "circulation": [[held.label, format_euros(held.amount_cents)] for held in state.circulation],
        "coverage": _coverage(state),
        "programmes": [[use.name, *_amounts(use)] for use in state.programmes],
        "programmes_total": ["Ensemble", *_totals(state.programmes)],
        "signatures": [
            _signature("Préparé par", state.prepared_by),
            _signature("Approuvé par", state.approved_by),
        ],
        "head": head_block(state.head),
    }
    return typeset("reconciliation_statement", data, created_at=created_at)


def _conclusion(state: Reconciliation) -> dict[str, object]:
    """Return the one sentence that a person in a hurry reads: everything agrees, or what does not."""
    failed = sum(match.gap_cents != 0 for match in state.matches)
    missing_cents = state.circulation_cents - state.books_cents
    troubles = []
    if state.gap_cents:
        troubles.append(f"un écart de {format_euros(abs(state.gap_cents))} entre la banque et les comptes")
    if failed:
        troubles.append(f"{failed} vérification{'s' if failed > 1 else ''} sur {len(state.matches)} en écart")
    if missing_cents > 0:
        troubles.append(f"{format_euros(missing_cents)} manquent dans la réserve")
    words = (
        f"À régler : {' ; '.join(troubles)}." if troubles else "Tout concorde : aucun écart, la réserve couvre tout."
    )
    return {"good": not troubles, "words": words}


def _item_rows(items: Sequence[OutstandingItem], *, as_of: datetime.date) -> list[dict[str, str]]:
    return [
        {
            "label": item.label,
            "since": f"depuis le {day_short(item.since)}, {_age((as_of - item.since).days)}",
            "amount": format_euros(item.amount_cents),
        }
        for item in items
    ]


def _age(days: int) -> str:
    return f"{days} jour{'s' if days > 1 else ''}"


def _match_row(match: Match) -> dict[str, object]:
    gap = match.gap_cents
    return {
        "title": match.title,
        "left": [match.left_label, format_euros(match.left_cents)],
        "right": [match.right_label, format_euros(match.right_cents)],
        "agrees": gap == 0,
        "verdict": "Oui, concordant" if gap == 0 else f"Non, écart de {format_euros(gap)}",
    }


def _coverage(state: Reconciliation) -> dict[str, object]:
    """Return the comparison of the reserve, as the books have it, with what it must cover."""
    surplus = state.books_cents - state.circulation_cents
    return {
        "reserve": format_euros(state.books_cents),
        "circulation": format_euros(state.circulation_cents),
        "covered": surplus >= 0,
        "verdict": f"Oui, la réserve couvre tout (marge : {format_euros(surplus)})"
        if surplus >= 0
        else f"Non, il manque {format_euros(-surplus)} dans la réserve",
    }


def _figures(use: ProgrammeUse) -> tuple[int, ...]:
    return (use.funded_cents, use.distributed_cents, use.spent_cents, use.expired_cents, use.remaining_cents)


def _amounts(use: ProgrammeUse) -> list[str]:
    return [format_euros(cents) for cents in _figures(use)]


def _totals(programmes: Sequence[ProgrammeUse]) -> list[str]:
    columns = zip(*map(_figures, programmes), strict=True)
    return [format_euros(sum(column)) for column in columns]


def _signature(role: str, signatory: Signatory) -> dict[str, str]:
    return {
        "role": role,
        "name": signatory.name,
        "quality": signatory.quality,
        "signed_on": day_long(signatory.signed_on) if signatory.signed_on else "",
    }
