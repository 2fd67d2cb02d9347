"""The differences of a month in the back office: what is known, what is proposed, and the next step of each."""

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import name_of_caller
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import closed_through
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month, paris_date
from monnaie_locale.reconciliation.decisions import NOTE_LENGTH_MAX, By, decide, take_match_back, undo
from monnaie_locale.reconciliation.differences.model import DifferenceState
from monnaie_locale.reconciliation.differences.operations import accept_proposal, carry
from monnaie_locale.reconciliation.differences.queries import month_view
from monnaie_locale.reconciliation.differences.wording import STATE_NAMES_FR, told
from monnaie_locale.reconciliation.model import (
    INCOMING_RESOLUTIONS,
    RESOLUTION_LABELS,
    TWO_PEOPLE_RESOLUTIONS,
    DecisionKind,
    Item,
    Resolution,
    Share,
    StoredMatch,
)
from monnaie_locale.reconciliation.queries import match_of
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

KEY_LENGTH_MAX = 120
REFERENCE_LENGTH_MAX = 40
SPLIT_ROWS = 4
YEAR_MIN = 2000
NEEDS_REFERENCE = frozenset({Resolution.FUNDING, Resolution.PAYOUT_SETTLED, Resolution.PAYOUT_RETURNED})
MATCH_TITLES = {
    "wallets": "Porte-monnaie et dettes",
    "bank": "Banque et comptes",
    "redemptions": "Encaissements et paiements aux commerces",
    "fundings": "Financements du CCAS",
}
DECISION_NAMES = {
    DecisionKind.MATCH: "Ligne classée",
    DecisionKind.UNMATCH: "Rapprochement repris",
    DecisionKind.CARRY: "Écart reporté",
    DecisionKind.UNDO: "Décision annulée",
}

blueprint = Blueprint("differences", __name__, template_folder="../templates")


@blueprint.get("/bureau/ecarts")
@access.requires(Permission.VIEW_STATEMENTS)
def index() -> ResponseReturnValue:
    """Show the month that is to be closed next."""
    return pages.see_other("differences.show", month=str(_next_month()))


@blueprint.get("/bureau/ecarts/<month>")
@access.requires(Permission.VIEW_STATEMENTS)
def show(month: str) -> ResponseReturnValue:
    """Show the differences of a month by state, the four matches, and what was decided."""
    return show_month(_month(month), None)


@blueprint.post("/bureau/ecarts/<month>/proposition")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def accept(month: str) -> ResponseReturnValue:
    """Accept what is proposed."""
    wanted = _month(month)
    key = FormReader(request.form).text("key", length_max=KEY_LENGTH_MAX)
    try:
        transact(runtime.current().engine, accept_proposal, by=by_subject(""), month=wanted, key=key)
    except Refusal as refusal:
        return show_month(wanted, refusal)
    pages.say("La proposition est acceptée : les écritures sont passées.")
    return pages.see_other("differences.show", month=month)


@blueprint.post("/bureau/ecarts/<month>/frais/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def charge(month: str, bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Book all that waits of a debit as bank charges."""
    wanted = _month(month)
    try:
        line = asked_line(bank_statement_id, line_no, part_no)
        items = [Item(kind=Resolution.BANK_CHARGE, amount_cents=abs(line.waiting_cents))]
        transact(
            runtime.current().engine,
            decide,
            by=by_subject("Frais bancaires"),
            shares=[_share(line, line.waiting_cents)],
            items=items,
        )
    except Refusal as refusal:
        return show_month(wanted, refusal)
    pages.say("La ligne est passée en frais bancaires.")
    return pages.see_other("differences.show", month=month)


@blueprint.get("/bureau/ecarts/<month>/reporter")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def ask_carry(month: str) -> ResponseReturnValue:
    """Ask why a difference is carried over the end of the month."""
    return _ask_carry(_month(month), request.args.get("ecart", "")[:KEY_LENGTH_MAX], FormReader(), None)


@blueprint.post("/bureau/ecarts/<month>/reporter")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def carry_over(month: str) -> ResponseReturnValue:
    """Note why a difference is carried."""
    wanted, form = _month(month), FormReader(request.form)
    key, note = form.text("key", length_max=KEY_LENGTH_MAX), form.text("note", length_max=NOTE_LENGTH_MAX)
    if form.errors:
        return _ask_carry(wanted, key, form, None, status=422)
    try:
        transact(runtime.current().engine, carry, by=by_subject(note), month=wanted, key=key)
    except Refusal as refusal:
        return _ask_carry(wanted, key, form, refusal)
    pages.say("L’écart est reporté, avec sa raison.")
    return pages.see_other("differences.show", month=month)


@blueprint.get("/bureau/ecarts/<month>/annuler/<int:decision_id>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def ask_undo(month: str, decision_id: int) -> ResponseReturnValue:
    """Ask why a decision is undone."""
    return _ask_undo(_month(month), decision_id, FormReader(), None)


@blueprint.post("/bureau/ecarts/<month>/annuler/<int:decision_id>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def undo_decision(month: str, decision_id: int) -> ResponseReturnValue:
    """Undo a decision by reversals."""
    wanted, form = _month(month), FormReader(request.form)
    note = form.text("note", length_max=NOTE_LENGTH_MAX)
    if form.errors:
        return _ask_undo(wanted, decision_id, form, None, status=422)
    try:
        transact(runtime.current().engine, undo, by=by_subject(note), decision_id=decision_id)
    except Refusal as refusal:
        return _ask_undo(wanted, decision_id, form, refusal)
    pages.say("La décision est annulée : ses écritures sont contre-passées.")
    return pages.see_other("differences.show", month=month)


@blueprint.get("/bureau/ecarts/partager/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def ask_split(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Ask what the parts of a line are."""
    return _ask_split(asked_line(bank_statement_id, line_no, part_no), FormReader(), None)


@blueprint.post("/bureau/ecarts/partager/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def split(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Say what the parts of a line are; what is left of it waits."""
    line, form = asked_line(bank_statement_id, line_no, part_no), FormReader(request.form)
    items = [item for row in range(1, SPLIT_ROWS + 1) if (item := _item(form, row)) is not None]
    note = form.text("note", length_max=NOTE_LENGTH_MAX)
    if not items and not form.errors:
        form.add_error("kind1", "Dites au moins ce qu’est une partie de la ligne.")
    if form.errors:
        return _ask_split(line, form, None, status=422)
    total_cents = sum(item.amount_cents for item in items)
    share = _share(line, total_cents if line.waiting_cents > 0 else -total_cents)
    try:
        transact(runtime.current().engine, decide, by=by_subject(note), shares=[share], items=items)
    except Refusal as refusal:
        return _ask_split(line, form, refusal)
    pages.say("La ligne est partagée.")
    return pages.see_other("differences.show", month=str(Month.of(line.booked_on)))


@blueprint.get("/bureau/ecarts/reprendre/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def ask_take_back(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Ask why what the import matched a line with is wrong."""
    return _ask_take_back(asked_line(bank_statement_id, line_no, part_no), FormReader(), None)


@blueprint.post("/bureau/ecarts/reprendre/<int:bank_statement_id>/<int:line_no>/<int:part_no>")
@access.requires(Permission.RESOLVE_DIFFERENCE)
def take_back(bank_statement_id: int, line_no: int, part_no: int) -> ResponseReturnValue:
    """Let a line that was matched wrongly wait for a person."""
    line, form = asked_line(bank_statement_id, line_no, part_no), FormReader(request.form)
    note = form.text("note", length_max=NOTE_LENGTH_MAX)
    if form.errors:
        return _ask_take_back(line, form, None, status=422)
    key = {"bank_statement_id": bank_statement_id, "line_no": line_no, "part_no": part_no}
    try:
        transact(runtime.current().engine, take_match_back, by=by_subject(note), **key)
    except Refusal as refusal:
        return _ask_take_back(line, form, refusal)
    pages.say("Le rapprochement est repris : la ligne attend d’être classée.")
    return pages.see_other("bank.choose", **key)


def show_month(month: Month, refusal: Refusal | None) -> ResponseReturnValue:
    """Show a month, and why something about it was refused."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        view = month_view(db, rt.territory_id, month)
        callers = {each.decided_by for each in view.decisions} | {each.prepared_by for each in view.paid_rejections}
        names = {
            caller: name_of_caller(db, territory_id=rt.territory_id, caller=caller, keyring=rt.keyring)
            for caller in callers
        }
    return pages.render(
        "differences/month.html",
        view=view,
        states=[(state, STATE_NAMES_FR[state]) for state in DifferenceState],
        told=told,
        names=names,
        labels=RESOLUTION_LABELS,
        match_titles=MATCH_TITLES,
        decision_names=DECISION_NAMES,
        refusal=refusal,
    )


def _ask_carry(
    month: Month, key: str, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        view = month_view(db, rt.territory_id, month)
    found = next((each for each in view.differences if each.key == key), None)
    return pages.render(
        "differences/reason.html",
        status=status if found is not None or refusal is not None else 404,
        title="Reporter un écart",
        sentence=told(found).known if found is not None else "Cet écart n’est plus dans la liste du mois.",
        action_endpoint="differences.carry_over",
        action_values={"month": str(month)},
        hidden={"key": key},
        button="Reporter au mois suivant",
        back=str(month),
        form=form,
        refusal=refusal,
        can_act=found is not None and found.state is DifferenceState.OPEN,
    )


def _ask_undo(
    month: Month, decision_id: int, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    return pages.render(
        "differences/reason.html",
        status=status,
        title=f"Annuler la décision n° {decision_id}",
        sentence="Ses écritures seront contre-passées, et ses lignes attendront de nouveau.",
        action_endpoint="differences.undo_decision",
        action_values={"month": str(month), "decision_id": decision_id},
        hidden={},
        button="Annuler la décision",
        back=str(month),
        form=form,
        refusal=refusal,
        can_act=True,
    )


def _ask_take_back(
    line: StoredMatch, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    return pages.render(
        "differences/reason.html",
        status=status,
        title="Reprendre un rapprochement",
        sentence=f"{line.reason_fr} Son écriture sera contre-passée et la ligne attendra d’être classée.",
        action_endpoint="differences.take_back",
        action_values={
            "bank_statement_id": line.bank_statement_id,
            "line_no": line.line_no,
            "part_no": line.part_no,
        },
        hidden={},
        button="Reprendre le rapprochement",
        back=str(Month.of(line.booked_on)),
        form=form,
        refusal=refusal,
        can_act=True,
    )


def _ask_split(
    line: StoredMatch, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    fitting = [
        (each.value, RESOLUTION_LABELS[each])
        for each in Resolution
        if each not in {Resolution.BANK_CORRECTION, *TWO_PEOPLE_RESOLUTIONS}
        and (each in INCOMING_RESOLUTIONS) == (line.waiting_cents > 0)
    ]
    return pages.render(
        "differences/split.html",
        status=status,
        line=line,
        options=fitting,
        rows=range(1, SPLIT_ROWS + 1),
        back=str(Month.of(line.booked_on)),
        form=form,
        refusal=refusal,
    )


def _item(form: FormReader, row: int) -> Item | None:
    """Return what a row of the form says, or None when it is empty."""
    kind = form.choice(f"kind{row}", [each.value for each in Resolution], required=False)
    amount_cents = form.euros(f"amount{row}", required=bool(kind))
    reference = form.text(f"reference{row}", required=False, length_max=REFERENCE_LENGTH_MAX)
    if not kind:
        if amount_cents:
            form.add_error(f"kind{row}", "Dites ce qu’est cette somme.")
        return None
    if Resolution(kind) in NEEDS_REFERENCE and not reference:
        form.add_error(f"reference{row}", "Indiquez la référence du financement ou du virement.")
    return Item(kind=Resolution(kind), reference=reference, amount_cents=amount_cents)


def _share(line: StoredMatch, amount_cents: int) -> Share:
    return Share(
        bank_statement_id=line.bank_statement_id,
        line_no=line.line_no,
        part_no=line.part_no,
        amount_cents=amount_cents,
    )


def asked_line(bank_statement_id: int, line_no: int, part_no: int) -> StoredMatch:
    """Return the bank line of an address; refuses bank_line_unknown."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        return match_of(
            db, territory_id=rt.territory_id, bank_statement_id=bank_statement_id, line_no=line_no, part_no=part_no
        )


def by_subject(note: str) -> By:
    """Return who decides: whoever is signed in, now."""
    rt = runtime.current()
    return By(territory_id=rt.territory_id, actor=access.subject().caller, note=note, now=pages.now())


def _month(typed: str) -> Month:
    """Return the month of an address, "2026-10"; anything else is no page."""
    try:
        month = Month.parse(typed)
    except ValueError:
        abort(404)
    if month.year < YEAR_MIN:
        # Before the calendar itself begins, there is no month before to compare with.
        abort(404)
    return month


def month_to_show(line: StoredMatch) -> Month:
    """Return the month in whose list a line waits: its own, or the next to close once its own is closed."""
    rt, own = runtime.current(), Month.of(line.booked_on)
    with reading(rt.engine) as db:
        closed = closed_through(db, territory_id=rt.territory_id)
    return own if closed is None or own.last_day > closed else Month.of(closed).next()


def _next_month() -> Month:
    """Return the month after the last one closed; the present month when none is."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        closed = closed_through(db, territory_id=rt.territory_id)
    return Month.of(paris_date(rt.now_ms())) if closed is None else Month.of(closed).next()
