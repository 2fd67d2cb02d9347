"""The chart of accounts over JSON: read it, set a code, confirm a code."""

import datetime

from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Body, Reply
from monnaie_locale.chart import errors
from monnaie_locale.chart.model import ChartLine
from monnaie_locale.chart.operations import applies_from, confirm_account, set_account
from monnaie_locale.chart.queries import chart_of
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.accounts import GeneralAccount
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes.errors import ProgrammeUnknown

blueprint = api_blueprint("chart_api", __name__)


class ChartAccountBody(Body):
    """The account that a line is to have."""

    book: str = Field(max_length=20)
    role: str = Field(max_length=40)
    programme_id: int = Field(default=0, ge=0, lt=2**31)
    code: str = Field(max_length=20)
    label: str = Field(max_length=200)


class ChartConfirmationBody(Body):
    """The code that the comptable confirms, as it was read."""

    book: str = Field(max_length=20)
    role: str = Field(max_length=40)
    programme_id: int = Field(default=0, ge=0, lt=2**31)
    code: str = Field(max_length=20)


class ChartLineReply(Reply):
    """One line; `waits` says that the comptable must still confirm it."""

    book: str
    role: str
    programme_id: int
    purpose_fr: str
    code: str
    label: str
    effective_on: datetime.date | None
    set_by: str
    confirmed_by: str
    confirmed_at_ms: int | None
    waits: bool


class ChartReply(Reply):
    """Both charts as they stand from a day on."""

    applies_from: datetime.date
    lines: list[ChartLineReply]


@endpoint(
    blueprint,
    "GET",
    "/chart",
    summary="Show the chart of accounts",
    permission=Permission.VIEW_CLOSES,
    answers=ChartReply,
)
def show_chart(db: Connection, *, call: Call) -> ChartReply:
    """Show each code, who set it, who confirmed it."""
    territory_id = runtime.current().territory_id
    day = applies_from(db, territory_id=territory_id, today=paris_date(instant_ms(call.now)))
    lines = chart_of(db, territory_id=territory_id, day=day).lines
    return ChartReply(applies_from=day, lines=[_line(line) for line in lines])


@endpoint(
    blueprint,
    "POST",
    "/chart/accounts",
    summary="Set a code of the chart",
    permission=Permission.MANAGE_CHART,
    body=ChartAccountBody,
    answers=ChartLineReply,
    status=201,
    refusals=(
        errors.ChartLineUnknown,
        ProgrammeUnknown,
        errors.AccountCodeMalformed,
        errors.AccountCodeWrongClass,
        errors.AccountLabelMalformed,
        errors.AccountCodeTaken,
        errors.ChartYearClosed,
    ),
    idempotent="stored",
)
def set_chart_account(db: Connection, *, body: ChartAccountBody, call: Call) -> ChartLineReply:
    """Give a line another code, from the first year of which no month is closed."""
    line = set_account(
        db,
        territory_id=runtime.current().territory_id,
        book=body.book,
        role=body.role,
        programme_id=body.programme_id,
        account=GeneralAccount(body.code, body.label),
        actor=call.caller,
        now=call.now,
    )
    return _line(line)


@endpoint(
    blueprint,
    "POST",
    "/chart/confirmations",
    summary="Confirm a code of the chart",
    permission=Permission.MANAGE_CHART,
    body=ChartConfirmationBody,
    answers=ChartLineReply,
    status=201,
    refusals=(errors.ChartLineUnknown, errors.AccountCodeChanged),
    idempotent="stored",
)
def confirm_chart_account(db: Connection, *, body: ChartConfirmationBody, call: Call) -> ChartLineReply:
    """Write that the comptable confirms the code in force."""
    line = confirm_account(
        db,
        territory_id=runtime.current().territory_id,
        book=body.book,
        role=body.role,
        programme_id=body.programme_id,
        code=body.code,
        actor=call.caller,
        now=call.now,
    )
    return _line(line)


def _line(line: ChartLine) -> ChartLineReply:
    return ChartLineReply(
        book=line.rule.book.value,
        role=line.rule.role,
        programme_id=line.programme_id,
        purpose_fr=line.rule.purpose_fr,
        code=line.account.code,
        label=line.account.french,
        effective_on=line.effective_on,
        set_by=line.set_by,
        confirmed_by=line.confirmed_by,
        confirmed_at_ms=line.confirmed_at_ms,
        waits=line.waits,
    )
