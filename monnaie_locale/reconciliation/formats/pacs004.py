"""Read pacs.004 payment returns: which transfer comes back and why; its credit is on a camt.053.

Source: ISO 20022 message definition PaymentReturn, which some banks pass on to their customers.
"""

from collections.abc import Iterator

from lxml import etree

from merchants.model import PaymentStatus
from monnaie_locale.reconciliation.errors import StatementAbsent, StatementIncomplete
from monnaie_locale.reconciliation.formats import iso_fields as fields
from monnaie_locale.reconciliation.formats.iso_messages import IsoMessages
from monnaie_locale.reconciliation.formats.model import BankFile, PaymentNews


def read_pacs004(messages: IsoMessages) -> BankFile:
    """Return the transfers that come back.

    Refuses, in this order: statement_absent, statement_incomplete, statement_amount_malformed.
    """
    news = tuple(each for body in messages.bodies for each in _news(body))
    if not news:
        raise StatementAbsent
    return BankFile(format=messages.name, message_id=messages.message_id, is_booked=False, news=news)


def _news(body: etree._Element) -> Iterator[PaymentNews]:
    written_on = fields.date_of(body, "{*}GrpHdr/{*}CreDtTm")
    for transaction in body.iterchildren("{*}TxInf"):
        told_on = fields.date_of(transaction, "{*}IntrBkSttlmDt") or written_on
        if told_on is None:
            raise StatementIncomplete(field="IntrBkSttlmDt")
        amount = transaction.findtext("{*}RtrdIntrBkSttlmAmt")
        yield PaymentNews(
            end_to_end_id=fields.text_of(transaction, "{*}OrgnlEndToEndId"),
            order_ids=(),
            status=PaymentStatus.RETURNED,
            told_on=told_on,
            reason=fields.text_of(transaction, "{*}RtrRsnInf/{*}Rsn/{*}Cd")
            or fields.text_of(transaction, "{*}RtrRsnInf/{*}Rsn/{*}Prtry"),
            amount_cents=None if amount is None else fields.parse_cents(amount),
        )
