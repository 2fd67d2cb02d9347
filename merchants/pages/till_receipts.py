"""Receipts: on the till's screen, on paper, by link and by QR; and the way from a receipt back to a refund."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from merchants.charging.receipt_code import PURPOSE, code_in, entry_of_receipt, receipt_url
from merchants.charging.receipts import receipt_of
from merchants.errors import ChargeUnknown
from merchants.model import Receipt
from merchants.queries import find_merchant, refunded_of
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import entry_of, owners_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import EntryUnknown, Refusal
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

blueprint = Blueprint("till_receipts", __name__, template_folder="../templates")

CODE_LENGTH_MAX = 300
# Above any entry's number, below what both databases count to.
NUMBER_LENGTH_MAX = 18
SHOWN = frozenset({EntryKind.CHARGE, EntryKind.REFUND})


def render_receipt(receipt: Receipt, *, refunded_cents: int = 0) -> Response:
    """Return the receipt as the till shows it, with its QR."""
    has_code = receipt.kind is EntryKind.CHARGE
    return pages.render(
        "merchants/receipt.html",
        receipt=receipt,
        refunded_cents=refunded_cents,
        is_refund=receipt.kind is EntryKind.REFUND,
        drawing=parts.receipt_drawing(receipt.entry_id) if has_code else "",
        url=parts.receipt_url(receipt.entry_id) if has_code else "",
    )


@blueprint.get("/caisse/encaissements/<int:number>")
@access.requires(Permission.VIEW_TILL)
def own(number: int) -> ResponseReturnValue:
    """Show one of the shop's own receipts again."""
    receipt, refunded_cents = _receipt(number)
    if receipt.merchant_id != access.subject().merchant_id:
        raise ChargeUnknown
    return render_receipt(receipt, refunded_cents=refunded_cents)


@blueprint.get("/caisse/rembourser")
@access.requires(Permission.REFUND)
def find() -> ResponseReturnValue:
    """Ask for a receipt: its QR before the camera, its link, or the number of its entry."""
    return _find_form(FormReader())


@blueprint.post("/caisse/rembourser")
@access.requires(Permission.REFUND)
def found() -> ResponseReturnValue:
    """Go on to the refund of the receipt; nothing is given back yet."""
    form = FormReader(request.form)
    text = form.text("receipt", length_max=CODE_LENGTH_MAX)
    if form.errors:
        return _find_form(form, status=422)
    try:
        is_number = text.isascii() and text.isdigit() and len(text) <= NUMBER_LENGTH_MAX
        number = int(text) if is_number else _entry_of(text)
        receipt, _ = _receipt(number)
        if receipt.merchant_id != access.subject().merchant_id or receipt.kind is not EntryKind.CHARGE:
            raise ChargeUnknown
    except Refusal as refusal:
        return _find_form(form, refusal=refusal)
    return pages.see_other("till.give_back", number=number)


def _find_form(form: FormReader, *, refusal: Refusal | None = None, status: int | None = None) -> ResponseReturnValue:
    return pages.render(
        "merchants/find_receipt.html",
        camera=True,
        status=status,
        form=form,
        refusal=refusal,
        prefixes=[receipt_url("", host=parts.host())],
        action=url_for("till_receipts.found"),
    )


def _receipt(number: int) -> tuple[Receipt, int]:
    """Return a charge's or a refund's receipt, and what was given back of it; refuses charge_unknown."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        try:
            posted = entry_of(db, territory_id=rt.territory_id, entry_id=number)
        except EntryUnknown as error:
            raise ChargeUnknown from error
        entry = posted.entry
        if entry.kind not in SHOWN:
            raise ChargeUnknown
        sides = {line.credit_account_id for line in entry.transfers} | {
            line.debit_account_id for line in entry.transfers
        }
        owners = owners_of(db, territory_id=rt.territory_id, account_ids=sorted(sides))
        shop_id = next((owner.merchant_id for owner in owners.values() if owner.merchant_id), 0)
        shop = find_merchant(db, territory_id=rt.territory_id, merchant_id=shop_id)
        refunded = refunded_of(db, territory_id=rt.territory_id, charge_entry_ids=[number])
    # What is left on the card is between the card and that moment: a receipt shown again does not tell it.
    receipt = receipt_of(posted, merchant=shop, remaining_cents=0, replayed=True)
    return receipt, refunded.get(number, 0)


def _entry_of(text: str) -> int:
    """Return the number of the entry of a receipt's code or link; refuses receipt_unknown."""
    rt = runtime.current()
    secret = rt.keyring.derive(PURPOSE)
    return entry_of_receipt(code_in(text, host=parts.host()), secret=secret, territory_id=rt.territory_id)
