"""The office's page of a programme's offline guarantee: what it holds, what it paid in which shop, and who moves it."""

from collections.abc import Callable

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from merchants.offline.guarantee import guarantee_paid
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes import guarantee_queries, queries
from monnaie_locale.programmes.model import GuaranteeMove, GuaranteeMoveKind
from monnaie_locale.programmes.operations import guaranteeing
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

KINDS = [(kind.value, kind.label_fr) for kind in GuaranteeMoveKind]

blueprint = Blueprint("guarantee", __name__, template_folder="../templates")


@blueprint.get("/bureau/dispositifs/<int:programme_id>/garantie")
@access.requires(Permission.VIEW_PROGRAMMES)
def show(programme_id: int) -> ResponseReturnValue:
    """Show the guarantee of a programme."""
    return _show(programme_id, FormReader())


@blueprint.post("/bureau/dispositifs/<int:programme_id>/garantie")
@access.requires(Permission.MOVE_GUARANTEE)
def prepare(programme_id: int) -> ResponseReturnValue:
    """Prepare what goes into the guarantee, or back to the programme's funds."""
    rt = runtime.current()
    form = FormReader(request.form)
    kind = form.choice("kind", list(GuaranteeMoveKind))
    amount_cents = form.euros("amount")
    if form.errors:
        return _show(programme_id, form, status=422)
    try:
        transact(
            rt.engine,
            guaranteeing.prepare_guarantee_move,
            territory_id=rt.territory_id,
            programme_id=programme_id,
            kind=GuaranteeMoveKind(kind),
            amount_cents=amount_cents,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _show(programme_id, form, refusal=refusal)
    pages.say("C’est préparé. Une autre personne doit le valider.")
    return pages.see_other("guarantee.show", programme_id=programme_id)


@blueprint.post("/bureau/dispositifs/<int:programme_id>/garantie/<int:move_id>/valider")
@access.requires(Permission.APPROVE_GUARANTEE)
def approve(programme_id: int, move_id: int) -> ResponseReturnValue:
    """Approve and post what another person prepared."""
    return _decided(guaranteeing.approve_guarantee_move, programme_id, move_id, said="C’est fait.")


@blueprint.post("/bureau/dispositifs/<int:programme_id>/garantie/<int:move_id>/annuler")
@access.requires(Permission.MOVE_GUARANTEE)
def cancel(programme_id: int, move_id: int) -> ResponseReturnValue:
    """Give up what waits."""
    return _decided(guaranteeing.cancel_guarantee_move, programme_id, move_id, said="C’est annulé.")


def _decided(
    decide: Callable[..., GuaranteeMove], programme_id: int, move_id: int, *, said: str
) -> ResponseReturnValue:
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            decide,
            territory_id=rt.territory_id,
            move_id=move_id,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _show(programme_id, FormReader(), refusal=refusal)
    pages.say(said)
    return pages.see_other("guarantee.show", programme_id=programme_id)


def _show(
    programme_id: int, form: FormReader, *, refusal: Refusal | None = None, status: int | None = None
) -> ResponseReturnValue:
    rt = runtime.current()
    territory_id = rt.territory_id
    with reading(rt.engine) as db:
        programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
        held_cents = guarantee_queries.guarantee_of(db, territory_id=territory_id, programme_id=programme_id)
        funds_cents = queries.funds_of(db, territory_id=territory_id, programme_id=programme_id)
        moves = guarantee_queries.guarantee_moves_of(db, territory_id=territory_id, programme_id=programme_id)
        paid = guarantee_paid(db, territory_id=territory_id, programme_id=programme_id, now=pages.now())
    return pages.render(
        "merchants/guarantee.html",
        status=status,
        form=form,
        refusal=refusal,
        programme=programme,
        held_cents=held_cents,
        funds_cents=funds_cents,
        moves=moves,
        paid=paid,
        kinds=KINDS,
        acting=access.subject().caller,
    )
