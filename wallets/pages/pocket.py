"""The page that a phone shows to a shop: installable, and complete without a network."""

import hashlib
import json

from flask import Blueprint, Response, jsonify, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity import access
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.web import pages
from monnaie_locale.web.assets import FALLBACK_DECODER, asset, vendor_folder
from monnaie_locale.web.language import LANGUAGES, direction_of, language
from wallets.codes.card_token import SCHEME
from wallets.holders.access import card_of_phone
from wallets.holders.wording import told
from wallets.web import holder_kit

blueprint = Blueprint("pocket", __name__, url_prefix="/telephone", template_folder="../templates")

SCREEN = "wallets/phone/screen.html"
CODE_FIELD_LENGTH_MAX = 200
# What a holder may scan of a shop: a request of its till, its counter card, a receipt.
SHOP_PATHS = ("/P/", "/C/", "/R/")
# The scripts of the page, and those that they import.
SCRIPTS = ("phone.js", "phone_key.js", "scanner.js")
STYLES = ("kit.css", "phone.css")


@blueprint.get("/")
@access.public
def screen() -> ResponseReturnValue:
    """Show the phone's page, the same for everybody: who it is for is known only to the phone."""
    town = _town()
    return holder_kit.render(SCREEN, camera=True, territory=town, prefixes=_prefixes(town))


@blueprint.get("/manifest.webmanifest")
@access.public
def manifest() -> ResponseReturnValue:
    """Tell the browser how the page is installed on a home screen."""
    code = language()
    name = told("currency", language=code)
    response = jsonify(
        name=f"{name}, {_town().name}",
        short_name=name,
        lang=code,
        dir=direction_of(code),
        start_url=url_for("pocket.screen"),
        scope=url_for("pocket.screen"),
        display="standalone",
        background_color="#ffffff",
        theme_color="#0b5a55",
        icons=[{"src": asset("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    )
    response.headers["Content-Type"] = "application/manifest+json"
    return response


@blueprint.get("/service.js")
@access.public
def service() -> ResponseReturnValue:
    """Give the worker that keeps the page and its scripts on the phone; it changes when one of them does."""
    pages_kept = [url_for("pocket.screen", lang=code) for code in LANGUAGES]
    folder = vendor_folder(FALLBACK_DECODER)
    kept = [
        *(asset(name) for name in (*SCRIPTS, *STYLES, "icon.svg")),
        # Scripts import each other, and styles name pictures, without the digest.
        *(url_for("web.static", filename=name) for name in (*SCRIPTS, "icon.svg")),
        *([f"{folder}index.js"] if folder else []),
    ]
    text = render_template("wallets/phone/service.js", pages=json.dumps(pages_kept), kept=json.dumps(kept))
    # When the page changes, the worker must change: browsers compare its bytes.
    town = _town()
    shown = [
        render_template(SCREEN, territory=town, prefixes=_prefixes(town), **holder_kit.in_language(code))
        for code in LANGUAGES
    ]
    version = hashlib.sha256("".join([text, *shown]).encode()).hexdigest()[:16]
    response = make_response(text.replace("VERSION", version))
    response.headers["Content-Type"] = "text/javascript; charset=utf-8"
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.post("/etat")
@access.public
def state() -> ResponseReturnValue:
    """Tell a phone, by a code that it signed, whether it may pay, and what time it is here; nothing is used up."""
    rt = runtime.current()
    now_ms = instant_ms(pages.now())
    code = request.form.get("code", "")[:CODE_FIELD_LENGTH_MAX]
    try:
        card = card_of_phone(
            rt.engine, territory_id=rt.territory_id, host=_town().host, code=code, now=pages.now()
        )  # fmt: skip
    except Refusal as refusal:
        return _state(now_ms, refusal.code)
    return _state(now_ms, "bound" if card.is_active else "phone_refused")


def _prefixes(town: Territory) -> list[str]:
    """Return how the codes begin that the page's camera reads."""
    return [f"{SCHEME}{town.host.upper()}{path}" for path in SHOP_PATHS]


def _state(now_ms: int, found: str) -> Response:
    answer: Response = jsonify(now_ms=now_ms, state=found)
    return answer


def _town() -> Territory:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return territory_of(db, territory_id=rt.territory_id)
