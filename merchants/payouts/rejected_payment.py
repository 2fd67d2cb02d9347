"""A transfer that the bank rejected and paid all the same: its debit, which waits in suspense, is the shop's.

The rejection gave the shop its money back; the debit takes it again, with the issuer's fee, so that no payout pays it a
second time. A shop that holds less by now (another payout paid it, it gave refunds) owes the rest, which is recovered
from its next redemptions.
"""

import datetime

from sqlalchemy import Connection, update

from merchants.model import LineState, PayoutLine
from merchants.payout_errors import PayoutLineNotRejected
from merchants.payouts.operations import CALLER
from merchants.queries import line_by_end_to_end, merchant_accounts
from merchants.tables import payout_lines
from monnaie_locale.journal.directory import single_account
from monnaie_locale.journal.post import post
from monnaie_locale.journal.reversals import standing_key
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest


def rejected_line(db: Connection, *, territory_id: int, end_to_end_id: str) -> PayoutLine:
    """Return a line that stands rejected; refuses payout_line_unknown, payout_line_not_rejected."""
    line = line_by_end_to_end(db, territory_id=territory_id, end_to_end_id=end_to_end_id)
    if line.state is not LineState.REJECTED:
        raise PayoutLineNotRejected
    return line


def post_rejected_payment(
    db: Connection,
    *,
    territory_id: int,
    end_to_end_id: str,
    booked_on: datetime.date,
    bank_reference: str,
    now: datetime.datetime,
) -> Posted:
    """Book that a rejected transfer was paid: the shop, then what it owes, to the suspense; the fee to the issuer.

    The line itself is marked by `mark_rejected_paid`, once the decision of two people names this entry.

    Args:
        db: the transaction.
        territory_id: whose books.
        end_to_end_id: of the rejected line, whose exact amount waits in suspense.
        booked_on: the accounting date.
        bank_reference: what makes the statement's line unique.
        now: aware UTC.

    Refuses, in this order: payout_line_unknown, payout_line_not_rejected, period_closed.

    """
    line = rejected_line(db, territory_id=territory_id, end_to_end_id=end_to_end_id)
    sources = merchant_accounts(db, territory_id=territory_id, merchant_id=line.merchant_id)
    suspense_id = single_account(db, territory_id=territory_id, kind=AccountKind.SUSPENSE_OUT)
    draws = [Draw(sources, suspense_id, line.amount_cents)]
    if line.fee_cents:
        fees_id = single_account(db, territory_id=territory_id, kind=AccountKind.RECONVERSION_FEES)
        draws.append(Draw(sources, fees_id, line.fee_cents))
    first_key = f"payout:{line.payout_id}:{line.line_no}:rejected-paid"
    posting = Posting(
        territory_id=territory_id,
        caller=CALLER,
        idempotency_key=standing_key(db, territory_id=territory_id, caller=CALLER, idempotency_key=first_key),
        request_digest=request_digest(
            operation="rejected-paid", line=line.end_to_end_id, bank_reference=bank_reference
        ),
        kind=EntryKind.PAYOUT_SETTLED,
        draws=tuple(draws),
        happened_at_ms=instant_ms(now),
        accounted_on=booked_on,
        reference=line.end_to_end_id,
    )
    return post(db, posting, recorded_at_ms=instant_ms(now))


def mark_rejected_paid(db: Connection, *, territory_id: int, end_to_end_id: str, entry_id: int) -> None:
    """Let a rejected line be paid by an entry that two people decided; the database refuses any other."""
    line = rejected_line(db, territory_id=territory_id, end_to_end_id=end_to_end_id)
    db.execute(
        update(payout_lines)
        .where(
            payout_lines.c.territory_id == territory_id,
            payout_lines.c.payout_id == line.payout_id,
            payout_lines.c.line_no == line.line_no,
        )
        .values(state=LineState.SETTLED.value, settled_entry_id=entry_id)
    )
