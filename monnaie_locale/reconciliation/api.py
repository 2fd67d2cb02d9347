"""Bank statements over JSON: import (or rehearse), list, lines, resolve."""

import base64
import binascii
import datetime

from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Reply, RowNumber
from monnaie_locale.identity.roles import Permission
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decisions import NOTE_LENGTH_MAX
from monnaie_locale.reconciliation.formats.reading import MEBIBYTE, MEBIBYTES_MAX
from monnaie_locale.reconciliation.model import ImportReport, MatchKind, Resolution, StoredMatch, StoredStatement
from monnaie_locale.reconciliation.operations import import_statement, rehearse_import, resolve_line
from monnaie_locale.reconciliation.queries import matches_of, statement_of, statements_of

BASE64_GROWTH = 2
REFERENCE_LENGTH_MAX = 40

blueprint = api_blueprint("statements_api", __name__)


class StatementBody(Body):
    """A camt.053 file, in base64, so that its bytes arrive as the bank wrote them."""

    camt053_base64: str = Field(max_length=MEBIBYTES_MAX * MEBIBYTE * BASE64_GROWTH)


class StatementReply(Reply):
    """An imported statement."""

    id: int
    statement_id: str
    opening_cents: int
    closing_cents: int
    from_on: datetime.date
    to_on: datetime.date
    imported_by: str


class LineReply(Reply):
    """One part of one line, and what it is in the books; `amount_cents` is negative when money went out."""

    line_no: int
    part_no: int
    booked_on: datetime.date
    amount_cents: int
    kind: MatchKind
    reason_fr: str
    entry_id: int | None
    in_suspense: bool
    resolved_as: Resolution | None
    resolved_entry_id: int | None


class StatementsReply(Reply):
    """The imported statements, the newest first."""

    statements: list[StatementReply]


class LinesReply(Reply):
    """A statement and its lines."""

    statement: StatementReply
    lines: list[LineReply]


class ReportReply(Reply):
    """What an import did, or would do."""

    statements: list[StatementReply]
    lines: list[LineReply]
    warnings: list[str]
    in_suspense: int
    is_rehearsal: bool


class ResolutionBody(Body):
    """What a line in suspense is; `reference` names the funding order or the transfer, for the kinds that need one."""

    part_no: RowNumber = 1
    kind: Resolution = Field(strict=False)
    reference: str = Field(default="", max_length=REFERENCE_LENGTH_MAX)
    note: str = Field(min_length=1, max_length=NOTE_LENGTH_MAX)


IMPORT_REFUSALS = errors.REFUSALS[: errors.REFUSALS.index(errors.StatementUnknown)]


@endpoint(
    blueprint,
    "POST",
    "/statements",
    summary="Import a bank statement",
    permission=Permission.IMPORT_STATEMENT,
    body=StatementBody,
    answers=ReportReply,
    status=201,
    refusals=IMPORT_REFUSALS,
    idempotent="stored",
)
def import_bank_statement(db: Connection, *, body: StatementBody, call: Call) -> ReportReply:
    """Import every statement of the reserve account in the file, all or none."""
    report = import_statement(
        db,
        territory_id=runtime.current().territory_id,
        content=_decoded(body),
        actor=call.caller,
        now=call.now,
    )
    return _report(report)


@endpoint(
    blueprint,
    "POST",
    "/statements/rehearsal",
    summary="Say what importing a bank statement would do",
    permission=Permission.IMPORT_STATEMENT,
    body=StatementBody,
    answers=ReportReply,
    refusals=IMPORT_REFUSALS,
    idempotent="journal",
)
def rehearse_bank_statement(*, body: StatementBody, call: Call) -> ReportReply:
    """Do everything that an import does, then undo it: nothing stays."""
    rt = runtime.current()
    return _report(
        rehearse_import(
            rt.engine, territory_id=rt.territory_id, content=_decoded(body), actor=call.caller, now=call.now
        )
    )


@endpoint(
    blueprint,
    "GET",
    "/statements",
    summary="List bank statements",
    permission=Permission.VIEW_STATEMENTS,
    answers=StatementsReply,
)
def list_statements(db: Connection, *, call: Call) -> StatementsReply:
    """List the imported statements, the newest first."""
    del call
    found = statements_of(db, territory_id=runtime.current().territory_id)
    return StatementsReply(statements=[_statement(each) for each in found])


@endpoint(
    blueprint,
    "GET",
    "/statements/<int:statement_number>",
    summary="Show a bank statement",
    permission=Permission.VIEW_STATEMENTS,
    answers=LinesReply,
    refusals=(errors.StatementUnknown,),
)
def show_statement(db: Connection, *, call: Call, statement_number: int) -> LinesReply:
    """Show a statement, each part of its lines, and its entry."""
    del call
    territory_id = runtime.current().territory_id
    statement = statement_of(db, territory_id=territory_id, bank_statement_id=statement_number)
    lines = matches_of(db, territory_id=territory_id, bank_statement_id=statement_number)
    return LinesReply(statement=_statement(statement), lines=[_line(each) for each in lines])


@endpoint(
    blueprint,
    "POST",
    "/statements/<int:statement_number>/lines/<int:line_no>/resolution",
    summary="Say what a bank line in suspense is",
    permission=Permission.RESOLVE_DIFFERENCE,
    body=ResolutionBody,
    answers=LineReply,
    status=201,
    refusals=(
        errors.LineUnknown,
        errors.LineAlreadyResolved,
        errors.LineNotInSuspense,
        errors.ResolutionImpossible,
        errors.ResolutionNeedsTwoPeople,
        errors.DecisionPeriodClosed,
    ),
    idempotent="stored",
)
def resolve_bank_line(
    db: Connection, *, body: ResolutionBody, call: Call, statement_number: int, line_no: int
) -> LineReply:
    """Reverse the suspense and make the right entry."""
    resolved = resolve_line(
        db,
        territory_id=runtime.current().territory_id,
        bank_statement_id=statement_number,
        line_no=line_no,
        part_no=body.part_no,
        kind=body.kind,
        reference=body.reference,
        note=body.note,
        actor=call.caller,
        now=call.now,
    )
    return _line(resolved)


def _decoded(body: StatementBody) -> bytes:
    """Return the file; text that is not base64 is no statement either."""
    try:
        return base64.b64decode(body.camt053_base64, validate=True)
    except (ValueError, binascii.Error) as error:
        raise errors.StatementNotXml from error


def _report(report: ImportReport) -> ReportReply:
    return ReportReply(
        statements=[_statement(each) for each in report.statements],
        lines=[_line(each) for each in report.matches],
        warnings=list(report.warnings),
        in_suspense=len(report.in_suspense),
        is_rehearsal=report.is_rehearsal,
    )


def _statement(statement: StoredStatement) -> StatementReply:
    return StatementReply(
        id=statement.bank_statement_id,
        statement_id=statement.statement_id,
        opening_cents=statement.opening_cents,
        closing_cents=statement.closing_cents,
        from_on=statement.from_on,
        to_on=statement.to_on,
        imported_by=statement.imported_by,
    )


def _line(match: StoredMatch) -> LineReply:
    return LineReply(
        line_no=match.line_no,
        part_no=match.part_no,
        booked_on=match.booked_on,
        amount_cents=match.amount_cents,
        kind=match.kind,
        reason_fr=match.reason_fr,
        entry_id=match.entry_id,
        in_suspense=match.is_in_suspense,
        resolved_as=None if match.resolved is None else match.resolved.kind,
        resolved_entry_id=None if match.resolved is None else match.resolved.entry_id,
    )
