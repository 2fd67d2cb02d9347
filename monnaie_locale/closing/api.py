"""Closes over JSON: checklist, prepare, approve, certificate, reopen."""

from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Reply
from monnaie_locale.closing import desk, errors
from monnaie_locale.closing.checklist import is_clean
from monnaie_locale.closing.model import Check, Close, CloseState, Reopening
from monnaie_locale.closing.operations import CARRIED_REASON_LENGTH_MAX, check_month
from monnaie_locale.closing.queries import close_of, closes_of
from monnaie_locale.closing.reopening import REASON_LENGTH_MAX
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.verify import verify

blueprint = api_blueprint("closes_api", __name__)


class PrepareBody(Body):
    """The month to close ("2026-10"), and why a suspense may stay open, when one may."""

    month: str = Field(max_length=7)
    carried_reason: str = Field(default="", max_length=CARRIED_REASON_LENGTH_MAX)


class CheckReply(Reply):
    """One point of the checklist."""

    code: str
    ok: bool
    sentence_fr: str
    details: list[str]


class ChecklistReply(Reply):
    """The checklist of a month as it stands."""

    month: str
    is_clean: bool
    checks: list[CheckReply]


class CloseReply(Reply):
    """A month's close; `certificate` is the signed file, empty until it is closed."""

    id: int
    month: str
    state: CloseState
    prepared_by: str
    approved_by: str | None
    carried_reason: str
    checks: list[CheckReply]
    certificate: str


class ReopeningBody(Body):
    """Why the last closed month must be opened again."""

    reason: str = Field(max_length=REASON_LENGTH_MAX)


class ReopeningReply(Reply):
    """A reopening; `act` is the signed file, empty until a second person approved."""

    close_id: int
    reason: str
    prepared_by: str
    approved_by: str | None
    act: str


class ClosesReply(Reply):
    """The closes, the newest month first."""

    closes: list[CloseReply]


@endpoint(
    blueprint,
    "GET",
    "/closes",
    summary="List closes",
    permission=Permission.VIEW_CLOSES,
    answers=ClosesReply,
)
def list_closes(db: Connection, *, call: Call) -> ClosesReply:
    """List the closes, the newest month first."""
    del call
    found = closes_of(db, territory_id=runtime.current().territory_id)
    return ClosesReply(closes=[_close(each) for each in found])


@endpoint(
    blueprint,
    "GET",
    "/closes/<int:close_id>",
    summary="Show a close",
    permission=Permission.VIEW_CLOSES,
    answers=CloseReply,
    refusals=(errors.CloseUnknown,),
)
def show_close(db: Connection, *, call: Call, close_id: int) -> CloseReply:
    """Show a close, with its certificate once it is closed."""
    del call
    return _close(close_of(db, territory_id=runtime.current().territory_id, close_id=close_id))


@endpoint(
    blueprint,
    "GET",
    "/checklists/<month>",
    summary="Check a month",
    permission=Permission.VIEW_CLOSES,
    answers=ChecklistReply,
    refusals=(errors.MonthMalformed,),
)
def show_checklist(db: Connection, *, call: Call, month: str) -> ChecklistReply:
    """Check a month as it stands: every entry is verified, nothing is written."""
    del call
    rt = runtime.current()
    wanted = desk.read_month(month)
    verdict = verify(db, territory_id=rt.territory_id, public_key_pem=rt.keyring.public_key_pem)
    checks = check_month(db, territory_id=rt.territory_id, month=wanted, verdict=verdict)
    return ChecklistReply(month=str(wanted), is_clean=is_clean(checks), checks=[_check(each) for each in checks])


@endpoint(
    blueprint,
    "POST",
    "/closes",
    summary="Prepare a close",
    permission=Permission.PREPARE_CLOSE,
    body=PrepareBody,
    answers=CloseReply,
    status=201,
    refusals=(
        errors.MonthMalformed,
        errors.MonthNotEnded,
        errors.NothingToClose,
        errors.MonthAlreadyClosed,
        errors.MonthOutOfOrder,
        errors.ChecklistNotClean,
    ),
    idempotent="journal",
)
def prepare_month_close(*, body: PrepareBody, call: Call) -> CloseReply:
    """Prepare a month for its second person; the same month prepared again replaces what was prepared."""
    close = desk.prepare(
        runtime.current(),
        month=desk.read_month(body.month),
        actor=call.caller,
        now=call.now,
        carried_reason=body.carried_reason,
    )
    return _close(close)


@endpoint(
    blueprint,
    "POST",
    "/closes/<int:close_id>/approval",
    summary="Approve a close",
    permission=Permission.APPROVE_CLOSE,
    answers=CloseReply,
    refusals=(
        errors.CloseUnknown,
        errors.MonthAlreadyClosed,
        errors.MakerIsChecker,
        errors.MonthOutOfOrder,
        errors.ChecklistNotClean,
    ),
    idempotent="journal",
)
def approve_month_close(*, call: Call, close_id: int) -> CloseReply:
    """Approve what another person prepared: the log is sealed, the month locked, the certificate signed."""
    return _close(desk.approve(runtime.current(), close_id=close_id, actor=call.caller, now=call.now))


@endpoint(
    blueprint,
    "POST",
    "/closes/<int:close_id>/reopening",
    summary="Ask for a reopening",
    permission=Permission.PREPARE_CLOSE,
    body=ReopeningBody,
    answers=ReopeningReply,
    status=201,
    refusals=(
        errors.CloseUnknown,
        errors.CloseNotClosed,
        errors.NotTheLastClose,
        errors.ReopeningReasonMissing,
    ),
    idempotent="journal",
)
def ask_month_reopening(*, body: ReopeningBody, call: Call, close_id: int) -> ReopeningReply:
    """Ask for the last closed month to be reopened, with a reason; asked again, it replaces what was asked."""
    asked = desk.ask_reopening(
        runtime.current(), close_id=close_id, reason=body.reason, actor=call.caller, now=call.now
    )
    return _reopening(asked)


@endpoint(
    blueprint,
    "POST",
    "/closes/<int:close_id>/reopening/approval",
    summary="Approve a reopening",
    permission=Permission.APPROVE_CLOSE,
    answers=ReopeningReply,
    refusals=(
        errors.CloseUnknown,
        errors.CloseNotClosed,
        errors.NotTheLastClose,
        errors.ReopeningNotPrepared,
        errors.ReopeningMakerIsChecker,
        errors.DocumentsNotKept,
    ),
    idempotent="journal",
)
def approve_month_reopening(*, call: Call, close_id: int) -> ReopeningReply:
    """Approve what another person asked: the act is signed, the month is open again, its first close stays."""
    return _reopening(desk.reopen(runtime.current(), close_id=close_id, actor=call.caller, now=call.now))


def _reopening(reopening: Reopening) -> ReopeningReply:
    return ReopeningReply(
        close_id=reopening.close_id,
        reason=reopening.reason,
        prepared_by=reopening.prepared_by,
        approved_by=reopening.approved_by,
        act=reopening.act,
    )


def _close(close: Close) -> CloseReply:
    return CloseReply(
        id=close.close_id,
        month=str(close.month),
        state=close.state,
        prepared_by=close.prepared_by,
        approved_by=close.approved_by,
        carried_reason=close.carried_reason,
        checks=[_check(each) for each in close.checks],
        certificate=close.certificate,
    )


def _check(check: Check) -> CheckReply:
    return CheckReply(code=check.code, ok=check.ok, sentence_fr=check.sentence_fr, details=list(check.details))
