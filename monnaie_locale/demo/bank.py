"""The simulated bank of the reserve: it reads our payment order and writes its statements, as a bank would.

Source: ISO 20022 camt.053.001.08, with the fields that French banks fill. Nothing here reads our books.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lxml import etree

from monnaie_locale.ledger.money import CENTS_PER_EURO, format_decimal
from monnaie_locale.ledger.periods import PARIS

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
CURRENCY = "EUR"
CREDIT, DEBIT = "CRDT", "DBIT"
RETURN_TEXT = "VIREMENT RETOURNE COMPTE CLOS"


class BankCode(Enum):
    """What a line is, in the bank's words: domain, family and sub-family of ISO 20022."""

    RECEIVED = ("PMNT", "RCDT", "ESCT")
    SENT = ("PMNT", "ICDT", "ESCT")
    RETURNED = ("PMNT", "ICDT", "RRTN")
    FEE = ("ACMT", "MDOP", "CHRG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One line of the account: `amount_cents` is positive when money comes in."""

    booked_on: datetime.date
    amount_cents: int
    code: BankCode
    text: str = ""
    end_to_end_id: str = ""
    creditor_reference: str = ""
    batch: str = ""
    return_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that the bank keeps."""

    iban: str
    bic: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What one statement covers, and when the bank wrote it (aware)."""

    number: int
    from_on: datetime.date
    to_on: datetime.date
    written_at: datetime.datetime


def debits_of(order: bytes, *, booked_on: datetime.date) -> list[Booking]:
    """Return what the bank books for a pain.001 order: one debit per transfer, with its end-to-end identifier."""
    root = etree.fromstring(order)
    batch = root.findtext(".//{*}PmtInf/{*}PmtInfId") or ""
    return [
        Booking(
            booked_on=booked_on,
            amount_cents=-_cents(transfer.findtext("{*}Amt/{*}InstdAmt") or ""),
            code=BankCode.SENT,
            end_to_end_id=transfer.findtext("{*}PmtId/{*}EndToEndId") or "",
            creditor_reference=transfer.findtext(".//{*}CdtrRefInf/{*}Ref") or "",
            batch=batch,
        )
        for transfer in root.iterfind(".//{*}CdtTrfTxInf")
    ]


def returned(debit: Booking, *, booked_on: datetime.date, reason: str) -> Booking:
    """Return the credit by which a transfer comes back; `reason` is an ISO code ("AC04": account closed)."""
    return replace(
        debit,
        booked_on=booked_on,
        amount_cents=-debit.amount_cents,
        code=BankCode.RETURNED,
        text=RETURN_TEXT,
        return_reason=reason,
    )


def write_statement(
    *, account: Account, period: Period, opening_cents: int, bookings: Sequence[Booking]
) -> tuple[bytes, int]:
    """Return the camt.053 file of a period, and the closing balance in cents."""
    closing_cents = opening_cents + sum(each.amount_cents for each in bookings)
    # None is the default namespace; the stubs of lxml do not know it.
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    message = _add(root, "BkToCstmrStmt")
    identifier = f"REL-{period.to_on:%Y%m%d}-{period.number:03d}"
    written_at = period.written_at.astimezone(PARIS).isoformat(timespec="seconds")
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", identifier)
    _add(header, "CreDtTm", written_at)
    statement = _add(message, "Stmt")
    _add(statement, "Id", identifier)
    _add(statement, "ElctrncSeqNb", str(period.number))
    _add(statement, "CreDtTm", written_at)
    span = _add(statement, "FrToDt")
    _add(span, "FrDtTm", _midnight(period.from_on))
    _add(span, "ToDtTm", _midnight(period.to_on, last=True))
    held = _add(statement, "Acct")
    _add(_add(held, "Id"), "IBAN", account.iban)
    _add(held, "Ccy", CURRENCY)
    _add(_add(held, "Ownr"), "Nm", account.owner)
    _add(_add(_add(held, "Svcr"), "FinInstnId"), "BICFI", account.bic)
    _add_balance(statement, "OPBD", opening_cents, period.from_on)
    _add_balance(statement, "CLBD", closing_cents, period.to_on)
    for number, booking in enumerate(_in_order(bookings), start=1):
        _add_entry(statement, booking, reference=f"{identifier}-{number:04d}")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True), closing_cents


def _in_order(bookings: Iterable[Booking]) -> list[Booking]:
    return sorted(bookings, key=lambda each: each.booked_on)


def _add_balance(statement: etree._Element, code: str, cents: int, day: datetime.date) -> None:
    balance = _add(statement, "Bal")
    _add(_add(_add(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _add_amount(balance, cents)
    _add(_add(balance, "Dt"), "Dt", day.isoformat())


def _add_entry(statement: etree._Element, booking: Booking, *, reference: str) -> None:
    entry = _add(statement, "Ntry")
    _add_amount(entry, booking.amount_cents)
    _add(_add(entry, "Sts"), "Cd", "BOOK")
    for name in ("BookgDt", "ValDt"):
        _add(_add(entry, name), "Dt", booking.booked_on.isoformat())
    _add(entry, "AcctSvcrRef", reference)
    _add_code(entry, booking.code)
    if not (booking.end_to_end_id or booking.creditor_reference):
        _add(entry, "AddtlNtryInf", booking.text)
        return
    details = _add(_add(entry, "NtryDtls"), "TxDtls")
    references = _add(details, "Refs")
    if booking.batch:
        _add(references, "PmtInfId", booking.batch)
    _add(references, "EndToEndId", booking.end_to_end_id or "NOTPROVIDED")
    _add_amount(details, booking.amount_cents)
    remittance = _add(details, "RmtInf")
    if booking.text:
        _add(remittance, "Ustrd", booking.text)
    if booking.creditor_reference:
        structured = _add(_add(remittance, "Strd"), "CdtrRefInf")
        _add(_add(_add(structured, "Tp"), "CdOrPrtry"), "Cd", "SCOR")
        _add(structured, "Ref", booking.creditor_reference)
    if booking.return_reason:
        _add(_add(_add(details, "RtrInf"), "Rsn"), "Cd", booking.return_reason)


def _add_code(entry: etree._Element, code: BankCode) -> None:
    domain, family, sub_family = code.value
    parent = _add(_add(entry, "BkTxCd"), "Domn")
    _add(parent, "Cd", domain)
    inside = _add(parent, "Fmly")
    _add(inside, "Cd", family)
    _add(inside, "SubFmlyCd", sub_family)


def _add_amount(parent: etree._Element, cents: int) -> None:
    amount = _add(parent, "Amt", format_decimal(abs(cents)))
    amount.set("Ccy", CURRENCY)
    _add(parent, "CdtDbtInd", CREDIT if cents >= 0 else DEBIT)


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    element.text = text
    return element


def _midnight(day: datetime.date, *, last: bool = False) -> str:
    moment = datetime.time(23, 59, 59) if last else datetime.time()
    return datetime.datetime.combine(day, moment, PARIS).isoformat(timespec="seconds")


def _cents(written: str) -> int:
    euros, _, cents = written.partition(".")
    return int(euros) * CENTS_PER_EURO + int(cents.ljust(2, "0"))
