"""The desk's pages of moved balances and merged households: prepared by one person, approved by another."""

from collections.abc import Callable

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import purses_of
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from wallets import move_queries, queries
from wallets.errors import HouseholdUnknown, WalletClosed
from wallets.model import MoveKind, WalletMove
from wallets.operations import enrolling, moving

KINDS = (
    (MoveKind.MOVE.value, "Déplacer le solde seulement : les deux ménages restent"),
    (MoveKind.MERGE.value, "Réunir les deux ménages : ce porte-monnaie est fermé, ses cartes sont bloquées"),
)

blueprint = Blueprint("wallet_moves", __name__, template_folder="../templates")


@blueprint.get("/bureau/deplacements")
@access.requires(Permission.VIEW_WALLETS)
def index() -> ResponseReturnValue:
    """List the moves, with what waits for a second person."""
    return _index()


@blueprint.get("/bureau/menages/<int:household_id>/deplacer")
@access.requires(Permission.MANAGE_WALLETS)
def new(household_id: int) -> ResponseReturnValue:
    """Show the form to move a household's balance."""
    return _form(household_id, FormReader())


@blueprint.post("/bureau/menages/<int:household_id>/deplacer")
@access.requires(Permission.MANAGE_WALLETS)
def prepare(household_id: int) -> ResponseReturnValue:
    """Prepare a move of the household's balance to another one, found by its file reference."""
    rt = runtime.current()
    form = FormReader(request.form)
    reference = form.text("reference", length_max=enrolling.REFERENCE_LENGTH_MAX)
    kind = form.choice("kind", list(MoveKind))
    target = None
    if not form.errors:
        with reading(rt.engine) as db:
            target = queries.household_by_reference(
                db, territory_id=rt.territory_id, reference=reference, keyring=rt.keyring
            )
        if target is None:
            form.add_error("reference", "Aucun ménage n’a cette référence.")
    if form.errors or target is None:
        return _form(household_id, form, status=422)
    try:
        transact(
            rt.engine,
            _prepare_between,
            kind=MoveKind(kind),
            household_id=household_id,
            target_id=target.household_id,
        )
    except Refusal as refusal:
        return _form(household_id, form, refusal=refusal)
    pages.say("Le déplacement est préparé. Une autre personne doit le valider.")
    return pages.see_other("wallet_moves.index")


@blueprint.post("/bureau/deplacements/<int:move_id>/valider")
@access.requires(Permission.APPROVE_WALLET_MOVE)
def approve(move_id: int) -> ResponseReturnValue:
    """Approve and post a move that another person prepared."""
    return _decided(moving.approve_move, move_id, said="Le solde est déplacé.")


@blueprint.post("/bureau/deplacements/<int:move_id>/annuler")
@access.requires(Permission.MANAGE_WALLETS)
def cancel(move_id: int) -> ResponseReturnValue:
    """Give up a move."""
    return _decided(moving.cancel_move, move_id, said="Le déplacement est annulé.")


def _decided(decide: Callable[..., WalletMove], move_id: int, *, said: str) -> ResponseReturnValue:
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            decide,
            territory_id=rt.territory_id,
            move_id=move_id,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _index(refusal=refusal)
    pages.say(said)
    return pages.see_other("wallet_moves.index")


def _prepare_between(db: Connection, *, kind: MoveKind, household_id: int, target_id: int) -> WalletMove:
    territory_id = runtime.current().territory_id
    target = queries.wallet_of_household(db, territory_id=territory_id, household_id=target_id)
    if target is None:
        raise WalletClosed
    return moving.prepare_move(
        db,
        territory_id=territory_id,
        kind=kind,
        from_wallet_id=_source_of(db, kind, household_id),
        to_wallet_id=target.wallet_id,
        actor=access.subject().caller,
        now=pages.now(),
    )


def _source_of(db: Connection, kind: MoveKind, household_id: int) -> int:
    """Return the household's open wallet; to move a balance, the newest one that holds something, even closed."""
    territory_id = runtime.current().territory_id
    owned = queries.wallets_of_household(db, territory_id=territory_id, household_id=household_id)
    if not owned:
        raise HouseholdUnknown(household_id=household_id)
    holding = [wallet for wallet in owned if _held_cents(db, wallet.wallet_id)]
    return (holding if holding and kind is MoveKind.MOVE else owned)[0].wallet_id


def _held_cents(db: Connection, wallet_id: int) -> int:
    purses = purses_of(db, territory_id=runtime.current().territory_id, wallet_id=wallet_id)
    return sum(purse.balance_cents for purse in purses)


def _form(
    household_id: int, form: FormReader, *, refusal: Refusal | None = None, status: int | None = None
) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        household = queries.household_of(
            db, territory_id=rt.territory_id, household_id=household_id, keyring=rt.keyring
        )
    return pages.render(
        "wallets/move_new.html", status=status, form=form, household=household, kinds=KINDS, refusal=refusal
    )


def _index(refusal: Refusal | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        listed = move_queries.moves(db, territory_id=rt.territory_id)
        wallet_ids = {wallet for move in listed for wallet in (move.from_wallet_id, move.to_wallet_id)}
        households = queries.households_of_wallets(
            db, territory_id=rt.territory_id, wallet_ids=wallet_ids, keyring=rt.keyring
        )
        held_cents = {move.move_id: _held_cents(db, move.from_wallet_id) for move in listed if move.is_waiting}
    return pages.render(
        "wallets/moves.html",
        moves=listed,
        households=households,
        held_cents=held_cents,
        refusal=refusal,
    )
