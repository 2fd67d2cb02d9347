"""The bank's statements in the back office: upload, list, lines and what they are, what waits for a person."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import name_of_caller
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.reconciliation.decisions import NOTE_LENGTH_MAX
from monnaie_locale.reconciliation.differences.operations import import_noting_refusals
from monnaie_locale.reconciliation.model import (
    INCOMING_RESOLUTIONS,
    MATCH_LABELS,
    PAYMENT_STATUS_LABELS,
    RESOLUTION_LABELS,
    TWO_PEOPLE_RESOLUTIONS,
    ImportReport,
    Resolution,
    StoredMatch,
)
from monnaie_locale.reconciliation.operations import rehearse_import, resolve_line
from monnaie_locale.reconciliation.queries import (
    bank_position,
    match_of,
    matches_of,
    statement_of,
    statements_of,
    unresolved,
)
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

REFERENCE_LENGTH_MAX = 40
NEEDS_REFERENCE = frozenset({Resolution.FUNDING, Resolution.PAYOUT_SETTLED, Resolution.PAYOUT_RETURNED})

blueprint = Blueprint("bank", __name__, template_folder="templates")


@blueprint.get("/bureau/banque")
@access.requires(Permission.VIEW_STATEMENTS)
def index() -> ResponseReturnValue:
    """List the statements and what waits in suspense."""
    return _index(FormReader(), None)


@blueprint.post("/bureau/banque")
@access.requires(Permission.IMPORT_STATEMENT)
def upload() -> ResponseReturnValue:
    """Import a statement, or only say what importing it would do."""
    form = FormReader(request.form)
    file = request.files.get("file")
    content = b"" if file is None else file.read()
    if not content:
        form.add_error("file", "Choisissez le fichier du relevé.")
        return _index(form, None, status=422)
    try:
        report = _import(content, only_rehearse=form.checked("rehearse"), accepts_gap=form.checked("gap"))
    except Refusal as refusal:
        return _index(form, refusal)
    if report.is_rehearsal:
        return pages.render(
            "reconciliation/rehearsal.html", report=report, labels=MATCH_LABELS, statuses=PAYMENT_STATUS_LABELS
        )
    if not report.statements:
        return _heard(report)
    pages.say(
        f"Relevé importé : {len(report.matches)} mouvements, {len(report.in_suspense)} à classer.",
        kind="warning" if report.in_suspense or report.warnings else "done",
    )
    for warning in report.warnings:
        pages.say(warning, kind="warning")
    return pages.see_other("bank.show", bank_statement_id=report.statements[-1].bank_statement_id)


@blueprint.get("/bureau/banque/<int:bank_statement_id>")
@access.requires(Permission.VIEW_STATEMENTS)
def show(bank_statement_id: int) -> ResponseReturnValue:
    """Show a statement, each of its lines, and what it is in the books."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        statement = statement_of(db, territory_id=rt.territory_id, bank_statement_id=bank_statement_id)
        matches = matches_of(db, territory_id=rt.territory_id, bank_statement_id=bank_statement_id)
        imported_by = name_of_caller(db, territory_id=rt.territory_id, caller=statement.imported_by, keyring=rt.keyring)
    return pages.render(
        "reconciliation/statement.html",
        imported_by=imported_by,
        statement=statement,
        matches=matches,
        labels=MATCH_LABELS,
        resolutions=RESOLUTION_LABELS,
    )


@blueprint.get("/bureau/banque/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def choose(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Ask what a line in suspense is."""
    return _choose(_line(bank_statement_id, line_no, part_no), FormReader(), None)


@blueprint.post("/bureau/banque/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def resolve(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Enter what the person said."""
    rt = runtime.current()
    line = _line(bank_statement_id, line_no, part_no)
    form = FormReader(request.form)
    kind = form.choice("kind", [each.value for each in _fitting(line)])
    reference = form.text("reference", required=False, length_max=REFERENCE_LENGTH_MAX)
    note = form.text("note", length_max=NOTE_LENGTH_MAX)
    if kind and Resolution(kind) in NEEDS_REFERENCE and not reference:
        form.add_error("reference", "Indiquez la référence du financement ou du virement.")
    if form.errors:
        return _choose(line, form, None, status=422)
    try:
        transact(
            rt.engine,
            resolve_line,
            territory_id=rt.territory_id,
            bank_statement_id=bank_statement_id,
            line_no=line_no,
            part_no=part_no,
            kind=Resolution(kind),
            reference=reference,
            note=note,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _choose(line, form, refusal)
    pages.say("La ligne est classée.")
    return pages.see_other("bank.show", bank_statement_id=bank_statement_id)


def _import(content: bytes, *, only_rehearse: bool, accepts_gap: bool) -> ImportReport:
    rt = runtime.current()
    actor, now = access.subject().caller, pages.now()
    if only_rehearse:
        return rehearse_import(
            rt.engine,
            territory_id=rt.territory_id,
            content=content,
            actor=actor,
            now=now,
            accepts_gap=accepts_gap,
        )
    return import_noting_refusals(
        rt.engine,
        territory_id=rt.territory_id,
        content=content,
        actor=actor,
        now=now,
        accepts_gap=accepts_gap,
    )


def _heard(report: ImportReport) -> ResponseReturnValue:
    """Show what a message that is no statement said of the transfers."""
    return pages.render("reconciliation/heard.html", report=report, statuses=PAYMENT_STATUS_LABELS)


def _index(form: FormReader, refusal: Refusal | None, *, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    today = paris_date(rt.now_ms())
    with reading(rt.engine) as db:
        statements = statements_of(db, territory_id=rt.territory_id)
        waiting = unresolved(db, territory_id=rt.territory_id)
        position = bank_position(db, territory_id=rt.territory_id, day=today)
    return pages.render(
        "reconciliation/index.html",
        status=status,
        statements=statements,
        waiting=waiting,
        position=position,
        form=form,
        refusal=refusal,
    )


def _choose(
    line: StoredMatch, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    options = [(each.value, RESOLUTION_LABELS[each]) for each in _fitting(line)]
    return pages.render(
        "reconciliation/resolve.html", status=status, line=line, form=form, options=options, refusal=refusal
    )


def _line(bank_statement_id: int, line_no: int, part_no: int) -> StoredMatch:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return match_of(
            db,
            territory_id=rt.territory_id,
            bank_statement_id=bank_statement_id,
            line_no=line_no,
            part_no=part_no,
        )


def _fitting(line: StoredMatch) -> list[Resolution]:
    """Return what a line of this direction may be."""
    return [
        each
        for each in Resolution
        if each not in {Resolution.BANK_CORRECTION, *TWO_PEOPLE_RESOLUTIONS}
        and (each in INCOMING_RESOLUTIONS) == (line.amount_cents > 0)
    ]
