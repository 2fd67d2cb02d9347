"""Read the entries of camt.052, camt.053 and camt.054, which write them alike, and the account that they are on."""

import datetime

from lxml import etree

from monnaie_locale.reconciliation.errors import StatementIncomplete
from monnaie_locale.reconciliation.formats import iso_fields as fields
from monnaie_locale.reconciliation.formats.model import AccountReport
from monnaie_locale.reconciliation.model import Detail, Line

BOOKED = "BOOK"
OPENING_CODES = ("OPBD", "PRCD")
CLOSING_CODES = ("CLBD",)
FIRST_PAGE = "1"
XML_TRUE = frozenset({"true", "1"})
# .04 and later give the payment's amount itself; before, it is in AmtDtls.
DETAIL_AMOUNT_PATHS = ("{*}Amt", "{*}AmtDtls/{*}TxAmt/{*}Amt", "{*}AmtDtls/{*}InstdAmt/{*}Amt")
BATCH_PATHS = (
    "{*}NtryDtls/{*}Btch/{*}PmtInfId",
    "{*}NtryDtls/{*}TxDtls/{*}Refs/{*}PmtInfId",
    "{*}NtryDtls/{*}Btch/{*}MsgId",
    "{*}NtryDtls/{*}TxDtls/{*}Refs/{*}MsgId",
)
LABEL_PATHS = ("{*}NtryDtls/{*}TxDtls/{*}RmtInf/{*}Ustrd", "{*}NtryDtls/{*}TxDtls/{*}AddtlTxInf", "{*}AddtlNtryInf")


def account_report(element: etree._Element) -> AccountReport:
    """Return a Stmt, Rpt or Ntfctn element as it is written, its booked entries only.

    Refuses, in this order: statement_amount_malformed, statement_incomplete.
    """
    entries = [entry for entry in element.iterchildren("{*}Ntry") if status_of(entry) in {BOOKED, ""}]
    opening = _balance(element, OPENING_CODES, latest=False)
    closing = _balance(element, CLOSING_CODES, latest=True)
    counted = [each for each in (opening, closing, *entries) if each is not None]
    for each in counted:
        fields.amount_cents(each)
    currency = _currency(element, counted)
    closing_on = None if closing is None else _required_date(closing, "{*}Dt")
    opening_on = None if opening is None else _required_date(opening, "{*}Dt")
    return AccountReport(
        report_id=_report_id(element),
        account=fields.account_of(element),
        currency=currency,
        opening_cents=None if opening is None else fields.signed_cents(opening),
        closing_cents=None if closing is None else fields.signed_cents(closing),
        from_on=fields.day_written(element, "{*}FrToDt/{*}FrDtTm") or opening_on,
        to_on=fields.day_written(element, "{*}FrToDt/{*}ToDtTm") or closing_on,
        lines=tuple(_line(number, entry, closing_on) for number, entry in enumerate(entries, start=1)),
        foreign_currencies=tuple(sorted({fields.currency_of(each) or "?" for each in counted} - {currency})),
    )


def status_of(entry: etree._Element) -> str:
    """Return BOOK, PDNG…: a text up to version .03, a code inside from .04 on (some banks mix them)."""
    return fields.text_of(entry, "{*}Sts/{*}Cd") or fields.text_of(entry, "{*}Sts")


def _currency(element: etree._Element, counted: list[etree._Element]) -> str:
    """Return the account's currency: its balances', which come first, else what is written of the account."""
    written = [fields.currency_of(each) for each in counted if etree.QName(each).localname == "Bal"]
    return next(
        filter(None, (*written, fields.text_of(element, "{*}Acct/{*}Ccy"), *map(fields.currency_of, counted))), ""
    )


def _balance(element: etree._Element, codes: tuple[str, ...], *, latest: bool) -> etree._Element | None:
    """Return the booked balance of the first code present; of several days, the earliest or the latest one."""
    for code in codes:
        found = [
            balance
            for balance in element.iterchildren("{*}Bal")
            if fields.text_of(balance, "{*}Tp/{*}CdOrPrtry/{*}Cd") == code
        ]
        if found:
            dated = sorted(found, key=lambda balance: _required_date(balance, "{*}Dt")) if len(found) > 1 else found
            return dated[-1] if latest else dated[0]
    return None


def _required_date(element: etree._Element, path: str) -> datetime.date:
    found = fields.date_of(element, path)
    if found is None:
        raise StatementIncomplete(field=path.removeprefix("{*}"))
    return found


def _report_id(element: etree._Element) -> str:
    """Return the statement's identifier; the pages of one statement share it, so a later page adds its number."""
    identifier = fields.text_of(element, "{*}Id")
    if not identifier:
        raise StatementIncomplete(field="Id")
    page = fields.text_of(element, "{*}StmtPgntn/{*}PgNb")
    return identifier if page in {"", FIRST_PAGE} else f"{identifier}#{page}"


def _line(number: int, entry: etree._Element, closing_on: datetime.date | None) -> Line:
    """Return one booked line; a single payment inside lends it its references, a batch keeps them apart."""
    if not status_of(entry):
        raise StatementIncomplete(field="Sts")
    inside = entry.findall("{*}NtryDtls/{*}TxDtls")
    amount_cents = fields.signed_cents(entry)
    details = tuple(_detail(entry, each) for each in inside)
    only = details[0] if len(details) == 1 else Detail(amount_cents=None)
    label = fields.label_of(entry, *LABEL_PATHS)
    booked_on = fields.date_of(entry, "{*}BookgDt") or fields.date_of(entry, "{*}ValDt") or closing_on
    if booked_on is None:
        raise StatementIncomplete(field="BookgDt")
    return Line(
        line_no=number,
        booked_on=booked_on,
        value_on=fields.date_of(entry, "{*}ValDt") or booked_on,
        amount_cents=amount_cents,
        is_reversal=fields.text_of(entry, "{*}RvslInd") in XML_TRUE,
        bank_reference=fields.text_of(entry, "{*}AcctSvcrRef") or fields.text_of(entry, "{*}NtryRef"),
        batch_reference=_batch_reference(entry),
        end_to_end_id=only.end_to_end_id,
        remittance=only.remittance or label,
        label=label,
        return_reason=only.return_reason,
        bank_code=fields.bank_code_of(entry) or only.bank_code,
        details=details,
    )


def _batch_reference(entry: etree._Element) -> str:
    """Return the reference of the payment order that a batch line executes, when all its payments share one."""
    for path in BATCH_PATHS:
        found = {fields.clip(each.text or "", fields.REFERENCE_LENGTH_MAX) for each in entry.findall(path)} - {""}
        if len(found) == 1:
            return found.pop()
    return ""


def _detail(entry: etree._Element, inside: etree._Element) -> Detail:
    """Return one payment inside a line; its own direction wins over the line's (some banks book a net amount)."""
    own_direction = inside.find("{*}CdtDbtInd") is not None
    sign = fields.sign_of(inside if own_direction else entry)
    label = fields.label_of(inside, "{*}RmtInf/{*}Ustrd", "{*}AddtlTxInf")
    cents = _detail_cents(entry, inside)
    return Detail(
        amount_cents=None if cents is None else sign * cents,
        end_to_end_id=fields.end_to_end_id_of(inside),
        remittance=fields.creditor_reference_of(inside) or label,
        label=label,
        return_reason=fields.return_reason_of(inside),
        bank_code=fields.bank_code_of(inside),
    )


def _detail_cents(entry: etree._Element, inside: etree._Element) -> int | None:
    """Return the payment's amount in the line's currency; None when the bank gives it in another one, or not at all."""
    currency = fields.currency_of(entry)
    for path in DETAIL_AMOUNT_PATHS:
        if fields.currency_of(inside, path) == currency:
            return fields.parse_cents(inside.findtext(path) or "")
    return None
