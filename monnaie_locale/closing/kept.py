"""What a close kept of the books, held against its certificate: the sums that later months and closes start from."""

from sqlalchemy import Connection

from monnaie_locale.closing.certificate import read_certificate, verify_certificate
from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.queries import close_of_month
from monnaie_locale.journal.period_balances import by_kind, kept_digest, kept_of
from monnaie_locale.journal.period_flows import kept_flows
from monnaie_locale.journal.queries import closed_through
from monnaie_locale.journal.verify_start import Start, start_after_close
from monnaie_locale.ledger.accounts import ACCOUNT_MAP
from monnaie_locale.ledger.periods import Month


def verification_start(db: Connection, *, territory_id: int, public_key_pem: str) -> Start | None:
    """Return what the last close leaves as verified, or None when every entry must be read.

    Nothing is taken from a close whose certificate does not stand, or whose balances are not those it certified.
    """
    closed = closed_through(db, territory_id=territory_id)
    close = None if closed is None else close_of_month(db, territory_id=territory_id, month=Month.of(closed))
    if close is None or not close.is_closed:
        return None
    try:
        stands = not verify_certificate(certificate=close.certificate, public_key_pem=public_key_pem)
        if not stands or balances_differ(db, territory_id=territory_id, close=close):
            return None
    except CertificateMalformed:
        return None
    return start_after_close(db, territory_id=territory_id, public_key_pem=public_key_pem)


def balances_differ(db: Connection, *, territory_id: int, close: Close) -> bool:
    """Return whether what a close kept of balances and flows is not what its certificate says.

    A close of an older version kept no flows, or nothing at all, and certified no digest: the sums by kind must be
    those of the certificate all the same. Refuses certificate_malformed.
    """
    body, _ = read_certificate(close.certificate)
    ends_on, closed_at_ms = close.month.last_day, close.closed_at_ms or 0
    balances = kept_of(db, territory_id=territory_id, ends_on=ends_on, closed_at_ms=closed_at_ms)
    flows = kept_flows(db, territory_id=territory_id, ends_on=ends_on, closed_at_ms=closed_at_ms)
    digest = body.get("kept_sha256")
    if digest is not None:
        return bool(digest != kept_digest(balances, flows))
    sums = {
        ACCOUNT_MAP[each.kind].code: (each.debits_cents, each.credits_cents)
        for each in by_kind(balances).values()
        if each.debits_cents or each.credits_cents
    }
    certified = {
        each["code"]: (each["debit_cents"], each["credit_cents"])
        for each in body["accounts"]
        if each["debit_cents"] or each["credit_cents"]
    }
    return bool(balances) and sums != certified
