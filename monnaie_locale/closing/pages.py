"""The monthly closes in the back office: checklist, prepare, approve, download."""

import datetime
from collections.abc import Sequence

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.closing import desk
from monnaie_locale.closing.errors import CloseUnknown
from monnaie_locale.closing.model import STATE_NAMES, Check, Close
from monnaie_locale.closing.operations import CARRIED_REASON_LENGTH_MAX, check_month, next_month_to_close
from monnaie_locale.closing.package import (
    UNVERIFIED,
    certificate_file,
    head_for,
    month_package,
    reconciliation_file,
    zipped,
)
from monnaie_locale.closing.queries import close_of, close_of_month, closes_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.exports.pages import download
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import name_of_caller
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import PARIS, Month, moment_of
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

# Verifying every entry is for the two steps that need it, not for each look at the page.
SLOW_CHECKS = frozenset({"books_verified"})

blueprint = Blueprint("closes", __name__, template_folder="templates")


@blueprint.get("/bureau/arretes")
@access.requires(Permission.VIEW_CLOSES)
def index() -> ResponseReturnValue:
    """List the closes and the month that comes next."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        closes = closes_of(db, territory_id=rt.territory_id)
        following = next_month_to_close(db, territory_id=rt.territory_id)
        names = _names(db, closes)
    return pages.render(
        "closing/index.html",
        names=names,
        closes=closes,
        following=following,
        is_over=_is_over(following),
        states=STATE_NAMES,
    )


@blueprint.get("/bureau/arretes/<month>")
@access.requires(Permission.VIEW_CLOSES)
def show(month: str) -> ResponseReturnValue:
    """Show a month: its checklist as it stands, or as it was when it was closed."""
    return _show(desk.read_month(month), FormReader(), None)


@blueprint.post("/bureau/arretes/<month>/preparer")
@access.requires(Permission.PREPARE_CLOSE)
def prepare(month: str) -> ResponseReturnValue:
    """Prepare the month for its second person."""
    rt = runtime.current()
    wanted, form = desk.read_month(month), FormReader(request.form)
    reason = form.text("carried_reason", required=False, length_max=CARRIED_REASON_LENGTH_MAX)
    if form.errors:
        return _show(wanted, form, None, status=422)
    try:
        desk.prepare(rt, month=wanted, actor=access.subject().caller, now=pages.now(), carried_reason=reason)
    except Refusal as refusal:
        return _show(wanted, form, refusal)
    pages.say("L’arrêté est préparé. Une autre personne doit maintenant l’approuver.")
    return pages.see_other("closes.show", month=str(wanted))


@blueprint.post("/bureau/arretes/<int:close_id>/approuver")
@access.requires(Permission.APPROVE_CLOSE)
def approve(close_id: int) -> ResponseReturnValue:
    """Approve a prepared month: it is sealed."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
    try:
        desk.approve(rt, close_id=close_id, actor=access.subject().caller, now=pages.now())
    except Refusal as refusal:
        return _show(close.month, FormReader(), refusal)
    pages.say(f"Le mois {close.month.genitive_fr} est arrêté : plus aucune écriture n’y entre.")
    return pages.see_other("closes.show", month=str(close.month))


@blueprint.get("/bureau/arretes/<month>/certificat")
@access.requires(Permission.VIEW_CLOSES)
def certificate(month: str) -> ResponseReturnValue:
    """Give the signed certificate of a closed month."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        return download(certificate_file(_closed(db, rt.territory_id, desk.read_month(month))))


@blueprint.get("/bureau/arretes/<month>/rapprochement")
@access.requires(Permission.VIEW_CLOSES)
def rapprochement(month: str) -> ResponseReturnValue:
    """Give the état de rapprochement of a month."""
    rt = runtime.current()
    wanted = desk.read_month(month)
    with reading(rt.engine) as db:
        close = close_of_month(db, territory_id=rt.territory_id, month=wanted)
        head = head_for(db, territory_id=rt.territory_id, close=close, public_key_pem=rt.keyring.public_key_pem)
        file = reconciliation_file(
            db,
            territory_id=rt.territory_id,
            month=wanted,
            close=close,
            head=head,
            created_at=_dated(close),
        )
    return download(file)


@blueprint.get("/bureau/arretes/<month>/dossier")
@access.requires(Permission.EXPORT_BOOKS)
def package(month: str) -> ResponseReturnValue:
    """Give every file of a month in one archive."""
    rt = runtime.current()
    wanted = desk.read_month(month)
    with reading(rt.engine) as db:
        files = month_package(
            db,
            territory_id=rt.territory_id,
            month=wanted,
            public_key_pem=rt.keyring.public_key_pem,
            now=pages.now(),
        )
    return download(zipped(name=f"arrete-{wanted}.zip", files=files))


def _show(month: Month, form: FormReader, refusal: Refusal | None, *, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of_month(db, territory_id=rt.territory_id, month=month)
        following = next_month_to_close(db, territory_id=rt.territory_id)
        checks = close.checks if close is not None and close.is_closed else _quick_checks(db, month, close)
        names = _names(db, [] if close is None else [close])
    return pages.render(
        "closing/show.html",
        names=names,
        status=status,
        month=month,
        close=close,
        checks=checks,
        is_next=month == following,
        is_over=_is_over(month),
        form=form,
        refusal=refusal,
        states=STATE_NAMES,
    )


def _names(db: Connection, closes: Sequence[Close]) -> dict[str, str]:
    """Return the names of the people behind the closes: the books keep their numbers, the pages may say who."""
    rt = runtime.current()
    callers = {caller for close in closes for caller in (close.prepared_by, close.approved_by) if caller}
    return {
        caller: name_of_caller(db, territory_id=rt.territory_id, caller=caller, keyring=rt.keyring)
        for caller in callers
    }


def _quick_checks(db: Connection, month: Month, close: Close | None) -> tuple[Check, ...]:
    """Return the checklist as it stands now, without the points that read every entry."""
    found = check_month(
        db,
        territory_id=runtime.current().territory_id,
        month=month,
        verdict=UNVERIFIED,
        carried_reason="" if close is None else close.carried_reason,
    )
    return tuple(check for check in found if check.code not in SLOW_CHECKS)


def _closed(db: Connection, territory_id: int, month: Month) -> Close:
    close = close_of_month(db, territory_id=territory_id, month=month)
    if close is None or not close.is_closed:
        raise CloseUnknown
    return close


def _is_over(month: Month | None) -> bool:
    return month is not None and pages.now().astimezone(PARIS).date() > month.last_day


def _dated(close: Close | None) -> datetime.datetime:
    return pages.now() if close is None or close.closed_at_ms is None else moment_of(close.closed_at_ms)
