"""The back office on shops: list, admit, change the account, suspend; open, pair and unpair tills."""

import datetime
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from merchants.errors import (
    AddressIncomplete,
    CategoryUnknown,
    IbanInvalid,
    MerchantNameInvalid,
    SiretAlreadyAdmitted,
    SiretInvalid,
)
from merchants.model import Address, Admission
from merchants.offline.charges import refused_offline
from merchants.offline.flags import beyond_till_cap
from merchants.pages.words import MOVEMENT_NAMES
from merchants.queries import find_merchant, list_merchants, merchant_accounts, tills_of
from merchants.shops import operations
from merchants.shops.admission import DEBT_LIMIT_CENTS_DEFAULT, check_admission
from merchants.shops.cashiers import cashiers_of
from merchants.statements.movements import month_movements
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents import qr
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import accounts_of, balance_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month, instant_ms, paris_date
from monnaie_locale.programmes.model import Category
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

blueprint = Blueprint("merchants", __name__, url_prefix="/bureau/commercants", template_folder="../templates")

# So long a device that held too much stands on its shop's page.
FLAGGED_FOR = datetime.timedelta(days=31)
CATEGORY_OPTIONS = [(category.value, category.label_fr) for category in Category]
# Beside which field each refusal is shown.
FIELD_OF: dict[type[Refusal], str] = {
    MerchantNameInvalid: "name",
    SiretInvalid: "siret",
    SiretAlreadyAdmitted: "siret",
    CategoryUnknown: "category",
    IbanInvalid: "iban",
    AddressIncomplete: "postcode",
}


@blueprint.get("")
@access.requires(Permission.VIEW_MERCHANTS)
def index() -> ResponseReturnValue:
    """List the shops with what each is owed."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        shops = list_merchants(db, territory_id=rt.territory_id)
        owed = {
            account.owner.merchant_id: balance.net_credit_cents
            for account, balance in accounts_of(db, territory_id=rt.territory_id, kinds=[AccountKind.MERCHANT])
        }
    return pages.render("merchants/index.html", shops=shops, owed=owed, categories=dict(CATEGORY_OPTIONS))


@blueprint.route("/admettre", methods=["GET", "POST"])
@access.requires(Permission.MANAGE_MERCHANTS)
def admit() -> ResponseReturnValue:
    """Admit a shop."""
    if request.method == "GET":
        return _admission_form(FormReader())
    form = FormReader(request.form)
    rt = runtime.current()
    try:
        merchant = transact(
            rt.engine,
            operations.admit_merchant,
            territory_id=rt.territory_id,
            admission=_read_admission(form),
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        form.add_error(FIELD_OF.get(type(refusal), "name"), refusal.sentence())
        return _admission_form(form, status=pages.status_of(refusal))
    pages.say(f"{merchant.name} est admis, sous le code {merchant.code}.")
    return pages.see_other("merchants.show", merchant_id=merchant.id)


@blueprint.get("/<int:merchant_id>")
@access.requires(Permission.VIEW_MERCHANTS)
def show(merchant_id: int) -> ResponseReturnValue:
    """Show a shop, its tills and its month."""
    return _shop_page(merchant_id)


@blueprint.get("/<int:merchant_id>/mois/<month>")
@access.requires(Permission.VIEW_MERCHANTS)
def show_month(merchant_id: int, month: str) -> ResponseReturnValue:
    """Show a shop with an earlier month."""
    try:
        chosen = Month.parse(month)
    except ValueError:
        return pages.see_other("merchants.show", merchant_id=merchant_id)
    return _shop_page(merchant_id, month=chosen)


@blueprint.post("/<int:merchant_id>/iban")
@access.requires(Permission.MANAGE_MERCHANTS)
def change_iban(merchant_id: int) -> ResponseReturnValue:
    """Change where a shop is paid."""
    form = FormReader(request.form)
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            operations.change_iban,
            territory_id=rt.territory_id,
            merchant_id=merchant_id,
            iban=form.text("iban"),
            actor=access.subject().caller,
            now=pages.now(),
        )
    except IbanInvalid as refusal:
        form.add_error("iban", refusal.sentence())
        return _shop_page(merchant_id, form=form, status=pages.status_of(refusal))
    pages.say("Le compte bancaire est changé. Un virement déjà préparé garde l’ancien compte.")
    return pages.see_other("merchants.show", merchant_id=merchant_id)


@blueprint.post("/<int:merchant_id>/suspendre")
@access.requires(Permission.MANAGE_MERCHANTS)
def suspend(merchant_id: int) -> ResponseReturnValue:
    """Let a shop take no more payments."""
    rt = runtime.current()
    transact(
        rt.engine,
        operations.suspend_merchant,
        territory_id=rt.territory_id,
        merchant_id=merchant_id,
        reason=FormReader(request.form).text("reason", required=False, length_max=80) or "-",
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Le commerce est suspendu : il n’encaisse plus. Ce qui lui est dû reste dû.", kind="warning")
    return pages.see_other("merchants.show", merchant_id=merchant_id)


@blueprint.post("/<int:merchant_id>/reprendre")
@access.requires(Permission.MANAGE_MERCHANTS)
def resume(merchant_id: int) -> ResponseReturnValue:
    """End a suspension."""
    rt = runtime.current()
    transact(
        rt.engine,
        operations.resume_merchant,
        territory_id=rt.territory_id,
        merchant_id=merchant_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Le commerce peut de nouveau encaisser.")
    return pages.see_other("merchants.show", merchant_id=merchant_id)


@blueprint.post("/<int:merchant_id>/caisses")
@access.requires(Permission.MANAGE_TILLS)
def open_till(merchant_id: int) -> ResponseReturnValue:
    """Open a till and show its pairing code, this once."""
    rt = runtime.current()
    till, code = transact(
        rt.engine,
        operations.open_till,
        territory_id=rt.territory_id,
        merchant_id=merchant_id,
        label=FormReader(request.form).text("label", required=False),
        actor=access.subject().caller,
        now=pages.now(),
        random_bytes=rt.random_bytes,
    )
    return _pairing_page(merchant_id, till.label, code)


@blueprint.post("/<int:merchant_id>/caisses/<int:till_id>/appairer")
@access.requires(Permission.MANAGE_TILLS)
def draw_pairing(merchant_id: int, till_id: int) -> ResponseReturnValue:
    """Draw a till's pairing code again, for another device."""
    rt = runtime.current()
    code = transact(
        rt.engine,
        operations.renew_pairing,
        territory_id=rt.territory_id,
        till_id=till_id,
        actor=access.subject().caller,
        now=pages.now(),
        random_bytes=rt.random_bytes,
    )
    return _pairing_page(merchant_id, f"n° {till_id}", code)


@blueprint.post("/<int:merchant_id>/caisses/<int:till_id>/retirer")
@access.requires(Permission.MANAGE_TILLS)
def unpair(merchant_id: int, till_id: int) -> ResponseReturnValue:
    """Take a till's device away."""
    rt = runtime.current()
    transact(
        rt.engine,
        operations.unpair_till,
        territory_id=rt.territory_id,
        till_id=till_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("L’appareil est déconnecté de cette caisse.")
    return pages.see_other("merchants.show", merchant_id=merchant_id)


def _admission_form(form: FormReader, *, status: int | None = None) -> ResponseReturnValue:
    return pages.render("merchants/admit.html", form=form, categories=CATEGORY_OPTIONS, status=status)


def _read_admission(form: FormReader) -> Admission:
    debt_limit_cents = form.euros("debt_limit", required=False)
    return check_admission(
        name=form.text("name"),
        siret=form.text("siret"),
        category=form.choice("category", [value for value, _ in CATEGORY_OPTIONS]),
        iban=form.text("iban"),
        address=Address(
            street=form.text("street", required=False, length_max=70),
            building=form.text("building", required=False, length_max=16),
            postcode=form.text("postcode", length_max=16),
            town=form.text("town", length_max=35),
        ),
        debt_limit_cents=debt_limit_cents or DEBT_LIMIT_CENTS_DEFAULT,
    )


def _shop_page(
    merchant_id: int, *, month: Month | None = None, form: FormReader | None = None, status: int | None = None
) -> ResponseReturnValue:
    rt = runtime.current()
    today = paris_date(instant_ms(pages.now()))
    month = month or Month.of(today)
    with reading(rt.engine) as db:
        merchant = find_merchant(db, territory_id=rt.territory_id, merchant_id=merchant_id)
        account_id, debt_id = merchant_accounts(db, territory_id=rt.territory_id, merchant_id=merchant_id)
        found: dict[str, Any] = {
            "merchant": merchant,
            "owed_cents": balance_of(db, territory_id=rt.territory_id, account_id=account_id),
            "debt_cents": -balance_of(db, territory_id=rt.territory_id, account_id=debt_id),
            "unpaid": refused_offline(db, territory_id=rt.territory_id, merchant_id=merchant_id),
            "cashier_names": {
                each.id: each.name
                for each in cashiers_of(db, territory_id=rt.territory_id, merchant_id=merchant_id, keyring=rt.keyring)
            },
            "beyond": beyond_till_cap(
                db,
                territory_id=rt.territory_id,
                merchant_id=merchant_id,
                since_ms=instant_ms(pages.now() - FLAGGED_FOR),
            ),
            "tills": tills_of(db, territory_id=rt.territory_id, merchant_id=merchant_id),
            "movements": month_movements(db, territory_id=rt.territory_id, merchant_id=merchant_id, month=month),
        }
    return pages.render(
        "merchants/show.html",
        **found,
        month=month,
        month_before=_month_before(month) if Month.of(paris_date(merchant.admitted_at_ms)) < month else None,
        month_after=month.next() if month.last_day < today else None,
        account_id=account_id,
        names=MOVEMENT_NAMES,
        category=Category(merchant.category).label_fr,
        form=form or FormReader(),
        status=status,
    )


def _month_before(month: Month) -> Month:
    return Month.of(month.first_day - datetime.timedelta(days=1))


def _pairing_page(merchant_id: int, label: str, code: str) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        merchant = find_merchant(db, territory_id=rt.territory_id, merchant_id=merchant_id)
    text = operations.pairing_url(host=parts.host(), code=code)
    return pages.render(
        "merchants/pairing.html",
        base_url=rt.base_url,
        merchant=merchant,
        label=label,
        code=code,
        drawing=qr.svg(text, label="Code d’appairage à scanner avec l’appareil du commerçant"),
        minutes=int(operations.PAIRING_LIFE.total_seconds()) // 60,
    )
