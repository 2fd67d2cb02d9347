"""The shop's side of what holders open by themselves: the counter card to print, the refunds asked for."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from merchants.holders import counter_card, refund_requests
from merchants.queries import find_merchant
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents import qr
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.web import pages

blueprint = Blueprint("counter_desk", __name__, template_folder="../templates")


@blueprint.post("/bureau/commercants/<int:merchant_id>/comptoir")
@access.requires(Permission.MANAGE_TILLS)
def issue(merchant_id: int) -> ResponseReturnValue:
    """Give the shop its counter card; the one it has stays the same."""
    rt = runtime.current()
    transact(
        rt.engine,
        counter_card.issue_counter_card,
        territory_id=rt.territory_id,
        merchant_id=merchant_id,
        actor=access.subject().caller,
        now=pages.now(),
        random_bytes=rt.random_bytes,
    )
    return pages.see_other("counter_desk.show", merchant_id=merchant_id)


@blueprint.get("/bureau/commercants/<int:merchant_id>/comptoir")
@access.requires(Permission.MANAGE_TILLS)
def show(merchant_id: int) -> ResponseReturnValue:
    """Show the counter card, to be printed."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        merchant = find_merchant(db, territory_id=rt.territory_id, merchant_id=merchant_id)
        code = counter_card.find_counter_code(db, territory_id=rt.territory_id, merchant_id=merchant_id)
    if code is None:
        pages.say("Ce commerce n’a pas de carte de comptoir.", kind="warning")
        return pages.see_other("merchants.show", merchant_id=merchant_id)
    text = counter_card.counter_url(host=parts.host(), code=code)
    drawing = qr.svg(text, label="Code à scanner pour payer")
    return pages.render("merchants/counter_card.html", merchant=merchant, drawing=drawing, host=parts.host())


@blueprint.get("/caisse/remboursements")
@access.requires(Permission.VIEW_TILL)
def requests() -> ResponseReturnValue:
    """Show the refunds that holders ask this shop for."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = refund_requests.open_requests(
            db, territory_id=rt.territory_id, merchant_id=access.subject().merchant_id or 0
        )
    return pages.render("merchants/refund_requests.html", requests=found)


@blueprint.post("/caisse/remboursements/<int:number>/ranger")
@access.requires(Permission.REFUND)
def close(number: int) -> ResponseReturnValue:
    """Take a request out of the list."""
    rt = runtime.current()
    transact(
        rt.engine,
        refund_requests.close_request,
        territory_id=rt.territory_id,
        merchant_id=access.subject().merchant_id or 0,
        charge_entry_id=number,
        now=pages.now(),
    )
    pages.say("La demande est rangée. Rien n’a été remboursé par ce geste.")
    return pages.see_other("counter_desk.requests")
