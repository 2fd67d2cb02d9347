"""The back office on the counter: the cashiers of a shop, and what all tills may take offline."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from merchants.cashier_errors import CashierCodeInvalid
from merchants.errors import OfflineCapsInvalid
from merchants.model import OFFLINE_PAYMENT_CENTS_MAX, OfflineCaps
from merchants.offline.limits import offline_caps, set_offline_caps
from merchants.queries import find_merchant
from merchants.shops import cashiers
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

blueprint = Blueprint("office_counter", __name__, template_folder="../templates")

SHOP = "/bureau/commercants/<int:merchant_id>/caissiers"
CODE_FIELD_LENGTH_MAX = 8


@blueprint.get(SHOP)
@access.requires(Permission.MANAGE_TILLS)
def cashiers_page(merchant_id: int) -> ResponseReturnValue:
    """Show the cashiers of a shop."""
    return _cashiers(merchant_id, FormReader())


@blueprint.post(SHOP)
@access.requires(Permission.MANAGE_TILLS)
def add(merchant_id: int) -> ResponseReturnValue:
    """Add a cashier."""
    rt = runtime.current()
    form = FormReader(request.form)
    name = form.text("name", length_max=cashiers.NAME_LENGTH_MAX)
    code = form.text("code", length_max=CODE_FIELD_LENGTH_MAX)
    if form.errors:
        return _cashiers(merchant_id, form, status=422)
    try:
        added = transact(
            rt.engine,
            cashiers.add_cashier,
            territory_id=rt.territory_id,
            merchant_id=merchant_id,
            name=name,
            code=code,
            keyring=rt.keyring,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        form.add_error("code" if isinstance(refusal, CashierCodeInvalid) else "name", refusal.sentence())
        return _cashiers(merchant_id, form, status=pages.status_of(refusal))
    pages.say(f"{added.name} peut tenir les caisses de ce commerce.")
    return pages.see_other("office_counter.cashiers_page", merchant_id=merchant_id)


@blueprint.post(f"{SHOP}/<int:cashier_id>/code")
@access.requires(Permission.MANAGE_TILLS)
def change_code(merchant_id: int, cashier_id: int) -> ResponseReturnValue:
    """Give a cashier another code."""
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            cashiers.change_cashier_code,
            territory_id=rt.territory_id,
            merchant_id=merchant_id,
            cashier_id=cashier_id,
            code=FormReader(request.form).text("code", required=False, length_max=CODE_FIELD_LENGTH_MAX),
            keyring=rt.keyring,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except CashierCodeInvalid as refusal:
        pages.say(refusal.sentence(), kind="warning")
    else:
        pages.say("Le code est changé.")
    return pages.see_other("office_counter.cashiers_page", merchant_id=merchant_id)


@blueprint.post(f"{SHOP}/<int:cashier_id>/retirer")
@access.requires(Permission.MANAGE_TILLS)
def remove(merchant_id: int, cashier_id: int) -> ResponseReturnValue:
    """End a cashier."""
    rt = runtime.current()
    transact(
        rt.engine,
        cashiers.remove_cashier,
        territory_id=rt.territory_id,
        merchant_id=merchant_id,
        cashier_id=cashier_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Le nom et le code sont effacés ; le numéro reste avec les encaissements.")
    return pages.see_other("office_counter.cashiers_page", merchant_id=merchant_id)


@blueprint.route("/bureau/commercants/hors-connexion", methods=["GET", "POST"])
@access.requires(Permission.MANAGE_MERCHANTS)
def limits() -> ResponseReturnValue:
    """Show what tills may take offline, and change it."""
    rt = runtime.current()
    if request.method == "GET":
        with reading(rt.engine) as db:
            caps = offline_caps(db, territory_id=rt.territory_id)
        return _limits(
            FormReader(
                {
                    "payment": format_decimal(caps.payment_cents, point=","),
                    "card_day": format_decimal(caps.card_day_cents, point=","),
                    "till": format_decimal(caps.till_cents, point=","),
                }
            )
        )
    form = FormReader(request.form)
    amounts = [form.euros(name) for name in ("payment", "card_day", "till")]
    if form.errors:
        return _limits(form, status=422)
    caps = OfflineCaps(payment_cents=amounts[0], card_day_cents=amounts[1], till_cents=amounts[2])
    actor, now = access.subject().caller, pages.now()
    try:
        transact(rt.engine, set_offline_caps, territory_id=rt.territory_id, caps=caps, actor=actor, now=now)
    except OfflineCapsInvalid as refusal:
        form.add_error("payment", refusal.sentence())
        return _limits(form, status=pages.status_of(refusal))
    pages.say("Les plafonds sont changés. Chaque caisse les apprend dès qu’elle a du réseau.")
    return pages.see_other("office_counter.limits")


def _cashiers(merchant_id: int, form: FormReader, *, status: int | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        merchant = find_merchant(db, territory_id=rt.territory_id, merchant_id=merchant_id)
        found = cashiers.cashiers_of(db, territory_id=rt.territory_id, merchant_id=merchant_id, keyring=rt.keyring)
    return pages.render("merchants/cashiers.html", merchant=merchant, cashiers=found, form=form, status=status)


def _limits(form: FormReader, *, status: int | None = None) -> ResponseReturnValue:
    return pages.render(
        "merchants/offline_limits.html", form=form, payment_max_cents=OFFLINE_PAYMENT_CENTS_MAX, status=status
    )
