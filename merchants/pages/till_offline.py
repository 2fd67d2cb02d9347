"""What was taken offline and not paid, as the shop settles it at its till: seen, presented again, or given up."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from merchants.cashier_errors import CashierRequired
from merchants.errors import ChargeUnknown
from merchants.model import OfflineRefusal
from merchants.offline import ends as offline_ends
from merchants.offline.charges import acknowledge_of_shop
from merchants.pages.till import CARD_FIELD_LENGTH_MAX, PIN_FIELD_LENGTH_MAX, code_prefix, new_key
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets.codes.card_token import CARD_PATH
from wallets.codes.phone_code import PHONE_PATH

blueprint = Blueprint("till_offline", __name__, template_folder="../templates")


@blueprint.post("/caisse/hors-connexion/<mark>/vu")
@access.requires(Permission.CHARGE)
def read(mark: str) -> ResponseReturnValue:
    """Note that the shop has seen that nobody has paid; the line stays, folded. Refuses: charge_unknown."""
    rt = runtime.current()
    try:
        digest = bytes.fromhex(mark)
    except ValueError as error:
        raise ChargeUnknown from error
    transact(
        rt.engine,
        acknowledge_of_shop,
        territory_id=rt.territory_id,
        merchant_id=access.subject().merchant_id or 0,
        digest=digest,
        now=pages.now(),
    )
    return pages.see_other("till.today")


@blueprint.get("/caisse/hors-connexion/<mark>")
@access.requires(Permission.CHARGE)
def settle(mark: str) -> ResponseReturnValue:
    """Show a refused charge with the two ways to end it. Refuses: charge_unknown."""
    return _page(mark, FormReader(), key=new_key())


@blueprint.post("/caisse/hors-connexion/<mark>")
@access.requires(Permission.CHARGE)
def present_again(mark: str) -> ResponseReturnValue:
    """Charge the card that is back, from the plain form; the script sends the same to the API."""
    form = FormReader(request.form)
    card_code = form.text("card", length_max=CARD_FIELD_LENGTH_MAX)
    pin = form.text("pin", required=False, length_max=PIN_FIELD_LENGTH_MAX)
    key = form.text("key", length_max=64) or new_key()
    if form.errors:
        return _page(mark, form, key=key, status=422)
    try:
        offline_ends.present_again(
            **parts.charging(),
            till=parts.own_till(),
            mark=mark,
            card_code=card_code,
            pin=pin or None,
            idempotency_key=key,
            now=pages.now(),
        )
    except CashierRequired:
        return pages.see_other("till_cashiers.ask")
    except Refusal as refusal:
        return _page(mark, form, key=key, refusal=refusal)
    return pages.see_other("till.receipt", key=key)


@blueprint.post("/caisse/hors-connexion/<mark>/classer")
@access.requires(Permission.CHARGE)
def dismiss(mark: str) -> ResponseReturnValue:
    """Give it up: kept with who and when, listed at the office. Refuses: charge_unknown."""
    rt = runtime.current()
    till = parts.own_till()
    try:
        transact(
            rt.engine, offline_ends.dismiss, territory_id=rt.territory_id, till=till, mark=mark, now=pages.now()
        )  # fmt: skip
    except Refusal as refusal:
        return _page(mark, FormReader(), key=new_key(), refusal=refusal)
    return pages.see_other("till.today")


def _page(
    mark: str, form: FormReader, *, key: str, refusal: Refusal | None = None, status: int | None = None
) -> ResponseReturnValue:
    return pages.render(
        "merchants/settle_offline.html",
        camera=True,
        refused=_refused(mark),
        form=form,
        key=key,
        refusal=refusal,
        status=status,
        prefixes=[code_prefix(CARD_PATH), code_prefix(PHONE_PATH)],
    )


def _refused(mark: str) -> OfflineRefusal:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return offline_ends.refusal_of(
            db, territory_id=rt.territory_id, merchant_id=access.subject().merchant_id or 0, mark=mark
        )
