"""Single fields of an ISO 20022 statement: exact amounts, dates, references, whatever the version writes them as."""

import datetime
import re

from lxml import etree

from monnaie_locale.ledger.money import CENTS_MAX, CENTS_PER_EURO
from monnaie_locale.ledger.periods import PARIS
from monnaie_locale.reconciliation.errors import StatementAmountMalformed, StatementIncomplete

# ISO 20022 references hold 35 characters; a longer one is kept for people to see, bounded, and matches nothing.
REFERENCE_LENGTH_MAX = 140
LABEL_LENGTH_MAX = 500
# xs:decimal without sign: the direction is in CdtDbtInd, and a negative amount is a fault (ISO 20022, minInclusive 0).
AMOUNT = re.compile(r"^([0-9]{1,18})(?:\.([0-9]{1,18}))?$")
EURO_DECIMALS = 2
DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}")
SIGNS = {"CRDT": 1, "DBIT": -1}
NOT_PROVIDED = "NOTPROVIDED"


def clip(text: str, length_max: int) -> str:
    """Return the text on one line, no longer than `length_max` characters."""
    return " ".join(text.split())[:length_max]


def squeeze_iban(iban: str) -> str:
    """Return the IBAN in capitals without spaces."""
    return "".join(iban.split()).upper()


def text_of(element: etree._Element, path: str, *, length_max: int = REFERENCE_LENGTH_MAX) -> str:
    """Return the text at `path`, or an empty string."""
    return clip(element.findtext(path) or "", length_max)


def account_of(statement: etree._Element) -> str:
    """Return the IBAN of the statement's account, else the bank's own number for it, else an empty string."""
    return squeeze_iban(
        text_of(statement, "{*}Acct/{*}Id/{*}IBAN") or text_of(statement, "{*}Acct/{*}Id/{*}Othr/{*}Id")
    )


def parse_cents(text: str) -> int:
    """Return the cents of an amount written "12.34"; zeros beyond the second decimal change nothing and are accepted.

    Refuses statement_amount_malformed: anything else, a third significant decimal, or more than the ledger can hold.
    """
    read = AMOUNT.match(text.strip())
    if read is None:
        raise StatementAmountMalformed(given=clip(text, REFERENCE_LENGTH_MAX))
    euros, decimals = read.group(1), (read.group(2) or "").ljust(EURO_DECIMALS, "0")
    amount_cents = int(euros) * CENTS_PER_EURO + int(decimals[:EURO_DECIMALS])
    if decimals[EURO_DECIMALS:].strip("0") or amount_cents > CENTS_MAX:
        raise StatementAmountMalformed(given=clip(text, REFERENCE_LENGTH_MAX))
    return amount_cents


def amount_cents(element: etree._Element) -> int:
    """Return the cents of a balance's or a line's Amt, without sign."""
    return parse_cents(element.findtext("{*}Amt") or "")


def currency_of(element: etree._Element, path: str = "{*}Amt") -> str:
    """Return the currency of the amount at `path`, or an empty string."""
    found = element.find(path)
    return "" if found is None else (found.get("Ccy") or "")


def sign_of(element: etree._Element) -> int:
    """Return +1 for a credit, −1 for a debit; refuses statement_incomplete."""
    sign = SIGNS.get(text_of(element, "{*}CdtDbtInd"))
    if sign is None:
        raise StatementIncomplete(field="CdtDbtInd")
    return sign


def signed_cents(element: etree._Element) -> int:
    """Return the cents of a balance or a line: + for a credit, − for a debit, reversals included.

    CdtDbtInd says which way the money of *this* line went; RvslInd only says why, so it never flips the sign.
    """
    return sign_of(element) * amount_cents(element)


def date_of(element: etree._Element, path: str) -> datetime.date | None:
    """Return the date in the field at `path` (Dt or DtTm inside, or the text itself), None when it is not there.

    An instant with an offset counts for its date in Paris, where the account and its month are.
    Refuses statement_incomplete when there is something there that is no date.
    """
    found = element.find(path)
    if found is None:
        return None
    text = (found.findtext("{*}Dt") or found.findtext("{*}DtTm") or found.text or "").strip()
    written = DATE.match(text)
    if written is None:
        raise StatementIncomplete(field=etree.QName(found).localname)
    try:
        if "T" not in text:
            return datetime.date.fromisoformat(written.group())
        moment = datetime.datetime.fromisoformat(text)
        return moment.date() if moment.tzinfo is None else moment.astimezone(PARIS).date()
    except (ValueError, OverflowError) as error:
        raise StatementIncomplete(field=etree.QName(found).localname) from error


def day_written(element: etree._Element, path: str) -> datetime.date | None:
    """Return the calendar day that opens the text at `path`, None when it is not there.

    For the bounds of a period: a bank that works in UTC ends its day at 23:59:59Z, already tomorrow in Paris.
    Refuses statement_incomplete when there is something there that is no date.
    """
    text = text_of(element, path)
    if not text:
        return None
    written = DATE.match(text)
    try:
        return datetime.date.fromisoformat(written.group() if written else text)
    except ValueError as error:
        raise StatementIncomplete(field=path.rpartition("}")[2]) from error


def end_to_end_id_of(details: etree._Element) -> str:
    """Return the payment's end-to-end reference, empty when the bank says NOTPROVIDED."""
    reference = text_of(details, "{*}Refs/{*}EndToEndId")
    return "" if reference.upper() == NOT_PROVIDED else reference


def creditor_reference_of(details: etree._Element) -> str:
    """Return the structured creditor reference (ISO 11649 "RF…", or the bank's), without spaces."""
    return "".join(text_of(details, "{*}RmtInf/{*}Strd/{*}CdtrRefInf/{*}Ref").split())


def label_of(element: etree._Element, *paths: str) -> str:
    """Return the free texts found at the paths, each once, in order."""
    texts: list[str] = []
    for path in paths:
        for found in element.findall(path):
            text = clip(found.text or "", LABEL_LENGTH_MAX)
            if text and text not in texts:
                texts.append(text)
    return clip(" ".join(texts), LABEL_LENGTH_MAX)


def bank_code_of(element: etree._Element) -> str:
    """Return "PMNT/ICDT/ESCT" (domain, family, sub-family), else the bank's own code, else an empty string."""
    domain = [
        text_of(element, "{*}BkTxCd/{*}Domn/{*}Cd"),
        text_of(element, "{*}BkTxCd/{*}Domn/{*}Fmly/{*}Cd"),
        text_of(element, "{*}BkTxCd/{*}Domn/{*}Fmly/{*}SubFmlyCd"),
    ]
    return "/".join(domain) if domain[0] else text_of(element, "{*}BkTxCd/{*}Prtry/{*}Cd")


def return_reason_of(details: etree._Element) -> str:
    """Return why a payment came back: "AC04", "AC01"…, or the bank's own word."""
    return text_of(details, "{*}RtrInf/{*}Rsn/{*}Cd") or text_of(details, "{*}RtrInf/{*}Rsn/{*}Prtry")


def status_reason_of(element: etree._Element) -> str:
    """Return why an order or a payment was rejected: "AC01", "AM04"…, or the bank's own word."""
    return text_of(element, "{*}StsRsnInf/{*}Rsn/{*}Cd") or text_of(element, "{*}StsRsnInf/{*}Rsn/{*}Prtry")
