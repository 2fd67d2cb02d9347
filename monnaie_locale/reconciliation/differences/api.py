"""The differences of a month over JSON, and what two people decide about a rejected transfer that the bank paid."""

import datetime
from collections.abc import Callable

from pydantic import Field
from sqlalchemy import Connection

from merchants import payout_errors
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.api.schema import Body, Reply, RowNumber
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.periods import closed_at_ms
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decisions import NOTE_LENGTH_MAX, By
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceKind, DifferenceState
from monnaie_locale.reconciliation.differences.queries import differences
from monnaie_locale.reconciliation.differences.wording import ENGLISH, told
from monnaie_locale.reconciliation.model import PaidRejection, PaidRejectionState
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejections_of
from monnaie_locale.reconciliation.paid_rejections import (
    approve_paid_rejection,
    cancel_paid_rejection,
    prepare_paid_rejection,
)

REFERENCE_LENGTH_MAX = 40
PLACE_SHAPE = (str, str, str)

blueprint = api_blueprint("differences_api", __name__)


class DifferencesQuery(PageQuery):
    """A page of the differences of a month ("2026-10"); only those in a state, when asked."""

    month: str = Field(pattern=r"^2\d{3}-(0[1-9]|1[0-2])$")
    state: DifferenceState | None = None


class DifferenceReply(Reply):
    """One thing that does not agree, what is known of it, and what to do next.

    `gap_cents` is signed as the bank's balance is too high (+) or too low (-) for the books; `needs_a_person`: the
    month does not close on it; `is_prepared`: a decision about it waits for another person.
    """

    kind: DifferenceKind
    subject: str
    state: DifferenceState
    amount_cents: int
    gap_cents: int
    expected_cents: int | None
    happened_on: datetime.date
    age_days: int
    reference: str
    entry_id: int | None
    explained_by: str
    cancels_with: str
    reason: str
    decision_id: int | None
    needs_a_person: bool
    is_prepared: bool
    known_fr: str
    known_en: str
    next_step_fr: str
    next_step_en: str


class DifferencesReply(Reply):
    """A page of differences, the oldest first; those of a closed month are as at its close."""

    month: str
    is_closed: bool
    differences: list[DifferenceReply]
    next_cursor: str | None


class PaidRejectionBody(Body):
    """Why one knows that the bank paid; `end_to_end_id` is the transfer, "" for the one that the line names."""

    part_no: RowNumber = 1
    end_to_end_id: str = Field(default="", max_length=REFERENCE_LENGTH_MAX)
    note: str = Field(min_length=1, max_length=NOTE_LENGTH_MAX)


class PaidRejectionReply(Reply):
    """What one person prepared and another approves: a rejected transfer that the bank paid all the same."""

    id: int
    state: PaidRejectionState
    statement_number: int
    line_no: int
    part_no: int
    end_to_end_id: str
    note: str
    prepared_by: str
    approved_by: str | None
    decision_id: int | None


class PaidRejectionsReply(Reply):
    """A page of them, oldest first."""

    paid_rejections: list[PaidRejectionReply]
    next_cursor: str | None


@endpoint(
    blueprint,
    "GET",
    "/differences",
    summary="The differences of a month",
    permission=Permission.VIEW_STATEMENTS,
    query=DifferencesQuery,
    answers=DifferencesReply,
)
def list_differences(db: Connection, *, query: DifferencesQuery, call: Call) -> DifferencesReply:
    """Return a page of what does not agree at the end of a month, each with its state and its next step."""
    del call
    territory_id, month = runtime.current().territory_id, Month.parse(query.month)
    position = read_cursor(query.cursor, shape=PLACE_SHAPE)
    found = sorted(
        (
            each
            for each in differences(db, territory_id, month)
            if query.state in {None, each.state} and (position is None or _place(each) > position)
        ),
        key=_place,
    )
    page = found[: query.limit]
    return DifferencesReply(
        month=str(month),
        is_closed=closed_at_ms(db, territory_id=territory_id, month=month) is not None,
        differences=[_difference(each) for each in page],
        next_cursor=write_cursor(_place(page[-1])) if len(found) > query.limit else None,
    )


@endpoint(
    blueprint,
    "GET",
    "/paid-rejections",
    summary="Rejected transfers said to be paid",
    permission=Permission.VIEW_STATEMENTS,
    query=PageQuery,
    answers=PaidRejectionsReply,
)
def list_paid_rejections(db: Connection, *, query: PageQuery, call: Call) -> PaidRejectionsReply:
    """Return a page of what was prepared, approved or given up, oldest first."""
    del call
    position = read_cursor(query.cursor)
    after = int(position[0]) if position else 0
    known = paid_rejections_of(db, territory_id=runtime.current().territory_id)
    found = [each for each in known if each.paid_rejection_id > after]
    page = found[: query.limit]
    return PaidRejectionsReply(
        paid_rejections=[_paid_rejection(each) for each in page],
        next_cursor=write_cursor((page[-1].paid_rejection_id,)) if len(found) > query.limit else None,
    )


@endpoint(
    blueprint,
    "POST",
    "/statements/<int:statement_number>/lines/<int:line_no>/paid-rejection",
    summary="Prepare to say that a rejected transfer was paid",
    permission=Permission.RESOLVE_DIFFERENCE,
    body=PaidRejectionBody,
    answers=PaidRejectionReply,
    status=201,
    refusals=(
        errors.LineUnknown,
        payout_errors.PayoutLineUnknown,
        payout_errors.PayoutLineNotRejected,
        errors.LineNotInSuspense,
        errors.LineAlreadyResolved,
        errors.ResolutionImpossible,
        errors.PaidRejectionPending,
    ),
    idempotent="stored",
)
def prepare(
    db: Connection, *, body: PaidRejectionBody, call: Call, statement_number: int, line_no: int
) -> PaidRejectionReply:
    """Prepare it for another person; nothing is posted."""
    prepared = prepare_paid_rejection(
        db,
        by=_by(call, body.note),
        bank_statement_id=statement_number,
        line_no=line_no,
        part_no=body.part_no,
        end_to_end_id=body.end_to_end_id,
    )
    return _paid_rejection(prepared)


@endpoint(
    blueprint,
    "POST",
    "/paid-rejections/<int:paid_rejection_id>/approve",
    summary="Approve that a rejected transfer was paid",
    permission=Permission.APPROVE_PAYOUT,
    answers=PaidRejectionReply,
    refusals=(
        errors.PaidRejectionUnknown,
        errors.PaidRejectionEnded,
        errors.PaidRejectionSamePerson,
        errors.LineAlreadyResolved,
        errors.ResolutionImpossible,
        payout_errors.PayoutLineNotRejected,
    ),
    idempotent="stored",
)
def approve(db: Connection, *, call: Call, paid_rejection_id: int) -> PaidRejectionReply:
    """Decide it, as somebody else than who prepared it: the shop is not paid a second time."""
    return _step(db, approve_paid_rejection, call, paid_rejection_id)


@endpoint(
    blueprint,
    "POST",
    "/paid-rejections/<int:paid_rejection_id>/cancel",
    summary="Give up what nobody approved",
    permission=Permission.RESOLVE_DIFFERENCE,
    answers=PaidRejectionReply,
    refusals=(errors.PaidRejectionUnknown, errors.PaidRejectionEnded),
    idempotent="stored",
)
def cancel(db: Connection, *, call: Call, paid_rejection_id: int) -> PaidRejectionReply:
    """Give it up: the debit still waits."""
    return _step(db, cancel_paid_rejection, call, paid_rejection_id)


def _step(db: Connection, step: Callable[..., PaidRejection], call: Call, paid_rejection_id: int) -> PaidRejectionReply:
    return _paid_rejection(step(db, by=_by(call, ""), paid_rejection_id=paid_rejection_id))


def _by(call: Call, note: str) -> By:
    return By(territory_id=runtime.current().territory_id, actor=call.caller, note=note, now=call.now)


def _place(difference: Difference) -> tuple[str, str, str]:
    return difference.happened_on.isoformat(), difference.kind.value, difference.subject


def _difference(each: Difference) -> DifferenceReply:
    french, english = told(each), told(each, ENGLISH)
    return DifferenceReply(
        kind=each.kind,
        subject=each.subject,
        state=each.state,
        amount_cents=each.amount_cents,
        gap_cents=each.gap_cents,
        expected_cents=each.expected_cents,
        happened_on=each.happened_on,
        age_days=each.age_days,
        reference=each.reference,
        entry_id=each.entry_id,
        explained_by=each.explained_by,
        cancels_with=each.cancels_with,
        reason=each.reason,
        decision_id=each.decision_id,
        needs_a_person=each.needs_a_person,
        is_prepared=each.is_prepared,
        known_fr=french.known,
        known_en=english.known,
        next_step_fr="" if each.state is DifferenceState.EXPLAINED else french.next_step,
        next_step_en="" if each.state is DifferenceState.EXPLAINED else english.next_step,
    )


def _paid_rejection(each: PaidRejection) -> PaidRejectionReply:
    return PaidRejectionReply(
        id=each.paid_rejection_id,
        state=each.state,
        statement_number=each.bank_statement_id,
        line_no=each.line_no,
        part_no=each.part_no,
        end_to_end_id=each.end_to_end_id,
        note=each.note,
        prepared_by=each.prepared_by,
        approved_by=each.approved_by,
        decision_id=each.decision_id,
    )
