"""The till: an amount, a card, "paid". Works as a plain form too, for a tablet whose camera or script fails."""

import csv
import io

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from merchants.cashier_errors import CashierRequired
from merchants.charging import charge as charging
from merchants.charging.merchant_payment import pay_merchant
from merchants.charging.refund import refund
from merchants.errors import TillPageStale
from merchants.holders.refund_requests import open_requests
from merchants.model import Movement
from merchants.offline.charges import refused_offline
from merchants.offline.limits import offline_caps
from merchants.pages.month_words import month_words
from merchants.pages.till_cashiers import own_shift
from merchants.pages.till_receipts import render_receipt
from merchants.pages.words import MOVEMENT_NAMES
from merchants.queries import merchant_accounts
from merchants.shops.cashiers import cashiers_of_charges
from merchants.shops.operations import PAIRING_PATH, pair_till
from merchants.statements.month import shop_month
from merchants.statements.movements import as_movement, charged_cents, day_movements, month_movements, with_refundable
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.documents.sheet_csv import safe_cell
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.journal.queries import entries_by_number
from monnaie_locale.ledger.errors import InsufficientFunds, Refusal
from monnaie_locale.ledger.keys import CHANCE_BYTES, timed_key
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.ledger.periods import PARIS, Month, instant_ms, moment_of, paris_date
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets.codes.card_token import CARD_PATH, SCHEME
from wallets.codes.phone_code import PHONE_PATH

blueprint = Blueprint("till", __name__, template_folder="../templates")

# The codes that ask for one more thing from the people at the counter, rather than end the payment.
ASKS_FOR_PIN = "pin_required"
PIN_FIELD_LENGTH_MAX = 8
CARD_FIELD_LENGTH_MAX = 300


@blueprint.get("/caisse")
@access.requires(Permission.VIEW_TILL)
def screen() -> ResponseReturnValue:
    """Show the empty till, once somebody holds it.

    The page that a device keeps has no key, since it is opened many times, and asks for itself who holds the till.
    """
    if "coquille" in request.args:
        return _screen(FormReader(), key="")
    shift = own_shift()
    if shift.asks_cashier and shift.cashier is None:
        return pages.see_other("till_cashiers.ask")
    return _screen(FormReader(), key=new_key())


@blueprint.post("/caisse")
@access.requires(Permission.CHARGE)
def charge() -> ResponseReturnValue:
    """Take a payment from the plain form; the script sends the same to the API."""
    form = FormReader(request.form)
    amount_cents = form.euros("amount")
    card_code = form.text("card", length_max=CARD_FIELD_LENGTH_MAX)
    pin = form.text("pin", required=False, length_max=PIN_FIELD_LENGTH_MAX)
    key = form.text("key", required=False, length_max=64)
    if form.errors:
        return _screen(form, key=key or new_key(), status=422)
    if not key:
        # The page that the device keeps, without its script: pressed twice it would pay twice. This answer has a key.
        return _screen(form, key=new_key(), refusal=TillPageStale())
    try:
        charging.charge(
            **parts.charging(),
            till=parts.own_till(),
            card_code=card_code,
            amount_cents=amount_cents,
            pin=pin or None,
            partial=form.checked("partial"),
            idempotency_key=key,
            now=pages.now(),
        )
    except CashierRequired:
        return pages.see_other("till_cashiers.ask")
    except Refusal as refusal:
        return _screen(form, key=key, refusal=refusal)
    return pages.see_other("till.receipt", key=key)


@blueprint.get("/caisse/recu/<key>")
@access.requires(Permission.VIEW_TILL)
def receipt(key: str) -> ResponseReturnValue:
    """Show what a key of this till posted, or that it posted nothing."""
    rt = runtime.current()
    found = charging.find_charge(rt.engine, territory_id=rt.territory_id, till=parts.own_till(), idempotency_key=key)
    if found is None:
        return pages.render("merchants/unpaid.html", status=404)
    return render_receipt(found)


@blueprint.get("/caisse/journee")
@access.requires(Permission.VIEW_TILL)
def today() -> ResponseReturnValue:
    """Show what the shop took and gave back today."""
    rt = runtime.current()
    day = paris_date(instant_ms(pages.now()))
    with reading(rt.engine) as db:
        found = day_movements(db, territory_id=rt.territory_id, merchant_id=_shop_id(), day=day)
        asked = open_requests(db, territory_id=rt.territory_id, merchant_id=_shop_id())
        unpaid = refused_offline(db, territory_id=rt.territory_id, merchant_id=_shop_id())
    return pages.render(
        "merchants/list.html",
        unpaid=unpaid,
        heading="Aujourd’hui",
        word=parts.word_of(_shop_id(), day=day),
        asked=len(asked),
        movements=found,
        who=_who(found),
        total_cents=charged_cents(found),
        names=MOVEMENT_NAMES,
        month=Month.of(day),
        may_refund=True,
    )


@blueprint.get("/caisse/mois/<month>")
@access.requires(Permission.VIEW_TILL)
def by_month(month: str) -> ResponseReturnValue:
    """Show a month of the shop, oldest first."""
    rt = runtime.current()
    try:
        chosen = Month.parse(month)
    except ValueError:
        return pages.see_other("till.today")
    with reading(rt.engine) as db:
        found = month_movements(db, territory_id=rt.territory_id, merchant_id=_shop_id(), month=chosen)
        beside = shop_month(db, territory_id=rt.territory_id, merchant_id=_shop_id(), month=chosen, now=pages.now())
    return pages.render(
        "merchants/list.html",
        heading=chosen.label_fr.capitalize(),
        terms=month_words(beside, today=paris_date(instant_ms(pages.now())), is_empty=not found),
        movements=found,
        who=_who(found),
        total_cents=charged_cents(found),
        names=MOVEMENT_NAMES,
        month=None,
        csv_of=chosen,
        may_refund=False,
    )


@blueprint.get("/caisse/mois/<month>.csv")
@access.requires(Permission.VIEW_TILL)
def month_csv(month: str) -> ResponseReturnValue:
    """Give a month of the shop as a table that a French spreadsheet opens: semicolons, commas, a byte order mark."""
    rt = runtime.current()
    try:
        chosen = Month.parse(month)
    except ValueError:
        return pages.see_other("till.today")
    with reading(rt.engine) as db:
        found = month_movements(db, territory_id=rt.territory_id, merchant_id=_shop_id(), month=chosen)
    table = io.StringIO()
    rows = csv.writer(table, delimiter=";", lineterminator="\r\n")
    who = _who(found)
    rows.writerow(
        ["Date", "Heure", "Opération", "Écriture", "Montant en euros", *(["Caisse tenue par"] if who else [])]
    )
    for line in found:
        moment = moment_of(line.happened_at_ms).astimezone(PARIS)
        name = MOVEMENT_NAMES.get(line.kind, "Autre")
        amount = format_decimal(line.amount_cents, point=",")
        # A cashier's name is anybody's text, and a spreadsheet runs what looks like a formula.
        stamp = [safe_cell(who.get(line.entry_id, ""))] if who else []
        rows.writerow([f"{moment:%d/%m/%Y}", f"{moment:%H:%M}", name, line.entry_id, amount, *stamp])
    response = Response("\ufeff" + table.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="caisse-{chosen}.csv"'
    return response


@blueprint.route("/caisse/rembourser/<int:number>", methods=["GET", "POST"])
@access.requires(Permission.REFUND)
def give_back(number: int) -> ResponseReturnValue:
    """Refund a charge: the form proposes all that is left of it."""
    rt = runtime.current()
    if request.method == "GET":
        return _refund_form(number, FormReader({"amount": _refundable(number)}), key=new_key())
    form = FormReader(request.form)
    amount_cents = form.euros("amount")
    key = form.text("key", length_max=64) or new_key()
    if form.errors:
        return _refund_form(number, form, key=key, status=422)
    try:
        refund(
            engine=rt.engine,
            writer=rt.writer,
            territory_id=rt.territory_id,
            till=parts.own_till(),
            charge_entry_id=number,
            amount_cents=amount_cents,
            idempotency_key=key,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _refund_form(number, form, key=key, refusal=refusal)
    return pages.see_other("till.receipt", key=key)


@blueprint.route("/caisse/payer-un-commerce", methods=["GET", "POST"])
@access.requires(Permission.CHARGE)
def pay_shop() -> ResponseReturnValue:
    """Pay another shop from what this one is owed."""
    rt = runtime.current()
    if request.method == "GET":
        return pages.render("merchants/pay_shop.html", form=FormReader(), key=new_key())
    form = FormReader(request.form)
    amount_cents = form.euros("amount")
    to_code = form.text("to", length_max=20)
    key = form.text("key", length_max=64) or new_key()
    if form.errors:
        return pages.render("merchants/pay_shop.html", form=form, key=key, status=422)
    try:
        pay_merchant(
            engine=rt.engine,
            writer=rt.writer,
            territory_id=rt.territory_id,
            till=parts.own_till(),
            to_code=to_code,
            amount_cents=amount_cents,
            idempotency_key=key,
            now=pages.now(),
        )
    except Refusal as refusal:
        return pages.render("merchants/pay_shop.html", form=form, key=key, refusal=refusal)
    return pages.see_other("till.receipt", key=key)


@blueprint.get("/caisse/appairer/<code>")
@blueprint.get(f"{PAIRING_PATH}<code>", endpoint="pairing_by_code")
@access.public
def pairing(code: str) -> ResponseReturnValue:
    """Show the button that pairs this device; looking at it uses nothing up."""
    return pages.render("merchants/pair.html", code=code)


@blueprint.post("/caisse/appairer/<code>")
@access.public
def pair(code: str) -> ResponseReturnValue:
    """Pair this device and open its till."""
    rt = runtime.current()
    try:
        _, token = transact(
            rt.engine,
            pair_till,
            territory_id=rt.territory_id,
            code=code,
            now=pages.now(),
            random_bytes=rt.random_bytes,
        )
    except Refusal as refusal:
        return pages.render("merchants/pair.html", code=code, refusal=refusal)
    # Not the bare address: the page that the device may have kept is that of the pairing before.
    return access.attach(pages.see_other("till.screen", appairee=1), kind=SubjectKind.TILL, token=token)


def code_prefix(path: str) -> str:
    """Return how the codes of one kind begin."""
    return f"{SCHEME}{parts.host().upper()}{path}"


def _screen(
    form: FormReader, *, key: str, refusal: Refusal | None = None, status: int | None = None
) -> ResponseReturnValue:
    short = isinstance(refusal, InsufficientFunds)
    available = refusal.details.get("available_cents") if short and refusal is not None else None
    return pages.render(
        "merchants/till.html",
        camera=True,
        status=status,
        form=form,
        key=key,
        refusal=refusal,
        asks_for_pin=refusal is not None and refusal.code == ASKS_FOR_PIN,
        available_cents=available if isinstance(available, int) and available > 0 else None,
        prefixes=[code_prefix(CARD_PATH), code_prefix(PHONE_PATH)],
        offline_settings=_offline_settings(),
        label=access.subject().label,
        # The page that a device keeps learns it by its script.
        cashier=own_shift().cashier if key else None,
        # The page that a device keeps would say the word of the day on which it was kept.
        word="" if "coquille" in request.args else parts.word_of(_shop_id(), day=paris_date(instant_ms(pages.now()))),
        check_url=url_for("till.receipt", key="KEY"),
    )


def _offline_settings() -> dict[str, object]:
    """Return what the page must know when the network is away: who it is, and how much it may take."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        caps = offline_caps(db, territory_id=rt.territory_id)
    return {
        "till": access.subject().id,
        "merchant": _shop_id(),
        "town_key": "".join(rt.keyring.public_key_pem.splitlines()[1:-1]),
        "caps": {"payment": caps.payment_cents, "card_day": caps.card_day_cents, "till": caps.till_cents},
        "card": code_prefix(CARD_PATH),
        "phone": code_prefix(PHONE_PATH),
    }


def _who(movements: list[Movement]) -> dict[int, str]:
    """Return who took each charge, where the shop has cashiers."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        return cashiers_of_charges(
            db,
            territory_id=rt.territory_id,
            merchant_id=_shop_id(),
            entry_ids=[each.entry_id for each in movements],
            keyring=rt.keyring,
        )


def _refund_form(
    number: int, form: FormReader, *, key: str, refusal: Refusal | None = None, status: int | None = None
) -> ResponseReturnValue:
    return pages.render("merchants/refund.html", number=number, form=form, key=key, refusal=refusal, status=status)


def _refundable(number: int) -> str:
    """Return what may still be refunded of one of the shop's charges, as a person writes it; empty when nothing may."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        own = merchant_accounts(db, territory_id=rt.territory_id, merchant_id=_shop_id())
        entries = entries_by_number(db, territory_id=rt.territory_id, entry_ids=[number])
        movements = [as_movement(posted.entry, own_account_ids=own) for posted in entries]
        found = with_refundable(
            db, territory_id=rt.territory_id, movements=[each for each in movements if each.amount_cents > 0]
        )
    cents = sum(each.refundable_cents for each in found)
    return format_decimal(cents, point=",") if cents else ""


def _shop_id() -> int:
    return access.subject().merchant_id or 0


def new_key() -> str:
    """Return a key that makes one payment of a page unique."""
    running = runtime.current()
    return timed_key(at_ms=running.now_ms(), chance=running.random_bytes(CHANCE_BYTES))
