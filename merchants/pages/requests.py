"""The other way round: the till shows a QR with the amount, the holder's phone opens it and confirms with the PIN."""

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from merchants.holders import payment_requests
from merchants.model import Merchant, PaymentRequest
from merchants.pages import holder
from merchants.queries import find_merchant, request_by_code
from merchants.shops.operations import code_digest
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents import qr
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets.errors import PinRequired
from wallets.web import holder_kit

blueprint = Blueprint("payment_requests", __name__, template_folder="../templates")

PIN_FIELD_LENGTH_MAX = 8
CARD_FIELD_LENGTH_MAX = 300


@blueprint.post("/caisse/demandes")
@access.requires(Permission.REQUEST_PAYMENT)
def ask() -> ResponseReturnValue:
    """Make a request for the amount typed at the till, and show its QR."""
    form = FormReader(request.form)
    amount_cents = form.euros("amount")
    if form.errors:
        pages.say("Tapez d’abord le montant à demander.", kind="warning")
        return pages.see_other("till.screen")
    rt = runtime.current()
    _, code = transact(
        rt.engine,
        payment_requests.request_payment,
        territory_id=rt.territory_id,
        till=parts.own_till(),
        amount_cents=amount_cents,
        now=pages.now(),
        random_bytes=rt.random_bytes,
    )
    return pages.see_other("payment_requests.show", code=code)


@blueprint.get("/caisse/demandes/<code>")
@access.requires(Permission.VIEW_TILL)
def show(code: str) -> ResponseReturnValue:
    """Show the QR until the request is paid; without script the page reloads itself."""
    found = _own(code)
    state = found.state(now_ms=instant_ms(pages.now()))
    text = payment_requests.request_url(host=parts.host(), code=code.upper())
    drawing = qr.svg(text, label="Code à scanner par le porteur de la carte") if state == "waiting" else ""
    return pages.render("merchants/request.html", payment=found, state=state, drawing=drawing, code=code)


@blueprint.get("/caisse/demandes/<code>/etat")
@access.requires(Permission.VIEW_TILL)
def state(code: str) -> ResponseReturnValue:
    """Return how far the request is: what the till asks every second."""
    found = _own(code)
    response: Response = jsonify(state=found.state(now_ms=instant_ms(pages.now())), number=found.entry_id)
    response.add_etag()
    return response.make_conditional(request)


@blueprint.post("/caisse/demandes/<code>/annuler")
@access.requires(Permission.REQUEST_PAYMENT)
def cancel(code: str) -> ResponseReturnValue:
    """Withdraw the request."""
    rt = runtime.current()
    transact(
        rt.engine,
        payment_requests.cancel_request,
        territory_id=rt.territory_id,
        till=parts.own_till(),
        request_id=_own(code).id,
        now=pages.now(),
    )
    pages.say("La demande de paiement est annulée.")
    return pages.see_other("till.screen")


@blueprint.get("/P/<code>")
@blueprint.get("/p/<code>", endpoint="open_in_lower_case")
@access.public
def open_request(code: str) -> ResponseReturnValue:
    """Show the holder who asks for how much; looking pays nothing."""
    return _holder_page(code, FormReader())


@blueprint.post("/P/<code>")
@access.public
def confirm(code: str) -> ResponseReturnValue:
    """Pay, with this phone's own code, or with the card (or the session it opened) and always the PIN."""
    form = FormReader(request.form)
    phone_code = holder.phone_code(form)
    card_code = phone_code or holder.signed_in_number() or form.text("card", length_max=CARD_FIELD_LENGTH_MAX)
    pin = form.text("pin", required=phone_code is None, length_max=PIN_FIELD_LENGTH_MAX)
    if form.errors:
        return _holder_page(code, holder_kit.explained(form, "card", "pin"), status=422)
    try:
        receipt = payment_requests.confirm_payment(
            **parts.charging(), code=code, card_code=card_code, pin=pin or None, now=pages.now()
        )
    except Refusal as refusal:
        return _holder_page(code, form, refusal=refusal)
    return holder.paid_page(receipt)


def _holder_page(
    code: str, form: FormReader, *, refusal: Refusal | None = None, status: int | None = None
) -> ResponseReturnValue:
    try:
        found, merchant = _asked(code)
    except Refusal as unknown:
        return holder_kit.render("merchants/holder_refused.html", refusal=unknown)
    return holder_kit.render(
        "merchants/confirm.html",
        payment=found,
        merchant=merchant,
        state=found.state(now_ms=instant_ms(pages.now())),
        code=code,
        form=form,
        refusal=refusal,
        status=status,
        signed_in=holder.signed_in_number() is not None,
        asks_for_pin=isinstance(refusal, PinRequired) or bool(form.value("pin")),
    )


def _asked(code: str) -> tuple[PaymentRequest, Merchant]:
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = request_by_code(db, territory_id=rt.territory_id, code_digest=code_digest(code))
        return found, find_merchant(db, territory_id=rt.territory_id, merchant_id=found.merchant_id)


def _own(code: str) -> PaymentRequest:
    """Return the request of the till's own shop; refuses payment_request_unknown."""
    rt = runtime.current()
    till = parts.own_till()
    with reading(rt.engine) as db:
        found = request_by_code(db, territory_id=rt.territory_id, code_digest=code_digest(code))
        return payment_requests.own_request(db, territory_id=rt.territory_id, till=till, request_id=found.id)
