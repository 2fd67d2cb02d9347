"""Read camt.053 bank statements, versions .02 and later: what the account held, the only ISO file that moves the books.

Source: ISO 20022 message definition BankToCustomerStatement; what real banks write, by the samples of
tests/data/camt053.
"""

from collections.abc import Iterable

from lxml import etree

from monnaie_locale.reconciliation.errors import StatementAbsent, StatementNotOurs
from monnaie_locale.reconciliation.formats import iso_fields as fields
from monnaie_locale.reconciliation.formats.iso_entries import account_report
from monnaie_locale.reconciliation.formats.iso_messages import IsoMessages
from monnaie_locale.reconciliation.formats.model import BankFile


def read_camt053(messages: IsoMessages, *, account: str | None) -> BankFile:
    """Return the statements of a file.

    Args:
        messages: of `iso_messages.open_messages`.
        account: the IBAN whose statements are wanted; those of other accounts are left unread. None reads them all.

    Refuses, in this order: statement_absent, statement_not_ours, statement_amount_malformed, statement_incomplete.

    """
    wanted, others = wanted_reports(messages, "{*}Stmt", account=account)
    return BankFile(
        format=messages.name,
        message_id=messages.message_id,
        is_booked=True,
        reports=tuple(account_report(element) for element in wanted),
        other_accounts=others,
    )


def wanted_reports(
    messages: IsoMessages, path: str, *, account: str | None
) -> tuple[list[etree._Element], tuple[str, ...]]:
    """Return the elements at `path` that are of an account, all when None, and the names of the other accounts.

    Refuses, in this order: statement_absent, statement_not_ours.
    """
    elements = [element for body in messages.bodies for element in body.iterchildren(path)]
    if not elements:
        raise StatementAbsent
    if account is None:
        return elements, ()
    wanted = fields.squeeze_iban(account)
    ours = [element for element in elements if fields.account_of(element) == wanted]
    if not ours:
        raise StatementNotOurs(iban=fields.account_of(elements[0]) or "?")
    return ours, _accounts(element for element in elements if element not in ours)


def _accounts(elements: Iterable[etree._Element]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fields.account_of(element) or "?" for element in elements))
