"""Who holds the till: asked before the first payment of a shop that has cashiers, and whenever they change places."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from merchants.shops import cashiers
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

blueprint = Blueprint("till_cashiers", __name__, template_folder="../templates")

CODE_FIELD_LENGTH_MAX = 8


@blueprint.get("/caisse/qui")
@access.requires(Permission.VIEW_TILL)
def ask() -> ResponseReturnValue:
    """Ask who holds the till."""
    return _page(FormReader())


@blueprint.post("/caisse/qui")
@access.requires(Permission.CHARGE)
def take() -> ResponseReturnValue:
    """Put a cashier at the till."""
    rt = runtime.current()
    form = FormReader(request.form)
    who = form.text("cashier", length_max=10)
    code = form.text("code", length_max=CODE_FIELD_LENGTH_MAX)
    if form.errors:
        return _page(form, status=422)
    try:
        cashiers.take_till(
            rt.engine,
            rt.keyring,
            territory_id=rt.territory_id,
            till=parts.own_till(),
            cashier_id=int(who) if who.isdecimal() else 0,
            code=code,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _page(form, refusal=refusal)
    # Not the bare address: the page that the device keeps would not learn it at once.
    return pages.see_other("till.screen", tenue=1)


def own_shift() -> cashiers.Shift:
    """Return who holds the till of this request."""
    rt = runtime.current()
    return cashiers.shift_of(rt.engine, rt.keyring, territory_id=rt.territory_id, till=parts.own_till())


def _page(form: FormReader, *, refusal: Refusal | None = None, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    till = parts.own_till()
    with reading(rt.engine) as db:
        found = cashiers.cashiers_of(db, territory_id=rt.territory_id, merchant_id=till.merchant_id, keyring=rt.keyring)
    if not found:
        return pages.see_other("till.screen")
    return pages.render(
        "merchants/cashier.html",
        form=form,
        options=[(each.id, each.name) for each in found],
        holder=own_shift().cashier,
        label=access.subject().label,
        refusal=refusal,
        status=status,
    )
