"""The monthly closes in the back office: checklist, prepare, approve, reopen, download."""

import datetime
from collections.abc import Sequence
from contextlib import ExitStack

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.closing import desk, runs
from monnaie_locale.closing.archive import kept_archive, rendered_archive
from monnaie_locale.closing.documents import are_kept, kept_document
from monnaie_locale.closing.errors import CloseUnknown
from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.model import STATE_NAMES, Check, Close, Reopening
from monnaie_locale.closing.operations import CARRIED_REASON_LENGTH_MAX, check_month, next_month_to_close
from monnaie_locale.closing.package import (
    RECONCILIATION_NAME,
    UNVERIFIED,
    certificate_file,
    head_for,
    kept_close_id,
    month_documents,
    reconciliation_file,
)
from monnaie_locale.closing.queries import (
    close_of,
    close_of_month,
    closes_of,
    reopened_closes,
    reopening_of,
    reopenings_of,
    run_of,
)
from monnaie_locale.closing.reopening import REASON_LENGTH_MAX
from monnaie_locale.database.transaction import reading
from monnaie_locale.exports.operations import ExportFile, StreamedFile
from monnaie_locale.exports.pages import download, streamed, streamed_with
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import name_of_caller
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import PARIS, Month, moment_of
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

# Verifying every entry is for the two steps that need it, not for each look at the page.
SLOW_CHECKS = frozenset({"books_verified"})
# A small town's close is over by then; after it, the page shows how far a large one is.
PATIENCE_SETTING, PATIENCE_SECONDS = "CLOSE_PATIENCE_SECONDS", 3.0
SAID = {
    runs.PREPARE: "L’arrêté {month} est préparé. Une autre personne doit maintenant l’approuver.",
    runs.APPROVE: "Le mois {month} est arrêté : plus aucune écriture n’y entre.",
}

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
    actor, now = access.subject().caller, pages.now()
    started = runs.start(
        rt,
        month=wanted,
        step=runs.PREPARE,
        actor=actor,
        work=lambda tell: desk.prepare(rt, month=wanted, actor=actor, now=now, carried_reason=reason, tell=tell),
    )
    return _wait(started, wanted, form, SAID[runs.PREPARE])


@blueprint.post("/bureau/arretes/<int:close_id>/approuver")
@access.requires(Permission.APPROVE_CLOSE)
def approve(close_id: int) -> ResponseReturnValue:
    """Approve a prepared month: it is sealed."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
    actor, now = access.subject().caller, pages.now()
    started = runs.start(
        rt,
        month=close.month,
        step=runs.APPROVE,
        actor=actor,
        work=lambda tell: desk.approve(rt, close_id=close_id, actor=actor, now=now, tell=tell),
    )
    return _wait(started, close.month, FormReader(), SAID[runs.APPROVE])


@blueprint.get("/bureau/arretes/en-cours/<int:run_id>")
@access.requires(Permission.VIEW_CLOSES)
def run(run_id: int) -> ResponseReturnValue:
    """Show how far a close is; the page comes back by itself until it is over, then leads to the month."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = run_of(db, territory_id=rt.territory_id, run_id=run_id)
    if found.ended_at_ms is not None and not found.refusal_fr:
        pages.say(SAID[found.step].format(month=found.month.genitive_fr))
        return pages.see_other("closes.show", month=str(found.month))
    return pages.render("closing/run.html", run=found, is_stuck=found.is_stuck(now_ms=rt.now_ms()))


@blueprint.post("/bureau/arretes/<int:close_id>/documents")
@access.requires(Permission.EXPORT_BOOKS)
def keep(close_id: int) -> ResponseReturnValue:
    """Render the documents of a closed month and keep them, when they were not kept at its approval."""
    rt = runtime.current()
    desk.keep(rt, close_id=close_id, actor=access.subject().caller, now=pages.now())
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
    pages.say("Les documents du mois sont conservés : ils ne changeront plus.")
    return pages.see_other("closes.show", month=str(close.month))


@blueprint.post("/bureau/arretes/<int:close_id>/reouverture")
@access.requires(Permission.PREPARE_CLOSE)
def ask_reopening(close_id: int) -> ResponseReturnValue:
    """Ask for the last closed month to be reopened."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
    form = FormReader(request.form)
    reason = form.text("reason", length_max=REASON_LENGTH_MAX)
    if form.errors:
        return _show(close.month, form, None, status=422)
    try:
        desk.ask_reopening(rt, close_id=close_id, reason=reason, actor=access.subject().caller, now=pages.now())
    except Refusal as refusal:
        return _show(close.month, form, refusal)
    pages.say("La réouverture est demandée. Une autre personne doit maintenant l’approuver.")
    return pages.see_other("closes.show", month=str(close.month))


@blueprint.post("/bureau/arretes/<int:close_id>/reouverture/approuver")
@access.requires(Permission.APPROVE_CLOSE)
def reopen(close_id: int) -> ResponseReturnValue:
    """Approve a reopening: entries may be dated in the month again, until it is closed anew."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
    try:
        desk.reopen(rt, close_id=close_id, actor=access.subject().caller, now=pages.now())
    except Refusal as refusal:
        return _show(close.month, FormReader(), refusal)
    pages.say(f"Le mois {close.month.genitive_fr} est rouvert. Son premier arrêté et ses documents sont conservés.")
    return pages.see_other("closes.show", month=str(close.month))


@blueprint.get("/bureau/arretes/conserves/<int:close_id>/certificat")
@access.requires(Permission.VIEW_CLOSES)
def kept_certificate(close_id: int) -> ResponseReturnValue:
    """Give the certificate of a close, also when its month was reopened."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
    if not close.was_closed:
        raise CloseUnknown
    return download(certificate_file(close))


@blueprint.get("/bureau/arretes/conserves/<int:close_id>/acte")
@access.requires(Permission.VIEW_CLOSES)
def act(close_id: int) -> ResponseReturnValue:
    """Give the signed act that reopened a close."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = reopening_of(db, territory_id=rt.territory_id, close_id=close_id)
    if found is None or not found.is_approved:
        raise CloseUnknown
    return download(ExportFile(f"reopening-act-{close_id}.json", "application/json", found.act.encode()))


@blueprint.get("/bureau/arretes/conserves/<int:close_id>/dossier")
@access.requires(Permission.EXPORT_BOOKS)
def kept_package(close_id: int) -> ResponseReturnValue:
    """Give the documents of a close as they were rendered, in one archive."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of(db, territory_id=rt.territory_id, close_id=close_id)
        if not are_kept(db, territory_id=rt.territory_id, close_id=close_id):
            raise CloseUnknown
    name = f"arrete-{close.month}-{close_id}.zip"
    return streamed(lambda db: kept_archive(db, territory_id=rt.territory_id, close_id=close_id, name=name))


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
        kept = kept_document(db, territory_id=rt.territory_id, month=wanted, name=RECONCILIATION_NAME)
        if kept is not None:
            return download(kept)
        close = close_of_month(db, territory_id=rt.territory_id, month=wanted)
        head = head_for(db, territory_id=rt.territory_id, close=close, public_key_pem=rt.keyring.public_key_pem)
        file = reconciliation_file(
            db,
            territory_id=rt.territory_id,
            month=wanted,
            close=close,
            head=head,
            created_at=_dated(close),
            said=said_of(db, territory_id=rt.territory_id, month=wanted, close=close),
        )
    return download(file)


@blueprint.get("/bureau/arretes/<month>/dossier")
@access.requires(Permission.EXPORT_BOOKS)
def package(month: str) -> ResponseReturnValue:
    """Give every file of a month in one archive, part by part."""
    rt = runtime.current()
    wanted, now = desk.read_month(month), pages.now()
    name = f"arrete-{wanted}.zip"

    def archive(stack: ExitStack) -> StreamedFile:
        db = stack.enter_context(reading(rt.engine))
        close_id = kept_close_id(db, territory_id=rt.territory_id, month=wanted)
        if close_id is not None:
            return kept_archive(db, territory_id=rt.territory_id, close_id=close_id, name=name)
        key = rt.keyring.public_key_pem
        files = month_documents(db, territory_id=rt.territory_id, month=wanted, public_key_pem=key, now=now)
        return stack.enter_context(rendered_archive(files, name=name))

    return streamed_with(archive)


def _show(month: Month, form: FormReader, refusal: Refusal | None, *, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        close = close_of_month(db, territory_id=rt.territory_id, month=month)
        following = next_month_to_close(db, territory_id=rt.territory_id)
        checks = close.checks if close is not None and close.is_closed else _quick_checks(db, month)
        earlier = reopened_closes(db, territory_id=rt.territory_id, month=month)
        reopenings = reopenings_of(db, territory_id=rt.territory_id)
        names = _names(db, [*([] if close is None else [close]), *earlier], list(reopenings.values()))
        is_last = close is not None and close.is_closed and following == month.next()
        kept = close is not None and are_kept(db, territory_id=rt.territory_id, close_id=close.close_id)
    return pages.render(
        "closing/show.html",
        names=names,
        status=status,
        month=month,
        close=close,
        checks=checks,
        is_next=month == following,
        is_last=is_last,
        is_kept=kept,
        earlier=earlier,
        reopenings=reopenings,
        is_over=_is_over(month),
        form=form,
        refusal=refusal,
        states=STATE_NAMES,
    )


def _wait(started: runs.Started, month: Month, form: FormReader, said: str) -> ResponseReturnValue:
    """Answer when the work is done; when it takes longer than a page may, lead to the page that shows how far it is."""
    try:
        is_over = started.wait(float(current_app.config.get(PATIENCE_SETTING, PATIENCE_SECONDS)))
    except Refusal as refusal:
        return _show(month, form, refusal)
    if not is_over:
        return pages.see_other("closes.run", run_id=started.run_id)
    pages.say(said.format(month=month.genitive_fr))
    return pages.see_other("closes.show", month=str(month))


def _names(db: Connection, closes: Sequence[Close], reopenings: Sequence[Reopening] = ()) -> dict[str, str]:
    """Return the names of the people behind the closes: the books keep their numbers, the pages may say who."""
    rt = runtime.current()
    signed: list[Close | Reopening] = [*closes, *reopenings]
    callers = {caller for each in signed for caller in (each.prepared_by, each.approved_by) if caller}
    return {
        caller: name_of_caller(db, territory_id=rt.territory_id, caller=caller, keyring=rt.keyring)
        for caller in callers
    }


def _quick_checks(db: Connection, month: Month) -> tuple[Check, ...]:
    """Return the checklist as it stands now, without the points that read every entry."""
    found = check_month(
        db,
        territory_id=runtime.current().territory_id,
        month=month,
        verdict=UNVERIFIED,
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
