"""The back office on chèques d'accompagnement: what is kept back from payouts, certifications, what has lapsed."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from merchants.payouts.cap_claims import (
    DOCUMENT_LENGTH_MAX,
    claims_deadline,
    claims_kept,
    lapse_claims,
    record_certification,
)
from merchants.queries import list_merchants
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes.queries import programmes_by_id
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

YEAR_MIN = 2000

blueprint = Blueprint("cap_claims", __name__, url_prefix="/bureau/virements/cheques", template_folder="../templates")


@blueprint.get("")
@access.requires(Permission.VIEW_PAYOUTS)
def index() -> ResponseReturnValue:
    """Show what is kept back of each shop, and why."""
    return _index(FormReader({"year": str(paris_date(instant_ms(pages.now())).year)}))


@blueprint.post("/certifier")
@access.requires(Permission.MANAGE_MERCHANTS)
def certify() -> ResponseReturnValue:
    """Record what a shop signed."""
    rt = runtime.current()
    form = FormReader(request.form)
    merchant_id = form.integer("merchant", at_least=1)
    year, document = form.integer("year", at_least=YEAR_MIN), form.text("document", length_max=DOCUMENT_LENGTH_MAX)
    if form.errors:
        return _index(form, status=422)
    try:
        transact(
            rt.engine,
            record_certification,
            territory_id=rt.territory_id,
            merchant_id=merchant_id,
            year=year,
            document=document,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _index(form, refusal=refusal)
    pages.say("La certification est enregistrée : ces encaissements seront du prochain virement.")
    return pages.see_other("cap_claims.index")


@blueprint.post("/<int:merchant_id>/<int:year>/perimer")
@access.requires(Permission.APPROVE_PAYOUT)
def lapse(merchant_id: int, year: int) -> ResponseReturnValue:
    """Give back to the CCAS what a shop may not claim any more."""
    rt = runtime.current()
    try:
        cents = transact(
            rt.engine,
            lapse_claims,
            territory_id=rt.territory_id,
            merchant_id=merchant_id,
            year=year,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _index(FormReader(), refusal=refusal)
    pages.say(f"{format_euros(cents)} sont à rendre au CCAS.")
    return pages.see_other("cap_claims.index")


def _index(form: FormReader, *, refusal: Refusal | None = None, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    today = paris_date(instant_ms(pages.now()))
    with reading(rt.engine) as db:
        claims = claims_kept(db, territory_id=rt.territory_id, through_on=today)
        shops = {shop.id: shop.name for shop in list_merchants(db, territory_id=rt.territory_id)}
        programmes = programmes_by_id(db, territory_id=rt.territory_id)
    rows = [
        {
            "claim": claim,
            "shop": shops[claim.merchant_id],
            "programme": programmes[claim.programme_id].name,
            "deadline_on": claims_deadline(claim.year),
            "is_lapsed": today > claims_deadline(claim.year),
        }
        for claim in claims
    ]
    options = [(str(number), name) for number, name in sorted(shops.items(), key=lambda each: each[1])]
    return pages.render(
        "merchants/cap_claims.html", form=form, rows=rows, shops=options, refusal=refusal, status=status
    )
