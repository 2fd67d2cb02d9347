"""What a holder opens by a shop's fixed code or a receipt's: pay the shop, see a receipt, ask for a refund."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from merchants.charging.receipt_code import PURPOSE as RECEIPT_CODES
from merchants.charging.receipt_code import entry_of_receipt
from merchants.holders import counter_card, refund_requests
from merchants.model import Receipt
from merchants.pages.till import new_key
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.ledger.errors import IdempotencyKeyReused, Refusal
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets.codes.card_token import SCHEME
from wallets.codes.phone_code import PHONE_PATH
from wallets.errors import PinRequired
from wallets.queries import card_of
from wallets.web import holder_kit

blueprint = Blueprint("counter", __name__, template_folder="../templates")

PIN_FIELD_LENGTH_MAX = 8
CARD_FIELD_LENGTH_MAX = 300
KEY_LENGTH_MAX = 64


@blueprint.get("/C/<code>")
@blueprint.get("/c/<code>", endpoint="open_in_lower_case")
@access.public
def open_counter(code: str) -> ResponseReturnValue:
    """Show the shop and ask for the amount; looking pays nothing."""
    return _counter_page(code, FormReader(), key=new_key())


@blueprint.post("/C/<code>")
@access.public
def pay(code: str) -> ResponseReturnValue:
    """Pay the shop, by this phone's own code or by the card that is open in this browser."""
    form = FormReader(request.form)
    amount_cents = form.euros("amount")
    pin = form.text("pin", required=False, length_max=PIN_FIELD_LENGTH_MAX)
    key = form.text("key", length_max=KEY_LENGTH_MAX) or new_key()
    card_code = paying_code(form)
    if form.errors or card_code is None:
        return _counter_page(code, holder_kit.explained(form, "amount"), key=key, status=422)
    try:
        receipt = counter_card.pay_at_counter(
            **parts.charging(),
            code=code,
            card_code=card_code,
            amount_cents=amount_cents,
            pin=pin or None,
            idempotency_key=key,
            now=pages.now(),
        )
    except IdempotencyKeyReused as refusal:
        # Back on a page that has paid, and another amount: another payment, if it is pressed once more.
        return _counter_page(code, form, key=new_key(), refusal=refusal)
    except Refusal as refusal:
        return _counter_page(code, form, key=key, refusal=refusal)
    return paid_page(receipt)


@blueprint.get("/R/<code>")
@blueprint.get("/r/<code>", endpoint="receipt_in_lower_case")
@access.public
def receipt(code: str) -> ResponseReturnValue:
    """Show a receipt to whoever holds its code."""
    rt = runtime.current()
    try:
        with reading(rt.engine) as db:
            shown = refund_requests.shown_receipt(db, territory_id=rt.territory_id, entry_id=_entry_of(code))
    except Refusal as refusal:
        return holder_kit.render("merchants/holder_refused.html", refusal=refusal)
    return holder_kit.render("merchants/holder_receipt.html", receipt=shown, code=code)


@blueprint.post("/R/<code>")
@access.public
def ask_refund(code: str) -> ResponseReturnValue:
    """Ask the shop for a refund: a request, no money moves."""
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            refund_requests.ask_refund,
            territory_id=rt.territory_id,
            entry_id=_entry_of(code),
            now=pages.now(),
        )
    except Refusal as refusal:
        return holder_kit.render("merchants/holder_refused.html", refusal=refusal)
    return pages.see_other("counter.receipt", code=code)


def paying_code(form: FormReader) -> str | None:
    """Return what pays: the code that this phone signed, else the number of the card open in this browser, else None.

    A number typed by hand is not taken here: the address is open to all and for ever, and whoever typed five wrong PINs
    for a number read over a shoulder would lock that card.
    """
    return phone_code(form) or signed_in_number()


def phone_code(form: FormReader) -> str | None:
    """Return the code that this phone signed for the payment, or None."""
    given = form.text("card", required=False, length_max=CARD_FIELD_LENGTH_MAX)
    return given if given.upper().startswith(f"{SCHEME}{parts.host().upper()}{PHONE_PATH}") else None


def signed_in_number() -> str | None:
    """Return the number of the card whose holder is signed in on this phone, if there is one."""
    rt = runtime.current()
    holder = access.session_of(SubjectKind.HOLDER)
    if holder is None:
        return None
    with reading(rt.engine) as db:
        return card_of(db, territory_id=rt.territory_id, card_id=holder.id).number


def paid_page(receipt: Receipt) -> Response:
    """Return what a holder shows to the shop: paid, how much, when, and the word of the day of the payment."""
    day = paris_date(receipt.happened_at_ms)
    return holder_kit.render(
        "merchants/holder_paid.html",
        receipt=receipt,
        word=parts.word_of(receipt.merchant_id, day=day),
        receipt_path=parts.receipt_path(receipt.entry_id),
    )


def _counter_page(
    code: str, form: FormReader, *, key: str, refusal: Refusal | None = None, status: int | None = None
) -> Response:
    rt = runtime.current()
    try:
        with reading(rt.engine) as db:
            _, merchant = counter_card.shop_of_counter(db, territory_id=rt.territory_id, code=code)
    except Refusal as unknown:
        return holder_kit.render("merchants/holder_refused.html", refusal=unknown)
    return holder_kit.render(
        "merchants/counter_pay.html",
        merchant=merchant,
        code=code,
        form=form,
        key=key,
        refusal=refusal,
        status=status,
        signed_in=signed_in_number() is not None,
        asks_for_pin=isinstance(refusal, PinRequired) or bool(form.value("pin")),
    )


def _entry_of(code: str) -> int:
    rt = runtime.current()
    return entry_of_receipt(code, secret=rt.keyring.derive(RECEIPT_CODES), territory_id=rt.territory_id)
