"""Read pain.002 status reports: what the bank accepted or rejected of an order, before it debits anything.

Source: ISO 20022 message definition CustomerPaymentStatusReport; external code set PaymentTransactionStatus.
"""

import datetime
from collections.abc import Iterator

from lxml import etree

from merchants.model import PaymentStatus
from monnaie_locale.reconciliation.errors import StatementAbsent, StatementIncomplete
from monnaie_locale.reconciliation.formats import iso_fields as fields
from monnaie_locale.reconciliation.formats.iso_messages import IsoMessages
from monnaie_locale.reconciliation.formats.model import BankFile, PaymentNews

STATUSES = {
    "RCVD": PaymentStatus.PENDING,
    "PDNG": PaymentStatus.PENDING,
    "PATC": PaymentStatus.PENDING,
    "ACTC": PaymentStatus.ACCEPTED,
    "ACFC": PaymentStatus.ACCEPTED,
    "ACCP": PaymentStatus.ACCEPTED,
    "ACSP": PaymentStatus.ACCEPTED,
    "ACWC": PaymentStatus.ACCEPTED,
    "ACWP": PaymentStatus.ACCEPTED,
    "ACSC": PaymentStatus.DEBITED,
    "ACCC": PaymentStatus.DEBITED,
    "RJCT": PaymentStatus.REJECTED,
    "CANC": PaymentStatus.REJECTED,
    "BLCK": PaymentStatus.REJECTED,
}
# The bank has this order already: the second copy is rejected, the first one goes its way.
REPEATED_REASONS = frozenset({"AM05", "DUPL", "DU01", "DU02", "DU03", "DU04", "DU05"})
NOT_PROVIDED = frozenset({"", "NOTPROVIDED"})


def read_pain002(messages: IsoMessages) -> BankFile:
    """Return the news of each payment, and of the order as a whole where the bank speaks of all of it at once.

    Refuses, in this order: statement_absent, statement_incomplete.
    """
    news = tuple(each for body in messages.bodies for each in _news(body))
    if not news:
        raise StatementAbsent
    return BankFile(format=messages.name, message_id=messages.message_id, is_booked=False, news=news)


def _news(body: etree._Element) -> Iterator[PaymentNews]:
    told_on = fields.date_of(body, "{*}GrpHdr/{*}CreDtTm")
    if told_on is None:
        raise StatementIncomplete(field="CreDtTm")
    for group in body.iterchildren("{*}OrgnlGrpInfAndSts"):
        message = fields.text_of(group, "{*}OrgnlMsgId")
        payments = body.findall("{*}OrgnlPmtInfAndSts")
        yield from _whole(group, "{*}GrpSts", (message,), told_on)
        for payment in payments:
            order_ids = (fields.text_of(payment, "{*}OrgnlPmtInfId"), message)
            yield from _whole(payment, "{*}PmtInfSts", order_ids, told_on)
            for transaction in payment.iterchildren("{*}TxInfAndSts"):
                yield from _one(transaction, order_ids, told_on)


def _whole(
    element: etree._Element, path: str, order_ids: tuple[str, ...], told_on: datetime.date
) -> Iterator[PaymentNews]:
    """Yield what is said of an order as a whole; PART says that the payments are told one by one."""
    status = STATUSES.get(fields.text_of(element, path))
    if status is not None:
        yield _told("", order_ids, status, told_on, fields.status_reason_of(element))


def _one(element: etree._Element, order_ids: tuple[str, ...], told_on: datetime.date) -> Iterator[PaymentNews]:
    status = STATUSES.get(fields.text_of(element, "{*}TxSts"))
    end_to_end_id = fields.text_of(element, "{*}OrgnlEndToEndId")
    if status is not None and end_to_end_id not in NOT_PROVIDED:
        yield _told(end_to_end_id, order_ids, status, told_on, fields.status_reason_of(element))


def _told(
    end_to_end_id: str, order_ids: tuple[str, ...], status: PaymentStatus, told_on: datetime.date, reason: str
) -> PaymentNews:
    if status is PaymentStatus.REJECTED and reason in REPEATED_REASONS:
        status = PaymentStatus.REPEATED
    return PaymentNews(
        end_to_end_id=end_to_end_id,
        order_ids=tuple(each for each in order_ids if each not in NOT_PROVIDED),
        status=status,
        told_on=told_on,
        reason=reason,
    )
