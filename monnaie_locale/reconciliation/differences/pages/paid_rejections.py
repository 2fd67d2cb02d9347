"""The back office on a rejected transfer that the bank paid all the same: prepare, approve, give up."""

from collections.abc import Callable

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.decisions import NOTE_LENGTH_MAX
from monnaie_locale.reconciliation.differences.pages.month import (
    REFERENCE_LENGTH_MAX,
    asked_line,
    by_subject,
    month_to_show,
    show_month,
)
from monnaie_locale.reconciliation.model import PaidRejection, StoredMatch
from monnaie_locale.reconciliation.paid_rejection_queries import paid_rejection_of
from monnaie_locale.reconciliation.paid_rejections import (
    approve_paid_rejection,
    cancel_paid_rejection,
    prepare_paid_rejection,
)
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

blueprint = Blueprint(
    "paid_rejections", __name__, url_prefix="/bureau/ecarts/paye-malgre-rejet", template_folder="../templates"
)


@blueprint.get("/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def ask(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Ask how one knows that the bank paid."""
    reference = request.args.get("virement", "")[:REFERENCE_LENGTH_MAX]
    return _ask(asked_line(bank_statement_id, line_no, part_no), reference, FormReader(), None)


@blueprint.post("/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def prepare(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Prepare it for another person."""
    line, form = asked_line(bank_statement_id, line_no, part_no), FormReader(request.form)
    reference = form.text("reference", required=False, length_max=REFERENCE_LENGTH_MAX)
    note = form.text("note", length_max=NOTE_LENGTH_MAX)
    if form.errors:
        return _ask(line, reference, form, None, status=422)
    key = {"bank_statement_id": bank_statement_id, "line_no": line_no, "part_no": part_no}
    try:
        transact(runtime.current().engine, prepare_paid_rejection, by=by_subject(note), end_to_end_id=reference, **key)
    except Refusal as refusal:
        return _ask(line, reference, form, refusal)
    pages.say("C’est préparé. Une autre personne doit l’approuver : rien n’est passé en écriture.")
    return pages.see_other("differences.show", month=str(month_to_show(line)))


@blueprint.post("/<int:paid_rejection_id>/approuver")
@access.requires(Permission.APPROVE_PAYOUT)
def approve(paid_rejection_id: int) -> ResponseReturnValue:
    """Decide that the bank paid it."""
    sentence = "Le virement est payé malgré le rejet : le commerce ne sera pas payé une seconde fois."
    return _step(approve_paid_rejection, paid_rejection_id, sentence)


@blueprint.post("/<int:paid_rejection_id>/abandonner")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def cancel(paid_rejection_id: int) -> ResponseReturnValue:
    """Give it up."""
    return _step(cancel_paid_rejection, paid_rejection_id, "La proposition est abandonnée : la ligne attend toujours.")


def _step(step: Callable[..., PaidRejection], paid_rejection_id: int, sentence: str) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        prepared = paid_rejection_of(db, territory_id=rt.territory_id, paid_rejection_id=paid_rejection_id)
    month = month_to_show(asked_line(prepared.bank_statement_id, prepared.line_no, prepared.part_no))
    try:
        transact(rt.engine, step, by=by_subject(""), paid_rejection_id=paid_rejection_id)
    except Refusal as refusal:
        return show_month(month, refusal)
    pages.say(sentence)
    return pages.see_other("differences.show", month=str(month))


def _ask(
    line: StoredMatch, reference: str, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    named = reference or line.end_to_end_id
    return pages.render(
        "differences/reason.html",
        status=status,
        title="Payé malgré le rejet",
        sentence=f"La banque a rejeté le virement {named}, puis l’a débité de {format_euros(abs(line.waiting_cents))}, "
        "et garde cette somme. Dites comment on sait que le commerce l’a reçue. Une autre personne approuvera.",
        action_endpoint="paid_rejections.prepare",
        action_values={
            "bank_statement_id": line.bank_statement_id,
            "line_no": line.line_no,
            "part_no": line.part_no,
        },
        hidden={"reference": reference},
        button="Préparer pour une autre personne",
        back=str(month_to_show(line)),
        form=form,
        refusal=refusal,
        can_act=True,
    )
