"""Write the bank's payment order: pain.001, structured addresses only, the same bytes for the same order.

Source: ISO 20022 pain.001.001.09 and, for banks that read nothing newer, .03; EPC132-08 (SCT customer-to-bank
guidelines). Since 15 November 2026 banks reject unstructured addresses, so AdrLine is never written.
"""

import datetime
import re
from dataclasses import dataclass

from lxml import etree
from stdnum import iban as iban_number
from stdnum.fr import siret as siret_number

from monnaie_locale.exports.errors import (
    PaymentAddressIncomplete,
    PaymentAmountOutOfRange,
    PaymentBicMalformed,
    PaymentDateInPast,
    PaymentFileEmpty,
    PaymentIbanMalformed,
    PaymentIdentifierRepeated,
    PaymentNameMalformed,
    PaymentSiretMalformed,
)
from monnaie_locale.exports.sepa_text import check_identifier, check_reference, sepa_text
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.ledger.periods import PARIS

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001."
VERSION_DEFAULT = "09"
# What .03 (2009) writes otherwise: the bank's code, and the day of execution, which is no choice there.
OLDEST_VERSION = "03"
NAME_LENGTH_MAX = 70
STREET_LENGTH_MAX = 70
SHORT_LENGTH_MAX = 16
TOWN_LENGTH_MAX = 35
AMOUNT_CENTS_MAX = 99_999_999_999  # 999 999 999.99 € (EPC125-05)
BIC = re.compile(r"^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$")
COUNTRY = re.compile(r"^[A-Z]{2}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """A structured address; town and country (two letters) are required, the rest may be empty."""

    town: str
    country: str = "FR"
    street: str = ""
    building: str = ""
    postcode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """Who pays: the holder of the reserve account."""

    name: str
    siret: str
    iban: str
    bic: str | None
    address: PostalAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTransfer:
    """One transfer to one merchant, in cents; `rf_reference` is printed on the merchant's own statement."""

    end_to_end_id: str
    amount_cents: int
    creditor_name: str
    creditor_iban: str
    creditor_bic: str | None
    address: PostalAddress | None
    rf_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFile:
    """One order to the bank: its transfers are executed the same day. `created_at` is aware, `version` "09" or "03"."""

    message_id: str
    created_at: datetime.datetime
    execution_on: datetime.date
    debtor: Debtor
    transfers: tuple[CreditTransfer, ...]
    version: str = VERSION_DEFAULT


def write_payment_file(*, payment: PaymentFile) -> bytes:
    """Return the pain.001 message of an order, in UTF-8; the same order always gives the same bytes.

    MsgId and PmtInfId are both `message_id`, so a bank that books the batch as one line gives it back either way.

    Refuses, in this order: payment_file_empty, payment_date_in_past, payment_identifier_malformed,
    payment_identifier_repeated, payment_siret_malformed, payment_amount_out_of_range; then, party by party,
    payment_name_malformed, payment_iban_malformed, payment_bic_malformed, payment_address_incomplete,
    payment_reference_malformed.
    """
    _check(payment)
    count, total_cents = len(payment.transfers), sum(each.amount_cents for each in payment.transfers)
    # None is the default namespace; the stubs of lxml do not know it.
    namespace = f"{NAMESPACE}{payment.version}"
    root = etree.Element(f"{{{namespace}}}Document", nsmap={None: namespace})  # type: ignore[dict-item]
    message = _add(root, "CstmrCdtTrfInitn")
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", payment.message_id)
    _add(header, "CreDtTm", payment.created_at.astimezone(datetime.UTC).isoformat(timespec="seconds"))
    _add_totals(header, count, total_cents)
    _add_initiator(header, payment.debtor)
    order = _add(message, "PmtInf")
    _add(order, "PmtInfId", payment.message_id)
    _add(order, "PmtMtd", "TRF")
    _add(order, "BtchBookg", "false")
    _add_totals(order, count, total_cents)
    _add(_add(_add(order, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    day = payment.execution_on.isoformat()
    if payment.version == OLDEST_VERSION:
        _add(order, "ReqdExctnDt", day)
    else:
        _add(_add(order, "ReqdExctnDt"), "Dt", day)
    _add_party(order, "Dbtr", payment.debtor.name, payment.debtor.address)
    _add_account(order, "DbtrAcct", payment.debtor.iban)
    _add_agent(order, "DbtrAgt", payment.debtor.bic)
    _add(order, "ChrgBr", "SLEV")
    for transfer in payment.transfers:
        _add_transfer(order, transfer)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _check(payment: PaymentFile) -> None:
    """Refuse an order that a bank would reject as a whole."""
    if not payment.transfers:
        raise PaymentFileEmpty
    if payment.execution_on < payment.created_at.astimezone(PARIS).date():
        raise PaymentDateInPast(execution_on=payment.execution_on.strftime("%d/%m/%Y"))
    check_identifier(payment.message_id, field="MsgId")
    for transfer in payment.transfers:
        check_identifier(transfer.end_to_end_id, field="EndToEndId")
    seen: set[str] = set()
    for transfer in payment.transfers:
        if transfer.end_to_end_id in seen:
            raise PaymentIdentifierRepeated(end_to_end_id=transfer.end_to_end_id)
        seen.add(transfer.end_to_end_id)
    if not siret_number.is_valid(payment.debtor.siret):
        raise PaymentSiretMalformed(given=payment.debtor.siret[:40])
    for transfer in payment.transfers:
        if not 0 < transfer.amount_cents <= AMOUNT_CENTS_MAX:
            raise PaymentAmountOutOfRange(end_to_end_id=transfer.end_to_end_id, amount_cents=transfer.amount_cents)


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{etree.QName(parent).namespace}}}{tag}")
    element.text = text
    return element


def _add_totals(parent: etree._Element, count: int, total_cents: int) -> None:
    _add(parent, "NbOfTxs", str(count))
    _add(parent, "CtrlSum", format_decimal(total_cents))


def _add_initiator(header: etree._Element, debtor: Debtor) -> None:
    initiator = _add(header, "InitgPty")
    _add(initiator, "Nm", _name(debtor.name))
    other = _add(_add(_add(initiator, "Id"), "OrgId"), "Othr")
    _add(other, "Id", siret_number.compact(debtor.siret))
    _add(_add(other, "SchmeNm"), "Prtry", "SIRET")


def _add_party(parent: etree._Element, tag: str, name: str, address: PostalAddress | None) -> None:
    party = _add(parent, tag)
    _add(party, "Nm", _name(name))
    if address is None:
        return
    town, country = sepa_text(address.town, length_max=TOWN_LENGTH_MAX), address.country.strip().upper()
    if not town or COUNTRY.fullmatch(country) is None:
        raise PaymentAddressIncomplete(name=name)
    postal = _add(party, "PstlAdr")
    for field, text, length_max in (
        ("StrtNm", address.street, STREET_LENGTH_MAX),
        ("BldgNb", address.building, SHORT_LENGTH_MAX),
        ("PstCd", address.postcode, SHORT_LENGTH_MAX),
        ("TwnNm", town, TOWN_LENGTH_MAX),
        ("Ctry", country, len(country)),
    ):
        plain = sepa_text(text, length_max=length_max)
        if plain:
            _add(postal, field, plain)


def _name(name: str) -> str:
    plain = sepa_text(name, length_max=NAME_LENGTH_MAX)
    if not plain:
        raise PaymentNameMalformed(given=name[:80])
    return plain


def _add_account(parent: etree._Element, tag: str, iban: str) -> None:
    if not iban_number.is_valid(iban):
        raise PaymentIbanMalformed(given=iban[:40])
    _add(_add(_add(parent, tag), "Id"), "IBAN", iban_number.compact(iban))


def _add_agent(parent: etree._Element, tag: str, bic: str | None) -> None:
    """Add the bank; one that is required but unknown is written NOTPROVIDED (IBAN only, EPC132-08)."""
    institution = _add(_add(parent, tag), "FinInstnId")
    if bic is None:
        _add(_add(institution, "Othr"), "Id", "NOTPROVIDED")
        return
    compact = "".join(bic.split()).upper()
    if BIC.fullmatch(compact) is None:
        raise PaymentBicMalformed(given=bic[:40])
    _add(institution, "BIC" if institution.tag.startswith(f"{{{NAMESPACE}{OLDEST_VERSION}}}") else "BICFI", compact)


def _add_transfer(order: etree._Element, transfer: CreditTransfer) -> None:
    element = _add(order, "CdtTrfTxInf")
    identifiers = _add(element, "PmtId")
    _add(identifiers, "InstrId", transfer.end_to_end_id)
    _add(identifiers, "EndToEndId", transfer.end_to_end_id)
    amount = _add(_add(element, "Amt"), "InstdAmt", format_decimal(transfer.amount_cents))
    amount.set("Ccy", "EUR")
    if transfer.creditor_bic is not None:
        _add_agent(element, "CdtrAgt", transfer.creditor_bic)
    _add_party(element, "Cdtr", transfer.creditor_name, transfer.address)
    _add_account(element, "CdtrAcct", transfer.creditor_iban)
    information = _add(_add(_add(element, "RmtInf"), "Strd"), "CdtrRefInf")
    kind = _add(information, "Tp")
    _add(_add(kind, "CdOrPrtry"), "Cd", "SCOR")
    _add(kind, "Issr", "ISO")
    _add(information, "Ref", check_reference(transfer.rf_reference))
