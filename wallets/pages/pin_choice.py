"""The desk's page on which a holder chooses the PIN. It is typed twice, shown nowhere, and never part of an address."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets import queries
from wallets.codes.card_token import card_number_shown
from wallets.operations import cards

blueprint = Blueprint("pin_choice", __name__, template_folder="../templates")


@blueprint.get("/bureau/cartes/<int:card_id>/code/choisir")
@access.requires(Permission.MANAGE_WALLETS)
def choose(card_id: int) -> ResponseReturnValue:
    """Show the keypad to the holder of an active card."""
    return _keypad(card_id)


@blueprint.post("/bureau/cartes/<int:card_id>/code/choisir")
@access.requires(Permission.MANAGE_WALLETS)
def keep(card_id: int) -> ResponseReturnValue:
    """Keep the PIN, typed twice alike; whatever is wrong, both fields come back empty."""
    rt = runtime.current()
    form = FormReader(request.form)
    pin, again = form.value("pin").strip(), form.value("pin_again").strip()
    if pin != again:
        form.add_error("pin_again", "Les deux codes ne sont pas les mêmes. Tapez-les à nouveau.")
        return _keypad(card_id, form=form)
    try:
        transact(
            rt.engine,
            cards.choose_pin,
            territory_id=rt.territory_id,
            card_id=card_id,
            pin=pin,
            keyring=rt.keyring,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _keypad(card_id, refusal=refusal)
    pages.say("Le code secret choisi est enregistré. L’ancien code ne marche plus.")
    return pages.see_other("households.show", household_id=_household_of(card_id))


def _keypad(card_id: int, *, form: FormReader | None = None, refusal: Refusal | None = None) -> Response:
    rt = runtime.current()
    with reading(rt.engine) as db:
        card = queries.active_card_of(db, territory_id=rt.territory_id, card_id=card_id)
    return pages.render(
        "wallets/choose_pin.html",
        status=422 if form is not None else None,
        form=form or FormReader(),
        refusal=refusal,
        card_id=card_id,
        card_number=card_number_shown(card.number),
        household_id=_household_of(card_id),
    )


def _household_of(card_id: int) -> int:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return queries.household_of_card(db, territory_id=rt.territory_id, card_id=card_id)
