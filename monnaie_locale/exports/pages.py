"""The books as files that other programs read, from the back office."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from merchants.queries import list_payouts
from merchants.statements.month import ORDERED_STATES
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading
from monnaie_locale.exports.operations import (
    ExportFile,
    StreamedFile,
    beancount_since_the_beginning,
    fec_stream_of,
    payment_order_of,
    trial_balance_of,
)
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

YEAR_MIN = 2000
YEAR_MAX = 9998

blueprint = Blueprint("exports", __name__, template_folder="templates")


def download(file: ExportFile) -> Response:
    """Return a file that the browser saves under its own name, and keeps in no cache."""
    return Response(
        file.content,
        content_type=file.media_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"},
    )


def streamed(make: Callable[[Connection], StreamedFile]) -> Response:
    """Return a file as it is made; its connection is given back when the last part is sent, or nobody listens."""
    return streamed_with(lambda stack: make(stack.enter_context(reading(runtime.current().engine))))


def streamed_with(make: Callable[[ExitStack], StreamedFile]) -> Response:
    """Return the same of a file that needs more than a connection: the stack is left when the last part is sent."""
    stack = ExitStack()
    try:
        file = make(stack)
    except BaseException:
        stack.close()
        raise
    response = Response(
        _until_sent(file, stack),
        content_type=file.media_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"},
    )
    # A listener that went away before the first part has started nothing that could end.
    response.call_on_close(stack.close)
    return response


def _until_sent(file: StreamedFile, stack: ExitStack) -> Iterator[bytes]:
    with stack:
        yield from file.parts


@blueprint.get("/bureau/exports")
@access.requires(Permission.EXPORT_BOOKS)
def index() -> ResponseReturnValue:
    """Offer the files."""
    today = paris_date(runtime.current().now_ms())
    return _index(FormReader({"year": str(today.year), "through": today.isoformat()}))


@blueprint.get("/bureau/exports/fec")
@access.requires(Permission.EXPORT_BOOKS)
def fec() -> ResponseReturnValue:
    """Give the FEC of a year."""
    rt = runtime.current()
    form = FormReader(request.args)
    year = form.integer("year", at_least=YEAR_MIN, at_most=YEAR_MAX)
    if form.errors:
        return _index(form, status=422)
    return streamed(lambda db: fec_stream_of(db, territory_id=rt.territory_id, year=year))


@blueprint.get("/bureau/exports/journal")
@access.requires(Permission.EXPORT_BOOKS)
def journal() -> ResponseReturnValue:
    """Give the Beancount journal up to a day."""
    rt = runtime.current()
    through = _through()
    if through is None:
        return _index(_asked(), status=422)
    return streamed(lambda db: beancount_since_the_beginning(db, territory_id=rt.territory_id, last_day=through))


@blueprint.get("/bureau/exports/balance")
@access.requires(Permission.EXPORT_BOOKS)
def balance() -> ResponseReturnValue:
    """Give the trial balance up to a day."""
    rt = runtime.current()
    through = _through()
    if through is None:
        return _index(_asked(), status=422)
    with reading(rt.engine) as db:
        return download(trial_balance_of(db, territory_id=rt.territory_id, last_day=through))


@blueprint.get("/bureau/exports/virements/<int:payout_id>")
@access.requires(Permission.EXPORT_BOOKS)
def payout(payout_id: int) -> ResponseReturnValue:
    """Give the bank's file of an approved payout."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        return download(
            payment_order_of(db, territory_id=rt.territory_id, payout_id=payout_id, name=f"payouts-{payout_id}.xml")
        )


def _asked() -> FormReader:
    form = FormReader(request.args)
    form.date("through")
    return form


def _through() -> datetime.date | None:
    form = FormReader(request.args)
    day = form.date("through")
    in_range = YEAR_MIN <= day.year <= YEAR_MAX
    return None if form.errors or not in_range else day


def _index(form: FormReader, *, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        ordered = [each for each in list_payouts(db, territory_id=rt.territory_id) if each.state in ORDERED_STATES]
    return pages.render("exports/index.html", status=status, form=form, payouts=ordered)
