"""What a close kept of the books, held against its certificate: the sums that later months and closes start from."""

from sqlalchemy import Connection

from monnaie_locale.closing.certificate import read_certificate, verify_certificate
from monnaie_locale.closing.errors import CertificateMalformed
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.queries import close_of_month
from monnaie_locale.journal.period_balances import kept_kinds
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
    """Return whether what a close kept of the balances is not what its certificate says; refuses certificate_malformed.

    A close of an older version kept none: nothing differs.
    """
    certified = _certified(close)
    kept = kept_kinds(db, territory_id=territory_id, ends_on=close.month.last_day, closed_at_ms=close.closed_at_ms or 0)
    sums = {
        ACCOUNT_MAP[each.kind].code: (each.debits_cents, each.credits_cents)
        for each in kept.values()
        if each.debits_cents or each.credits_cents
    }
    return bool(kept) and sums != certified


def flows_differ(db: Connection, *, territory_id: int, close: Close) -> bool:
    """Return whether what a close kept of the flows does not make the sums of its certificate; as `balances_differ`."""
    flows = kept_flows(
        db, territory_id=territory_id, ends_on=close.month.last_day, closed_at_ms=close.closed_at_ms or 0
    )  # fmt: skip
    sums: dict[str, tuple[int, int]] = {}
    for flow in flows:
        for kind, debit_cents, credit_cents in (
            (flow.debit_kind, flow.amount_cents, 0),
            (flow.credit_kind, 0, flow.amount_cents),
        ):
            debits_cents, credits_cents = sums.get(ACCOUNT_MAP[kind].code, (0, 0))
            sums[ACCOUNT_MAP[kind].code] = (debits_cents + debit_cents, credits_cents + credit_cents)
    return bool(flows) and sums != _certified(close)


def _certified(close: Close) -> dict[str, tuple[int, int]]:
    body, _ = read_certificate(close.certificate)
    return {
        each["code"]: (each["debit_cents"], each["credit_cents"])
        for each in body["accounts"]
        if each["debit_cents"] or each["credit_cents"]
    }
