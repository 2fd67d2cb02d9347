"""The holder's pages: a card's address asks for the PIN and says nothing else; behind it, what is left and where."""

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.operations import end_session
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.journal.directory import Territory, territory_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes.model import Category
from monnaie_locale.programmes.rules import is_expired
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets import queries, shops
from wallets.codes.card_token import card_number_shown
from wallets.holders.access import sign_in_holder
from wallets.holders.history import history_of
from wallets.model import PurseView
from wallets.web import holder_kit

LINES_PER_PAGE = 30

blueprint = Blueprint("holder", __name__, template_folder="../templates")


@blueprint.get("/w/")
@access.public
def start() -> ResponseReturnValue:
    """Say how to read a card, for who comes by the front page."""
    return holder_kit.render("wallets/start.html", territory=_town())


@blueprint.get("/W/<token>")
@blueprint.get("/w/<token>")
@access.public
def ask_pin(token: str) -> ResponseReturnValue:
    """Ask for the PIN: the same page for a card, a blocked card and an invented code."""
    del token
    return _pin_page()


@blueprint.post("/W/<token>")
@blueprint.post("/w/<token>")
@access.public
def check_pin(token: str) -> ResponseReturnValue:
    """Open the wallet when the PIN is right, at an address that does not hold the card's code."""
    rt = runtime.current()
    form = FormReader(request.form)
    try:
        session_token = sign_in_holder(
            rt.engine,
            rt.keyring,
            territory_id=rt.territory_id,
            host=_town().host,
            token=token,
            pin=form.value("pin").strip(),
            now=pages.now(),
            random_bytes=rt.random_bytes,
        )
    except Refusal as refusal:
        return _pin_page(refusal=refusal)
    response = pages.see_other("holder.show")
    return access.attach(response, kind=SubjectKind.HOLDER, token=session_token)


@blueprint.get("/porte-monnaie")
@access.requires(Permission.VIEW_OWN_WALLET)
def show() -> ResponseReturnValue:
    """Show what is left, until when, in which shops, and what happened."""
    rt = runtime.current()
    directory = _shops()
    before = request.args.get("avant", "")
    before_entry_id = (
        int(before) if before.isascii() and before.isdigit() and len(before) <= len("1234567890") else None
    )
    with reading(rt.engine) as db:
        card = queries.card_of(db, territory_id=rt.territory_id, card_id=access.subject().id)
        held = queries.purse_views(db, territory_id=rt.territory_id, wallet_id=card.wallet_id)
        today = paris_date(instant_ms(pages.now()))
        living = [purse for purse in held if not is_expired(expires_on=purse.expires_on, day=today)]
        purses = [purse for purse in living if purse.balance_cents > 0]
        lines = history_of(
            db,
            territory_id=rt.territory_id,
            wallet_id=card.wallet_id,
            shops=directory,
            limit=LINES_PER_PAGE + 1,
            before_entry_id=before_entry_id,
        )
        accepting = {purse.account_id: _accepting(db, directory, purse) for purse in purses}
    return holder_kit.render(
        "wallets/holder.html",
        card_number=card_number_shown(card.number),
        territory=_town(),
        purses=purses,
        total_cents=sum(purse.balance_cents for purse in purses),
        accepting=accepting,
        days_left={purse.account_id: (purse.expires_on - today).days for purse in purses},
        lines=lines[:LINES_PER_PAGE],
        receipt_path=current_app.extensions[shops.RECEIPTS],
        categories=tuple(Category),
        older=lines[LINES_PER_PAGE - 1].entry_id if len(lines) > LINES_PER_PAGE else None,
        is_first_page=before_entry_id is None,
    )


@blueprint.post("/porte-monnaie/quitter")
@access.requires(Permission.VIEW_OWN_WALLET)
def leave() -> ResponseReturnValue:
    """End the session of the card on this phone."""
    rt = runtime.current()
    token = access.session_token(SubjectKind.HOLDER)
    if token is not None:
        transact(rt.engine, end_session, territory_id=rt.territory_id, token=token)
    return access.detach(pages.see_other("holder.left"), kind=SubjectKind.HOLDER)


@blueprint.get("/w/au-revoir")
@access.public
def left() -> ResponseReturnValue:
    """Say that the wallet is closed on this phone."""
    return holder_kit.render("wallets/left.html", territory=_town())


def _pin_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    return holder_kit.render("wallets/pin.html", form=FormReader(), refusal=refusal, territory=_town())


def _town() -> Territory:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return territory_of(db, territory_id=rt.territory_id)


def _shops() -> shops.ShopDirectory:
    found: shops.ShopDirectory = current_app.extensions[shops.EXTENSION]
    return found


def _accepting(
    db: Connection, directory: shops.ShopDirectory, purse: PurseView
) -> list[tuple[Category, list[shops.Shop]]]:
    """Return the shops where the purse pays, by category, in the order of the list of categories."""
    found = directory.shops_accepting(db, territory_id=runtime.current().territory_id, categories=purse.categories)
    by_category = [(category, [shop for shop in found if shop.category is category]) for category in Category]
    return [(category, there) for category, there in by_category if there]
