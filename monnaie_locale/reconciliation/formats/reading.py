"""Read a file of the bank, whatever its format: bytes in, one model or one refusal out. Pure."""

from monnaie_locale.reconciliation.errors import StatementTooLarge
from monnaie_locale.reconciliation.formats.camt053 import read_camt053
from monnaie_locale.reconciliation.formats.camt054 import read_camt054
from monnaie_locale.reconciliation.formats.cfonb120 import is_cfonb120, read_cfonb120
from monnaie_locale.reconciliation.formats.iso_messages import open_messages
from monnaie_locale.reconciliation.formats.model import BankFile
from monnaie_locale.reconciliation.formats.pacs004 import read_pacs004
from monnaie_locale.reconciliation.formats.pain002 import read_pain002

MEBIBYTE = 1024 * 1024
MEBIBYTES_MAX = 10


def read_bank_file(*, content: bytes, account: str | None = None) -> BankFile:
    """Return what a file says: camt.053, camt.054, camt.052, pain.002, pacs.004 or CFONB 120.

    Args:
        content: the file as received, 10 MiB at most.
        account: the IBAN of the account wanted; what the file says of other accounts is left unread. None reads every
            account (to look at a file, not to import it).

    Refuses, in this order: statement_too_large, statement_not_xml, statement_not_camt053 (no message that is read),
    statement_absent, statement_not_ours, statement_amount_malformed, statement_incomplete. Whether a statement adds up
    and may be imported is for `acceptance`.

    """
    if len(content) > MEBIBYTES_MAX * MEBIBYTE:
        raise StatementTooLarge(mebibytes_max=MEBIBYTES_MAX)
    if is_cfonb120(content):
        return read_cfonb120(content, account=account)
    messages = open_messages(content)
    if messages.kind == "camt.053":
        return read_camt053(messages, account=account)
    if messages.kind in {"camt.052", "camt.054"}:
        return read_camt054(messages, account=account)
    return read_pain002(messages) if messages.kind == "pain.002" else read_pacs004(messages)
