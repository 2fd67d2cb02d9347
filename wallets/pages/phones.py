"""The phones of a card: bind one, see them, take one away; at the desk too."""

import base64
import binascii

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from monnaie_locale.web.language import language
from wallets import phone_register, queries
from wallets.errors import PhoneKeyInvalid, PhoneUnknown
from wallets.holders.access import sign_in_by_phone
from wallets.holders.wording import told
from wallets.model import Phone
from wallets.operations import phones
from wallets.pin_check import prove_holder
from wallets.web import holder_kit

blueprint = Blueprint("phones", __name__, template_folder="../templates")

PIN_FIELD_LENGTH_MAX = 8
KEY_FIELD_LENGTH_MAX = 200


@blueprint.get("/porte-monnaie/telephones")
@access.requires(Permission.VIEW_OWN_WALLET)
def index() -> ResponseReturnValue:
    """Show the phones of the card, and the form by which this one is added."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        bound = phone_register.phones_of_card(db, territory_id=rt.territory_id, card_id=access.subject().id)
    return holder_kit.render("wallets/phone/phones.html", form=FormReader(), phones=bound, territory=_town())


@blueprint.post("/porte-monnaie/telephones")
@access.requires(Permission.VIEW_OWN_WALLET)
def bind() -> ResponseReturnValue:
    """Bind the phone that made this key, once the PIN is right; the page's script reads the answer."""
    rt = runtime.current()
    form = FormReader(request.form)
    try:
        _prove(form.text("pin", length_max=PIN_FIELD_LENGTH_MAX))
        phone = transact(
            rt.engine,
            phones.bind_phone,
            territory_id=rt.territory_id,
            card_id=access.subject().id,
            public_key=_public_key(form.text("key", length_max=KEY_FIELD_LENGTH_MAX)),
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _refused(refusal)
    return jsonify(id=phone.phone_id, number=phone.number, host=_town().host, now_ms=instant_ms(pages.now()))


@blueprint.route("/porte-monnaie/telephones/<int:phone_id>/retirer", methods=["GET", "POST"])
@access.requires(Permission.VIEW_OWN_WALLET)
def remove(phone_id: int) -> ResponseReturnValue:
    """Take one of the card's phones away, from any phone on which the PIN is typed."""
    rt = runtime.current()
    phone = _own(phone_id)
    form = FormReader(request.form)
    if request.method == "GET":
        return _remove_page(phone, form)
    try:
        _prove(form.text("pin", length_max=PIN_FIELD_LENGTH_MAX))
        transact(
            rt.engine,
            phones.revoke_phone,
            territory_id=rt.territory_id,
            phone_id=phone_id,
            card_id=access.subject().id,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _remove_page(phone, form, refusal=refusal)
    pages.say(told("removed", language=language(), number=phone.number))
    return pages.see_other("phones.index")


@blueprint.get("/T/<code>")
@blueprint.get("/t/<code>", endpoint="ask_pin_in_lower_case")
@access.public
def ask_pin(code: str) -> ResponseReturnValue:
    """Ask for the PIN when a phone's code is opened instead of being shown to a shop; it says nothing else."""
    return _pin_page(code)


@blueprint.post("/T/<code>")
@access.public
def check_pin(code: str) -> ResponseReturnValue:
    """Open the wallet when the PIN is right; no payment uses the code less."""
    rt = runtime.current()
    form = FormReader(request.form)
    try:
        token = sign_in_by_phone(
            rt.engine,
            rt.keyring,
            territory_id=rt.territory_id,
            host=_town().host,
            code=code,
            pin=form.value("pin").strip(),
            now=pages.now(),
            random_bytes=rt.random_bytes,
        )
    except Refusal as refusal:
        return _pin_page(code, refusal=refusal)
    return access.attach(pages.see_other("holder.show"), kind=SubjectKind.HOLDER, token=token)


@blueprint.post("/bureau/telephones/<int:phone_id>/retirer")
@access.requires(Permission.MANAGE_WALLETS)
def remove_at_the_desk(phone_id: int) -> ResponseReturnValue:
    """Take a phone away at the desk, when its holder calls."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        phone = phone_register.phone_of(db, territory_id=rt.territory_id, phone_id=phone_id)
        card = queries.card_of(db, territory_id=rt.territory_id, card_id=phone.card_id)
        wallet = queries.wallet_of(db, territory_id=rt.territory_id, wallet_id=card.wallet_id)
    transact(
        rt.engine,
        phones.revoke_phone,
        territory_id=rt.territory_id,
        phone_id=phone_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say(f"Le téléphone n° {phone.number} est retiré. La carte marche toujours.")
    return pages.see_other("households.show", household_id=wallet.household_id)


def _prove(pin: str) -> None:
    """Refuse a PIN that is not the signed-in card's own."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        card = queries.card_of(db, territory_id=rt.territory_id, card_id=access.subject().id)
    key = str(card.card_id)
    prove_holder(rt.engine, rt.keyring, territory_id=rt.territory_id, card=card, pin=pin, code_key=key, now=pages.now())


def _own(phone_id: int) -> Phone:
    """Return one of the card's phones; another card's is unknown. Refuses phone_unknown."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        phone = phone_register.phone_of(db, territory_id=rt.territory_id, phone_id=phone_id)
    if phone.card_id != access.subject().id:
        raise PhoneUnknown(phone_id=phone_id)
    return phone


def _public_key(written: str) -> bytes:
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error as error:
        raise PhoneKeyInvalid from error


def _pin_page(code: str, refusal: Refusal | None = None) -> Response:
    return holder_kit.render("wallets/phone/pin.html", form=FormReader(), code=code, refusal=refusal, territory=_town())


def _remove_page(phone: Phone, form: FormReader, refusal: Refusal | None = None) -> Response:
    return holder_kit.render("wallets/phone/remove.html", phone=phone, form=form, refusal=refusal)


def _refused(refusal: Refusal) -> Response:
    answer: Response = jsonify(code=refusal.code, sentence=holder_kit.sentence_of(refusal, language=language()))
    answer.status_code = pages.status_of(refusal)
    return answer


def _town() -> Territory:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return territory_of(db, territory_id=rt.territory_id)
