"""Read camt.054 notices of debits and credits, and camt.052 intraday reports: news before the statement.

Source: ISO 20022 message definitions BankToCustomerDebitCreditNotification and BankToCustomerAccountReport. What they
tell is on the camt.053 of the day too, and only that one moves the books: nothing is counted twice.
"""

from collections.abc import Iterator

from merchants.model import PaymentStatus
from monnaie_locale.reconciliation.formats.camt053 import wanted_reports
from monnaie_locale.reconciliation.formats.iso_entries import account_report
from monnaie_locale.reconciliation.formats.iso_messages import IsoMessages
from monnaie_locale.reconciliation.formats.model import AccountReport, BankFile, PaymentNews
from monnaie_locale.reconciliation.model import Detail, Line

PATHS = {"camt.052": "{*}Rpt", "camt.054": "{*}Ntfctn"}
RETURNED_CODE = "RRTN"


def read_camt054(messages: IsoMessages, *, account: str | None) -> BankFile:
    """Return the booked entries of a notice or an intraday report, and the payments that they name.

    Arguments and refusals as `camt053.read_camt053`.
    """
    wanted, others = wanted_reports(messages, PATHS[messages.kind], account=account)
    reports = tuple(account_report(element) for element in wanted)
    return BankFile(
        format=messages.name,
        message_id=messages.message_id,
        is_booked=False,
        reports=reports,
        news=tuple(news for report in reports for news in _news(report)),
        other_accounts=others,
    )


def _news(report: AccountReport) -> Iterator[PaymentNews]:
    """Yield what each payment of ours became; a line without a payment's identifier speaks of a whole order."""
    for line in report.lines:
        payments = line.details or (
            Detail(amount_cents=line.amount_cents, end_to_end_id=line.end_to_end_id, bank_code=line.bank_code),
        )
        for each in payments:
            status = _status(line, each)
            if status is PaymentStatus.DEBITED and not each.end_to_end_id and not line.batch_reference:
                continue
            if status is not None and (each.end_to_end_id or status is PaymentStatus.DEBITED):
                yield PaymentNews(
                    end_to_end_id=each.end_to_end_id,
                    order_ids=(line.batch_reference,) if line.batch_reference else (),
                    status=status,
                    told_on=line.booked_on,
                    reason=each.return_reason,
                    amount_cents=None if each.amount_cents is None else abs(each.amount_cents),
                )


def _status(line: Line, each: Detail) -> PaymentStatus | None:
    """Return what a debit or a returned credit says of a payment of ours; any other credit says nothing."""
    cents = line.amount_cents if each.amount_cents is None else each.amount_cents
    if cents < 0:
        return PaymentStatus.DEBITED
    is_return = line.is_reversal or bool(each.return_reason)
    is_return = is_return or (each.bank_code or line.bank_code).endswith(f"/{RETURNED_CODE}")
    return PaymentStatus.RETURNED if is_return else None
