"""Pay the shops: one person prepares, another approves, the bank's statement settles or returns line by line."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Update, insert, update

from merchants.model import (
    PAYOUT_STATE_NAMES,
    LineState,
    Merchant,
    Payout,
    PayoutFile,
    PayoutLine,
    PayoutState,
)
from merchants.payout_errors import (
    PayoutBalanceChanged,
    PayoutDateInPast,
    PayoutEmpty,
    PayoutLineNotOrdered,
    PayoutLineNotSettled,
    PayoutLineRejected,
    PayoutPending,
    PayoutSamePerson,
    PayoutStateWrong,
)
from merchants.payouts.payable import first_short, line_row, shops_due
from merchants.payouts.redemption import Redemption, message_id
from merchants.payouts.terms import terms_of
from merchants.queries import (
    find_payout,
    line_by_end_to_end,
    lines_of,
    list_payouts,
    merchant_accounts,
)
from merchants.queries import (
    payment_file as read_payment_file,
)
from merchants.register_digests import payout_digests
from merchants.tables import payout_lines, payouts
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory, single_account, territory_of
from monnaie_locale.journal.post import post, post_batch
from monnaie_locale.journal.reversals import standing_key
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import InsufficientFunds, Refusal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posted, Posting, request_digest

# The caller of a payout's entries: one for all, so that a line is posted once whoever approves or reconciles.
CALLER = "payouts"
LABEL_LENGTH_MAX = 80
# What the audit trail says of a payout that is prepared; no column holds the minimum that was asked for.
PREPARED, MINIMUM_NOTED = "payout.prepare", "minimum_cents"


def prepare_payout(
    db: Connection,
    *,
    territory_id: int,
    label: str,
    cutoff_on: datetime.date,
    execution_on: datetime.date,
    actor: str,
    now: datetime.datetime,
    minimum_cents: int | None = None,
) -> Payout:
    """Collect every shop whose balance at the end of a day reaches the minimum; suspended shops are paid too.

    Args:
        db: the transaction.
        territory_id: whose books.
        label: shown to people, "Octobre 2026".
        cutoff_on: the last day (accounting date) whose charges are paid.
        execution_on: the day on which the bank is asked to pay.
        actor: the caller who prepares, "staff:3".
        now: aware UTC.
        minimum_cents: less than this is carried over; None for what the terms of payouts say.

    Nothing is posted before `approve_payout`; CAP claims that are not certified wait (`cap_claims`).
    Refuses, in this order: payout_pending, payout_date_in_past, payout_empty.

    """
    now_ms = instant_ms(now)
    if any(each.state is PayoutState.PREPARED for each in list_payouts(db, territory_id=territory_id)):
        # Two orders prepared on the same balances would pay the same charges twice, as soon as new ones come in.
        raise PayoutPending
    if execution_on < paris_date(now_ms):
        raise PayoutDateInPast
    terms = terms_of(db, territory_id=territory_id, minimum_cents=minimum_cents)
    due = shops_due(db, territory_id=territory_id, cutoff_on=cutoff_on, terms=terms)
    if not due:
        raise PayoutEmpty
    payout_id, code = next_id(db, payouts, territory_id=territory_id), territory_of(db, territory_id=territory_id).code
    head = {
        "label": " ".join(label.split())[:LABEL_LENGTH_MAX],
        "cutoff_on": cutoff_on,
        "message_id": message_id(territory_code=code, payout_id=payout_id),
        "execution_on": execution_on,
        "pain_version": terms.pain_version,
        "prepared_by": actor,
        "prepared_at_ms": now_ms,
    }
    _insert(db, head, due, at=(territory_id, payout_id), code=code)
    _record_seen(db, (territory_id, now), actor, PREPARED, payout_id, **{MINIMUM_NOTED: terms.minimum_cents})
    return find_payout(db, territory_id=territory_id, payout_id=payout_id)


def cancel_payout(db: Connection, *, territory_id: int, payout_id: int, actor: str, now: datetime.datetime) -> Payout:
    """Give up a payout that nobody approved. Refuses, in this order: payout_unknown, payout_state_wrong."""
    _in_state(db, territory_id, payout_id, PayoutState.PREPARED)
    db.execute(
        _payout(territory_id, payout_id).values(state=PayoutState.CANCELLED.value, cancelled_at_ms=instant_ms(now))
    )
    _record(db, (territory_id, now), actor, "payout.cancel", payout_id)
    return find_payout(db, territory_id=territory_id, payout_id=payout_id)


def approve_payout(db: Connection, *, territory_id: int, payout_id: int, actor: str, now: datetime.datetime) -> Payout:
    """Order a payout: every shop's debt is recovered, then its line moves to "in transit", all or none.

    Refuses, in this order: payout_unknown, payout_state_wrong, payout_same_person, payout_balance_changed.
    """
    # The posting lock first, as every posting does: what is kept back of the shops cannot change any more.
    lock_territory(db, territory_id=territory_id)
    payout = _in_state(db, territory_id, payout_id, PayoutState.PREPARED)
    if payout.prepared_by == actor:
        raise PayoutSamePerson
    now_ms = instant_ms(now)
    short = first_short(db, territory_id=territory_id, lines=payout.lines, through_on=paris_date(now_ms))
    if short is not None:
        raise PayoutBalanceChanged(merchant=short.name)
    db.execute(
        _payout(territory_id, payout_id).values(
            state=PayoutState.APPROVED.value, approved_by=actor, approved_at_ms=now_ms
        )
    )
    _order(db, territory_id, replace(payout, approved_by=actor), now_ms=now_ms)
    _record_seen(db, (territory_id, now), actor, "payout.approve", payout_id)
    return find_payout(db, territory_id=territory_id, payout_id=payout_id)


def payment_file(db: Connection, *, territory_id: int, payout_id: int) -> PayoutFile:
    """Return an approved payout as plain values, for `exports.sepa`. Refuses: payout_unknown, payout_state_wrong."""
    payout = find_payout(db, territory_id=territory_id, payout_id=payout_id)
    if payout.approved_by is None:
        raise PayoutStateWrong(state=PAYOUT_STATE_NAMES[payout.state])
    return read_payment_file(db, territory_id=territory_id, payout_id=payout_id)


def mark_sent(db: Connection, *, territory_id: int, payout_id: int, actor: str, now: datetime.datetime) -> Payout:
    """Note that the order went to the bank; once more changes nothing. Refuses: payout_unknown, payout_state_wrong."""
    payout = find_payout(db, territory_id=territory_id, payout_id=payout_id, locked=True)
    if payout.state is PayoutState.SENT:
        return payout
    _in_state(db, territory_id, payout_id, PayoutState.APPROVED)
    db.execute(_payout(territory_id, payout_id).values(state=PayoutState.SENT.value, sent_at_ms=instant_ms(now)))
    _record(db, (territory_id, now), actor, "payout.send", payout_id)
    return find_payout(db, territory_id=territory_id, payout_id=payout_id)


def settle_line(
    db: Connection,
    *,
    territory_id: int,
    end_to_end_id: str,
    booked_on: datetime.date,
    bank_reference: str,
    now: datetime.datetime,
    taken_from: AccountKind = AccountKind.RESERVE,
) -> Posted:
    """Book that the bank debited a transfer: payouts in transit to reserve. A second time gives the same entry.

    Args:
        db: the transaction.
        territory_id: whose books.
        end_to_end_id: as on the statement.
        booked_on: the statement's booking day, which is the accounting date.
        bank_reference: what makes the statement's line unique.
        now: aware UTC.
        taken_from: the suspense, when the debit waits there; by default the reserve.

    Refuses, in this order: payout_line_unknown, payout_line_not_ordered, payout_line_rejected,
    idempotency_key_reused, period_closed.

    """
    line = line_by_end_to_end(db, territory_id=territory_id, end_to_end_id=end_to_end_id)
    if line.state is LineState.PREPARED:
        raise PayoutLineNotOrdered
    if line.state is LineState.REJECTED:
        raise PayoutLineRejected
    transit_id = single_account(db, territory_id=territory_id, kind=AccountKind.PAYOUT_TRANSIT)
    bank_id = single_account(db, territory_id=territory_id, kind=taken_from)
    draw = Draw((transit_id,), bank_id, line.amount_cents)
    step = _Step(EntryKind.PAYOUT_SETTLED, "settled", booked_on, bank_reference)
    posted = _book(db, territory_id, line, draw, step, now_ms=instant_ms(now))
    if line.state is LineState.ORDERED:
        db.execute(
            _line(territory_id, line).values(state=LineState.SETTLED.value, settled_entry_id=posted.entry.entry_id)
        )
        follow_lines(db, territory_id, line.payout_id, now_ms=instant_ms(now))
    return posted


def return_line(
    db: Connection,
    *,
    territory_id: int,
    end_to_end_id: str,
    booked_on: datetime.date,
    bank_reference: str,
    now: datetime.datetime,
    taken_from: AccountKind = AccountKind.RESERVE,
) -> Posted:
    """Book that the bank returned a transfer: reserve to the shop, which is owed again. Arguments as `settle_line`.

    Refuses, in this order: payout_line_unknown, payout_line_not_settled, idempotency_key_reused, period_closed.
    """
    line = line_by_end_to_end(db, territory_id=territory_id, end_to_end_id=end_to_end_id)
    if line.settled_entry_id is None:
        raise PayoutLineNotSettled
    bank_id = single_account(db, territory_id=territory_id, kind=taken_from)
    account_id, _ = merchant_accounts(db, territory_id=territory_id, merchant_id=line.merchant_id)
    draw = Draw((bank_id,), account_id, line.amount_cents)
    step = _Step(EntryKind.PAYOUT_RETURNED, "returned", booked_on, bank_reference)
    posted = _book(db, territory_id, line, draw, step, now_ms=instant_ms(now))
    if line.state is LineState.SETTLED:
        db.execute(
            _line(territory_id, line).values(state=LineState.RETURNED.value, returned_entry_id=posted.entry.entry_id)
        )
    return posted


@dataclass(frozen=True, slots=True)
class _Step:
    """What happens to a line; the bank's steps carry its booking day and its reference."""

    kind: EntryKind
    word: str
    booked_on: datetime.date | None = None
    bank_reference: str = ""
    digest: bytes = b""


def order_digest(line: PayoutLine, *, approved_by: str) -> bytes:
    """Return the digest of an order's request: what the approver saw, so that the log holds it against the rows."""
    # Without a fee, the same words as before there were fees: older orders are held against the same digest.
    fee = {"fee_cents": line.fee_cents} if line.fee_cents else {}
    return request_digest(
        operation="order",
        line=line.end_to_end_id,
        merchant_id=line.merchant_id,
        amount_cents=line.amount_cents,
        iban=line.iban,
        approved_by=approved_by,
        **fee,
    )


def _insert(
    db: Connection,
    head: dict[str, object],
    due: Sequence[tuple[Merchant, Redemption]],
    *,
    at: tuple[int, int],
    code: str,
) -> None:
    territory_id, payout_id = at
    counted = {
        "territory_id": territory_id,
        "id": payout_id,
        "state": PayoutState.PREPARED.value,
        "total_cents": sum(redemption.paid_cents for _, redemption in due),
    }
    db.execute(insert(payouts), {**head, **counted})
    rows = [
        line_row(merchant, redemption, at=(territory_id, payout_id, number), code=code)
        for number, (merchant, redemption) in enumerate(due, start=1)
    ]
    db.execute(insert(payout_lines), rows)


def _order(db: Connection, territory_id: int, payout: Payout, *, now_ms: int) -> None:
    """Post every line's recovery and order in one batch, and write their numbers on the lines."""
    transit_id = single_account(db, territory_id=territory_id, kind=AccountKind.PAYOUT_TRANSIT)
    fees_id = single_account(db, territory_id=territory_id, kind=AccountKind.RECONVERSION_FEES)
    wanted: list[tuple[PayoutLine, str, Posting]] = []
    for line in payout.lines:
        account_id, debt_id = merchant_accounts(db, territory_id=territory_id, merchant_id=line.merchant_id)
        if line.recovered_cents:
            draws = [Draw((account_id,), debt_id, line.recovered_cents)]
            step = _Step(EntryKind.RECOVERY, "recovery")
            wanted.append((line, "recovery_entry_id", _posting(territory_id, line, tuple(draws), step, now_ms)))
        draws = [Draw((account_id,), transit_id, line.amount_cents)]
        if line.fee_cents:
            draws.append(Draw((account_id,), fees_id, line.fee_cents))
        step = _Step(EntryKind.PAYOUT_ORDER, "order", digest=order_digest(line, approved_by=str(payout.approved_by)))
        wanted.append((line, "order_entry_id", _posting(territory_id, line, tuple(draws), step, now_ms)))
    answers = post_batch(db, [posting for _, _, posting in wanted], recorded_at_ms=now_ms)
    numbers: dict[int, dict[str, int]] = {line.line_no: {} for line in payout.lines}
    for (line, column, _), answer in zip(wanted, answers, strict=True):
        if isinstance(answer, InsufficientFunds):
            raise PayoutBalanceChanged(merchant=line.name) from answer
        if isinstance(answer, Refusal):
            raise answer
        numbers[line.line_no][column] = answer.entry.entry_id
    for line in payout.lines:
        db.execute(_line(territory_id, line).values(state=LineState.ORDERED.value, **numbers[line.line_no]))


def _book(db: Connection, territory_id: int, line: PayoutLine, draw: Draw, step: _Step, *, now_ms: int) -> Posted:
    posting = _posting(territory_id, line, (draw,), step, now_ms)
    key = standing_key(db, territory_id=territory_id, caller=CALLER, idempotency_key=posting.idempotency_key)
    return post(db, posting._replace(idempotency_key=key), recorded_at_ms=now_ms)


def _posting(territory_id: int, line: PayoutLine, draws: tuple[Draw, ...], step: _Step, now_ms: int) -> Posting:
    return Posting(
        territory_id=territory_id,
        caller=CALLER,
        idempotency_key=f"payout:{line.payout_id}:{line.line_no}:{step.word}",
        request_digest=step.digest
        or request_digest(operation=step.word, line=line.end_to_end_id, bank_reference=step.bank_reference),
        kind=step.kind,
        draws=draws,
        happened_at_ms=now_ms,
        accounted_on=step.booked_on,
        reference=line.end_to_end_id,
    )


def follow_lines(db: Connection, territory_id: int, payout_id: int, *, now_ms: int) -> None:
    """Let the payout follow its lines: the bank has it; settled once the last line is debited or rejected."""
    payout = find_payout(db, territory_id=territory_id, payout_id=payout_id, locked=True)
    if payout.state is PayoutState.APPROVED:
        db.execute(_payout(territory_id, payout_id).values(state=PayoutState.SENT.value, sent_at_ms=now_ms))
    if payout.state is PayoutState.SETTLED:
        return
    waiting = {LineState.PREPARED, LineState.ORDERED}
    if not any(line.state in waiting for line in lines_of(db, territory_id=territory_id, payout_id=payout_id)):
        db.execute(_payout(territory_id, payout_id).values(state=PayoutState.SETTLED.value, settled_at_ms=now_ms))


def _in_state(db: Connection, territory_id: int, payout_id: int, state: PayoutState) -> Payout:
    payout = find_payout(db, territory_id=territory_id, payout_id=payout_id, locked=True)
    if payout.state is not state:
        raise PayoutStateWrong(state=PAYOUT_STATE_NAMES[payout.state])
    return payout


def _payout(territory_id: int, payout_id: int) -> Update:
    return update(payouts).where(payouts.c.territory_id == territory_id, payouts.c.id == payout_id)


def _line(territory_id: int, line: PayoutLine) -> Update:
    return update(payout_lines).where(
        payout_lines.c.territory_id == territory_id,
        payout_lines.c.payout_id == line.payout_id,
        payout_lines.c.line_no == line.line_no,
    )


def _record(db: Connection, at: tuple[int, datetime.datetime], actor: str, action: str, payout_id: int) -> None:
    territory_id, now = at
    target = f"payout:{payout_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=target)


def _record_seen(
    db: Connection, at: tuple[int, datetime.datetime], actor: str, action: str, payout_id: int, **more: int
) -> None:
    """Note what a person did, and of what: the payout as that person saw it, and what no row of it says."""
    territory_id, now = at
    seen = payout_digests(db, territory_id=territory_id, payout_id=payout_id)[payout_id]
    detail: dict[str, str | int] = {"sha256": seen, **more}
    target = f"payout:{payout_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=target, detail=detail)
