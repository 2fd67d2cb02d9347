"""Read camt.053 bank statements (versions .02 and later, bare or in an envelope) into exact values.

Source: ISO 20022 message definition BankToCustomerStatement; what real banks write, by the samples of
tests/data/camt053. Pure: bytes in, values out.
"""

import datetime
import re

from lxml import etree

from monnaie_locale.reconciliation import camt_fields as fields
from monnaie_locale.reconciliation.errors import (
    StatementAbsent,
    StatementDoesNotAddUp,
    StatementForeignCurrency,
    StatementIncomplete,
    StatementNotCamt053,
    StatementNotOurs,
    StatementNotXml,
    StatementTooLarge,
    StatementWithoutBalances,
)
from monnaie_locale.reconciliation.model import Detail, Line, Statement

MEBIBYTE = 1024 * 1024
MEBIBYTES_MAX = 10
# Every one of these spells "<!DOCTYPE" with the same bytes, so that the search below cannot be evaded.
ENCODINGS_READ = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
CAMT_053 = re.compile(r"^urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(0[2-9]|[1-9][0-9])$")
ISO_MESSAGE = re.compile(r"^urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.\d{3}\.\d{3}\.\d{2})$")
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


def read_statements(*, content: bytes, iban: str | None, currency: str = "EUR") -> tuple[Statement, ...]:
    """Return the statements of one bank account found in a camt.053 file, in the file's order.

    Args:
        content: the file as received, 10 MiB at most.
        iban: the account whose statements are wanted; statements of other accounts in the same file are left
            aside. None reads every account (to look at a file, not to import it).
        currency: the only currency accepted.

    Refuses, in this order: statement_too_large, statement_not_xml, statement_not_camt053, statement_absent,
    statement_not_ours, statement_amount_malformed, statement_foreign_currency, statement_without_balances,
    statement_incomplete, statement_does_not_add_up. What depends on earlier imports
    (statement_already_imported, statement_does_not_follow) is for the caller.
    """
    elements = _statement_elements(_parse(content))
    if iban is not None:
        wanted = fields.squeeze_iban(iban)
        ours = [element for element in elements if fields.account_of(element) == wanted]
        if not ours:
            raise StatementNotOurs(iban=fields.account_of(elements[0]) or "?")
        elements = ours
    return tuple(_statement(element, currency) for element in elements)


def _parse(content: bytes) -> etree._Element:
    """Return the root of a document that may hold no DTD, so no entity, external file or expansion."""
    if len(content) > MEBIBYTES_MAX * MEBIBYTE:
        raise StatementTooLarge(mebibytes_max=MEBIBYTES_MAX)
    declared = DECLARATION.match(content.removeprefix(b"\xef\xbb\xbf"))
    encoding = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    if encoding not in ENCODINGS_READ or b"\x00" in content or b"<!DOCTYPE" in content:
        raise StatementNotXml
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise StatementNotXml from error


def _statement_elements(root: etree._Element) -> list[etree._Element]:
    """Return the Stmt elements of every camt.053 document in the file, an envelope around them or not."""
    documents = [root, *root.iterdescendants("{*}Document")]
    messages = [
        child
        for document in documents
        for child in document.iterchildren("{*}BkToCstmrStmt")
        if CAMT_053.match(etree.QName(child).namespace or "")
    ]
    if not messages:
        raise StatementNotCamt053(found=_name_of(documents[-1]))
    elements = [element for message in messages for element in message.iterchildren("{*}Stmt")]
    if not elements:
        raise StatementAbsent
    return elements


def _name_of(document: etree._Element) -> str:
    """Return what a document is, in a word: its ISO message name, else its outermost tag."""
    name = etree.QName(document)
    message = ISO_MESSAGE.match(name.namespace or "")
    return message.group(1) if message else fields.clip(name.localname, fields.REFERENCE_LENGTH_MAX)


def _statement(element: etree._Element, currency: str) -> Statement:
    """Return one statement, its arithmetic proved; the passes follow the order of precedence of the refusals."""
    entries = [entry for entry in element.iterchildren("{*}Ntry") if _status(entry) in {BOOKED, ""}]
    opening = _balance(element, OPENING_CODES, latest=False)
    closing = _balance(element, CLOSING_CODES, latest=True)
    counted = [each for each in (opening, closing, *entries) if each is not None]
    for each in counted:
        fields.amount_cents(each)
    for each in counted:
        if fields.currency_of(each) != currency:
            raise StatementForeignCurrency(currency=fields.currency_of(each) or "?", expected=currency)
    if opening is None or closing is None:
        raise StatementWithoutBalances
    closing_on = _required_date(closing, "{*}Dt")
    statement = Statement(
        statement_id=_statement_id(element),
        iban=fields.account_of(element),
        currency=currency,
        opening_cents=fields.signed_cents(opening),
        closing_cents=fields.signed_cents(closing),
        from_on=fields.day_written(element, "{*}FrToDt/{*}FrDtTm") or _required_date(opening, "{*}Dt"),
        to_on=fields.day_written(element, "{*}FrToDt/{*}ToDtTm") or closing_on,
        lines=tuple(_line(number, entry, closing_on) for number, entry in enumerate(entries, start=1)),
    )
    _refuse_wrong_sum(statement)
    return statement


def _refuse_wrong_sum(statement: Statement) -> None:
    booked_cents = sum(line.amount_cents for line in statement.lines)
    difference_cents = statement.closing_cents - statement.opening_cents - booked_cents
    if difference_cents != 0:
        raise StatementDoesNotAddUp(
            opening_cents=statement.opening_cents,
            booked_cents=booked_cents,
            closing_cents=statement.closing_cents,
            difference_cents=difference_cents,
        )


def _status(entry: etree._Element) -> str:
    """Return BOOK, PDNG…: a text up to version .03, a code inside from .04 on (some banks mix them)."""
    return fields.text_of(entry, "{*}Sts/{*}Cd") or fields.text_of(entry, "{*}Sts")


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


def _statement_id(element: etree._Element) -> str:
    """Return the statement's identifier; the pages of one statement share it, so a later page adds its number."""
    identifier = fields.text_of(element, "{*}Id")
    if not identifier:
        raise StatementIncomplete(field="Id")
    page = fields.text_of(element, "{*}StmtPgntn/{*}PgNb")
    return identifier if page in {"", FIRST_PAGE} else f"{identifier}#{page}"


def _line(number: int, entry: etree._Element, closing_on: datetime.date) -> Line:
    """Return one booked line; a single payment inside lends it its references, a batch keeps them apart."""
    if not _status(entry):
        raise StatementIncomplete(field="Sts")
    inside = entry.findall("{*}NtryDtls/{*}TxDtls")
    amount_cents = fields.signed_cents(entry)
    details = tuple(_detail(entry, each) for each in inside)
    only = details[0] if len(details) == 1 else Detail(amount_cents=None)
    label = fields.label_of(
        entry, "{*}NtryDtls/{*}TxDtls/{*}RmtInf/{*}Ustrd", "{*}NtryDtls/{*}TxDtls/{*}AddtlTxInf", "{*}AddtlNtryInf"
    )
    booked_on = fields.date_of(entry, "{*}BookgDt") or fields.date_of(entry, "{*}ValDt") or closing_on
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
