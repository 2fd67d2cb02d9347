"""The desk's pages: households, their wallets and cards. Cards and PIN slips are printed once, from memory."""

from collections.abc import Callable

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from monnaie_locale.web.paging import ROWS_PER_PAGE, Page, offset_of, page_number
from wallets import move_queries, phone_register, queries, shops
from wallets.codes.card_token import normalise_card_number
from wallets.errors import CardMalformed
from wallets.holders.history import history_of
from wallets.operations import cards, enrolling
from wallets.pages import batch, printing

HISTORY_LINES = 20
# A quarter of a minute on one processor, while the other one answers the tills: more is the command line's.
CARDS_PER_FILE_MAX = 1_000
BLOCK_REASONS = (("lost", "Perdue"), ("stolen", "Volée"), ("damaged", "Abîmée"), ("other", "Autre raison"))

blueprint = Blueprint("households", __name__, template_folder="../templates")


@blueprint.get("/bureau/menages")
@access.requires(Permission.VIEW_WALLETS)
def index() -> ResponseReturnValue:
    """List households, and find one by its file reference."""
    return _index()


@blueprint.post("/bureau/menages/chercher")
@access.requires(Permission.VIEW_WALLETS)
def find() -> ResponseReturnValue:
    """Find a household by its reference or a card number; by POST: references stay out of addresses and access logs."""
    rt = runtime.current()
    form = FormReader(request.form)
    reference = form.text("reference", length_max=enrolling.REFERENCE_LENGTH_MAX)
    with reading(rt.engine) as db:
        found = queries.household_by_reference(
            db, territory_id=rt.territory_id, reference=reference, keyring=rt.keyring
        )
        household_id = None if found is None else found.household_id
        if household_id is None:
            household_id = _household_with_card(db, reference)
    if household_id is not None:
        return pages.see_other("households.show", household_id=household_id)
    form.add_error("reference", "Aucun ménage n’a cette référence, aucune carte ce numéro.")
    return _index(form=form)


@blueprint.get("/bureau/menages/nouveau")
@access.requires(Permission.MANAGE_WALLETS)
def new() -> ResponseReturnValue:
    """Show the form to enrol a household."""
    return pages.render("wallets/office_new.html", form=FormReader())


@blueprint.post("/bureau/menages/nouveau")
@access.requires(Permission.MANAGE_WALLETS)
def enrol() -> ResponseReturnValue:
    """Enrol a household and open its wallet."""
    rt = runtime.current()
    form = FormReader(request.form)
    reference = form.text("reference", length_max=enrolling.REFERENCE_LENGTH_MAX)
    alias = form.text("alias", required=False, length_max=enrolling.ALIAS_LENGTH_MAX)
    contact = form.text("contact", required=False, length_max=enrolling.CHANNEL_LENGTH_MAX)
    address = form.text("address", required=False, length_max=enrolling.ADDRESS_LENGTH_MAX)
    if form.errors:
        return pages.render("wallets/office_new.html", status=422, form=form)
    household_id = transact(
        rt.engine,
        enrolling.enrol_household,
        territory_id=rt.territory_id,
        reference=reference,
        keyring=rt.keyring,
        actor=access.subject().caller,
        now=pages.now(),
        alias=alias,
        channel=contact,
        address=address,
    )
    transact(
        rt.engine,
        enrolling.open_wallet,
        territory_id=rt.territory_id,
        household_id=household_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Le ménage est inscrit.")
    return pages.see_other("households.show", household_id=household_id)


@blueprint.get("/bureau/menages/importer")
@access.requires(Permission.MANAGE_WALLETS)
def choose_file() -> ResponseReturnValue:
    """Show the form to enrol households from a file."""
    return pages.render("wallets/office_import.html", form=FormReader())


@blueprint.post("/bureau/menages/importer")
@access.requires(Permission.MANAGE_WALLETS)
def import_file() -> ResponseReturnValue:
    """Enrol every household of a file, or none and say which line is wrong."""
    rt = runtime.current()
    sent = request.files.get("file")
    try:
        opened = transact(
            rt.engine,
            enrolling.enrol_from_csv,
            territory_id=rt.territory_id,
            content=b"" if sent is None else sent.read(),
            keyring=rt.keyring,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return pages.render("wallets/office_import.html", form=FormReader(), refusal=refusal)
    pages.say(f"{len(opened)} ménages du fichier sont inscrits.")
    return pages.see_other("households.index")


@blueprint.get("/bureau/menages/<int:household_id>")
@access.requires(Permission.VIEW_WALLETS)
def show(household_id: int) -> ResponseReturnValue:
    """Show a household: who, what is left, its cards, what happened."""
    return _show(household_id)


@blueprint.post("/bureau/menages/<int:household_id>/modifier")
@access.requires(Permission.MANAGE_WALLETS)
def change(household_id: int) -> ResponseReturnValue:
    """Correct the identity."""
    rt = runtime.current()
    form = FormReader(request.form)
    alias = form.text("alias", required=False, length_max=enrolling.ALIAS_LENGTH_MAX)
    contact = form.text("contact", required=False, length_max=enrolling.CHANNEL_LENGTH_MAX)
    address = form.text("address", required=False, length_max=enrolling.ADDRESS_LENGTH_MAX)
    if form.errors:
        return _show(household_id, form=form)
    transact(
        rt.engine,
        enrolling.change_household,
        territory_id=rt.territory_id,
        household_id=household_id,
        alias=alias,
        channel=contact,
        address=address,
        keyring=rt.keyring,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Les informations sont enregistrées.")
    return pages.see_other("households.show", household_id=household_id)


@blueprint.post("/bureau/menages/<int:household_id>/effacer")
@access.requires(Permission.MANAGE_WALLETS)
def erase(household_id: int) -> ResponseReturnValue:
    """Erase the identity, once the box was ticked."""
    rt = runtime.current()
    form = FormReader(request.form)
    if not form.checked("confirm"):
        form.add_error("confirm", "Cochez la case pour confirmer : un effacement ne se défait pas.")
        return _show(household_id, form=form)
    transact(
        rt.engine,
        enrolling.erase_household,
        territory_id=rt.territory_id,
        household_id=household_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("L’identité du ménage est effacée. Ses cartes sont bloquées.")
    return pages.see_other("households.show", household_id=household_id)


@blueprint.post("/bureau/menages/<int:household_id>/carte")
@access.requires(Permission.MANAGE_WALLETS)
def issue(household_id: int) -> ResponseReturnValue:
    """Issue the household's card and send it, the only time its secrets exist in clear."""
    rt = runtime.current()
    support = printing.asked_support(FormReader(request.form))

    def issued() -> Response:
        wallet = transact(
            rt.engine,
            enrolling.open_wallet,
            territory_id=rt.territory_id,
            household_id=household_id,
            actor=access.subject().caller,
            now=pages.now(),
        )
        return printing.issued_on(support, wallet_ids=[wallet.wallet_id])

    return _printed(household_id, issued)


@blueprint.post("/bureau/menages/cartes")
@access.requires(Permission.MANAGE_WALLETS)
def issue_missing() -> ResponseReturnValue:
    """Issue a card to every wallet that has none, up to a thousand, on a page that ends with their file."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        wallet_ids = queries.wallets_without_card(db, territory_id=rt.territory_id, limit=CARDS_PER_FILE_MAX)
    if not wallet_ids:
        pages.say("Chaque porte-monnaie ouvert a déjà sa carte.", kind="warning")
        return pages.see_other("households.index")
    return batch.printed_before_your_eyes(printing.asked_support(FormReader(request.form)), wallet_ids=wallet_ids)


@blueprint.post("/bureau/cartes/<int:card_id>/bloquer")
@access.requires(Permission.MANAGE_WALLETS)
def block(card_id: int) -> ResponseReturnValue:
    """Block a card at once."""
    rt = runtime.current()
    form = FormReader(request.form)
    reason = form.choice("reason", [code for code, _ in BLOCK_REASONS]) or "other"
    household_id = _household_of(card_id)
    transact(
        rt.engine,
        cards.block_card,
        territory_id=rt.territory_id,
        card_id=card_id,
        actor=access.subject().caller,
        now=pages.now(),
        reason=reason,
    )
    pages.say("La carte est bloquée. Le solde reste dans le porte-monnaie.")
    return pages.see_other("households.show", household_id=household_id)


@blueprint.post("/bureau/cartes/<int:card_id>/remplacer")
@access.requires(Permission.MANAGE_WALLETS)
def replace(card_id: int) -> ResponseReturnValue:
    """Replace a card: the old one stops, the new one is sent."""
    rt = runtime.current()
    support = printing.asked_support(FormReader(request.form))

    def replaced() -> Response:
        issued = transact(
            rt.engine,
            cards.replace_card,
            territory_id=rt.territory_id,
            card_id=card_id,
            keyring=rt.keyring,
            random_bytes=rt.random_bytes,
            actor=access.subject().caller,
            now=pages.now(),
        )
        return printing.sent_on(support, issued=[issued])

    return _printed(_household_of(card_id), replaced)


@blueprint.post("/bureau/cartes/<int:card_id>/code")
@access.requires(Permission.MANAGE_WALLETS)
def new_pin(card_id: int) -> ResponseReturnValue:
    """Give a card a new PIN, on a slip sent as a PDF."""
    rt = runtime.current()

    def drawn() -> Response:
        new = transact(
            rt.engine,
            cards.reset_pin,
            territory_id=rt.territory_id,
            card_id=card_id,
            keyring=rt.keyring,
            random_bytes=rt.random_bytes,
            actor=access.subject().caller,
            now=pages.now(),
        )
        return printing.slip(new)

    return _printed(_household_of(card_id), drawn)


def _printed(household_id: int, print_it: Callable[[], Response]) -> Response:
    """Return the paper, or the household's page with the reason why there is none."""
    try:
        return print_it()
    except Refusal as refusal:
        return _show(household_id, refusal=refusal)


def _household_with_card(db: Connection, typed: str) -> int | None:
    """Return the household that has or had the card of this number, if it is one."""
    territory_id = runtime.current().territory_id
    try:
        number = normalise_card_number(typed)
    except CardMalformed:
        return None
    card = queries.card_by_number(db, territory_id=territory_id, number=number)
    if card is None:
        return None
    return queries.wallet_of(db, territory_id=territory_id, wallet_id=card.wallet_id).household_id


def _household_of(card_id: int) -> int:
    rt = runtime.current()
    with reading(rt.engine) as db:
        return queries.household_of_card(db, territory_id=rt.territory_id, card_id=card_id)


def _index(form: FormReader | None = None) -> Response:
    rt = runtime.current()
    number = page_number(request.args.get("page"))
    with reading(rt.engine) as db:
        total = queries.count_households(db, territory_id=rt.territory_id)
        rows = queries.households_from(
            db, territory_id=rt.territory_id, keyring=rt.keyring, offset=offset_of(number), limit=ROWS_PER_PAGE
        )
        waiting = queries.wallets_without_card(db, territory_id=rt.territory_id, limit=CARDS_PER_FILE_MAX)
    return pages.render(
        "wallets/office_index.html",
        status=422 if form else 200,
        form=form or FormReader(),
        page=Page(rows, number, total),
        waiting=len(waiting),
        supports=printing.SUPPORTS,
    )


def _show(household_id: int, *, form: FormReader | None = None, refusal: Refusal | None = None) -> Response:
    rt = runtime.current()
    directory: shops.ShopDirectory = current_app.extensions[shops.EXTENSION]
    with reading(rt.engine) as db:
        household = queries.household_of(
            db, territory_id=rt.territory_id, household_id=household_id, keyring=rt.keyring
        )
        wallets = queries.wallets_of_household(db, territory_id=rt.territory_id, household_id=household_id)
        wallet_ids = [wallet.wallet_id for wallet in wallets]
        held = [
            purse
            for wallet_id in wallet_ids
            for purse in queries.purse_views(db, territory_id=rt.territory_id, wallet_id=wallet_id)
        ]
        issued = [
            card
            for wallet_id in wallet_ids
            for card in queries.cards_of(db, territory_id=rt.territory_id, wallet_id=wallet_id)
        ]
        bound = [
            phone
            for wallet_id in wallet_ids
            for phone in phone_register.phones_of_wallet(db, territory_id=rt.territory_id, wallet_id=wallet_id)
        ]
        lines = [
            line
            for wallet_id in wallet_ids[:1]
            for line in history_of(
                db, territory_id=rt.territory_id, wallet_id=wallet_id, shops=directory, limit=HISTORY_LINES
            )
        ]
        moves = move_queries.moves_of_wallets(db, territory_id=rt.territory_id, wallet_ids=wallet_ids)
    return pages.render(
        "wallets/office_show.html",
        status=422 if form else None,
        form=form or FormReader({"alias": household.alias, "contact": household.channel, "address": household.address}),
        refusal=refusal,
        household=household,
        purses=held,
        cards=issued,
        phones=bound,
        waiting_moves=[move for move in moves if move.is_waiting],
        has_card=any(card.is_active for card in issued),
        lines=lines,
        today=paris_date(instant_ms(pages.now())),
        block_reasons=BLOCK_REASONS,
        supports=printing.SUPPORTS,
    )
