"""A sheet as an accessible PDF (PDF/UA-1): the table, its totals, its mentions, its signatures, the head of the log."""

from monnaie_locale.documents.sheet import Cell, Kind, PartSubtotal, Row, Sheet, Subtotal
from monnaie_locale.documents.typeset import typeset
from monnaie_locale.documents.wording import count_shown, day_short, head_block, issuer_block
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS

MEDIA_TYPE = "application/pdf"
# More columns than this are set across the page.
PORTRAIT_COLUMNS_MAX = 6
RIGHT = frozenset({Kind.CENTS, Kind.AMOUNT, Kind.COUNT, Kind.NUMBER})
MONEY = frozenset({Kind.CENTS, Kind.AMOUNT})


def pdf_bytes(sheet: Sheet) -> bytes:
    """Return the PDF of a sheet; refuses control_totals_differ. Long ones are centralised by whoever makes them."""
    standing = sheet.standing
    kinds = [column.kind for column in sheet.columns]
    rows = [_cells(row, kinds) for row in sheet.counted_rows()]
    created_on = standing.created_at.astimezone(PARIS).date()
    has_sums = Kind.CENTS in kinds
    data = {
        "title": f"{sheet.title} – {standing.period_label} – {standing.currency_name}",
        "footer": f"{sheet.title} – {standing.period_label} – établi le {day_short(created_on)}",
        "demo": standing.is_demo,
        "flipped": sheet.is_wide or len(sheet.columns) > PORTRAIT_COLUMNS_MAX,
        "issuer": issuer_block(standing.issuer),
        "heading": sheet.title,
        "subtitle": f"{standing.period_label} – {standing.currency_name}",
        "closed": standing.closed_at is not None,
        "state": standing.state_fr,
        "headings": [column.title for column in sheet.columns],
        "shares": [column.share for column in sheet.columns],
        "numeric": [place for place, kind in enumerate(kinds) if kind in RIGHT],
        "rows": rows,
        "total": [_shown(value, kind) for value, kind in zip(sheet.totals(), kinds, strict=True)] if has_sums else None,
        "empty": sheet.empty,
        "sums_up": sheet.sums_up,
        "control": _control_sentence(sheet),
        "notes": list(sheet.notes),
        "signatures": list(sheet.signatures),
        "head": head_block(standing.head),
    }
    return typeset("sheet", data, created_at=standing.created_at)


def _cells(row: Row, kinds: list[Kind]) -> list[str] | dict[str, object]:
    """Return what a row shows; of a subtotal, one cell of words as wide as the columns before the first amount."""
    shown = [_shown(value, kind) for value, kind in zip(row, kinds, strict=True)]
    if not isinstance(row, Subtotal):
        return shown
    span = next((place for place, kind in enumerate(kinds) if kind in MONEY), len(kinds))
    return {
        "label": " ".join(filter(None, shown[:span])),
        "span": span,
        "cells": shown[span:],
        "strong": not isinstance(row, PartSubtotal),
    }


def _control_sentence(sheet: Sheet) -> str:
    count = sheet.control.row_count
    sums = [f"{title} {format_euros(cents)}" for title, cents in sheet.control.sums_cents.items()]
    return " ; ".join([f"{count_shown(count)} ligne{'s' if count > 1 else ''}", *sums]) + "."


def _shown(value: Cell, kind: Kind) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        if kind in MONEY:
            return format_euros(value)
        return str(value) if kind is Kind.NUMBER else count_shown(value)
    return value if isinstance(value, str) else day_short(value)
