"""Distributions: a file is sent, one person prepares, another approves, the lines are posted."""

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.database.prepared import look
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import look_for_purses
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.model import Distribution, DistributionState
from monnaie_locale.programmes.operations import chunks, distributing, importing, paying_out
from monnaie_locale.programmes.wallet_directory import EXTENSION, WalletDirectory
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader
from monnaie_locale.web.paging import ROWS_PER_PAGE, Page, offset_of, page_number

blueprint = Blueprint("distributions", __name__, template_folder="../templates")


@blueprint.get("/bureau/distributions")
@access.requires(Permission.VIEW_PROGRAMMES)
def index() -> ResponseReturnValue:
    """List distributions, those that wait for somebody first."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = queries.distributions_of(db, territory_id=rt.territory_id)
        programmes = queries.programmes_by_id(db, territory_id=rt.territory_id)
    waiting = {DistributionState.PREPARED: 0, DistributionState.APPROVED: 1}
    found.sort(key=lambda each: waiting.get(each.state, len(waiting)))
    return pages.render("programmes/distributions.html", distributions=found, programmes=programmes)


@blueprint.get("/bureau/dispositifs/<int:programme_id>/distribuer")
@access.requires(Permission.PREPARE_DISTRIBUTION)
def new(programme_id: int) -> ResponseReturnValue:
    """Show the form to prepare a distribution."""
    return _new_page(programme_id, FormReader())


@blueprint.post("/bureau/dispositifs/<int:programme_id>/distribuer")
@access.requires(Permission.PREPARE_DISTRIBUTION)
def prepare(programme_id: int) -> ResponseReturnValue:
    """Prepare a distribution from a file, or say which line and column is wrong."""
    rt = runtime.current()
    form = FormReader(request.form)
    label = form.text("label", length_max=distributing.LABEL_LENGTH_MAX)
    expires_on = form.date("expires_on")
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        form.add_error("file", "Choisissez un fichier CSV.")
    if form.errors or sent is None:
        return _new_page(programme_id, form, status=422)
    directory: WalletDirectory = current_app.extensions[EXTENSION]
    try:
        prepared = importing.import_distribution(
            rt.engine,
            territory_id=rt.territory_id,
            programme_id=programme_id,
            file=sent.stream,
            directory=directory,
            expires_on=expires_on,
            label=label,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _new_page(programme_id, form, refusal=refusal)
    pages.say("La distribution est préparée. Une autre personne doit maintenant la valider.")
    return pages.see_other("distributions.show", distribution_id=prepared.distribution_id)


@blueprint.get("/bureau/distributions/<int:distribution_id>")
@access.requires(Permission.VIEW_PROGRAMMES)
def show(distribution_id: int) -> ResponseReturnValue:
    """Show a distribution, its lines and what comes next."""
    return _show(distribution_id)


@blueprint.post("/bureau/distributions/<int:distribution_id>/valider")
@access.requires(Permission.APPROVE_DISTRIBUTION)
def approve(distribution_id: int) -> ResponseReturnValue:
    """Approve what somebody else prepared."""
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            distributing.approve_distribution,
            territory_id=rt.territory_id,
            distribution_id=distribution_id,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _show(distribution_id, refusal=refusal)
    pages.say("La distribution est validée. Elle peut être versée.")
    return pages.see_other("distributions.show", distribution_id=distribution_id)


@blueprint.post("/bureau/distributions/<int:distribution_id>/annuler")
@access.requires(Permission.PREPARE_DISTRIBUTION)
def cancel(distribution_id: int) -> ResponseReturnValue:
    """Cancel a distribution of which nothing was posted."""
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            distributing.cancel_distribution,
            territory_id=rt.territory_id,
            distribution_id=distribution_id,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _show(distribution_id, refusal=refusal)
    pages.say("La distribution est annulée.")
    return pages.see_other("distributions.show", distribution_id=distribution_id)


@blueprint.post("/bureau/distributions/<int:distribution_id>/verser")
@access.requires(Permission.APPROVE_DISTRIBUTION)
def post(distribution_id: int) -> ResponseReturnValue:
    """Post the lines for some seconds; asked again, also after a fault, it goes on where it stopped."""
    rt = runtime.current()
    try:
        posted = paying_out.post_distribution(
            rt.engine,
            territory_id=rt.territory_id,
            distribution_id=distribution_id,
            actor=access.subject().caller,
            now=pages.now(),
            goes_on=chunks.for_seconds(chunks.SECONDS_PER_REQUEST),
        )
    except Refusal as refusal:
        return _show(distribution_id, refusal=refusal)
    if posted.state is DistributionState.POSTED:
        pages.say("La distribution est versée dans les porte-monnaie.")
    else:
        pages.say(
            f"{posted.posted_through_line} lignes sur {posted.line_count} sont versées :"
            " appuyez sur « Reprendre le versement » pour la suite."
        )
    return pages.see_other("distributions.show", distribution_id=distribution_id)


def _show(distribution_id: int, *, refusal: Refusal | None = None) -> Response:
    rt = runtime.current()
    directory: WalletDirectory = current_app.extensions[EXTENSION]
    number = page_number(request.args.get("page"))
    subject = access.subject()
    with reading(rt.engine) as db:
        distribution = queries.distribution_of(db, territory_id=rt.territory_id, distribution_id=distribution_id)
        programme = queries.programme_of(db, territory_id=rt.territory_id, programme_id=distribution.programme_id)
        lines = queries.distribution_lines_of(
            db,
            territory_id=rt.territory_id,
            distribution_id=distribution_id,
            after_line=offset_of(number),
            limit=ROWS_PER_PAGE,
        )
        written = queries.written_through_line(db, territory_id=rt.territory_id, distribution_id=distribution_id)
        funds_cents = queries.funds_of(db, territory_id=rt.territory_id, programme_id=distribution.programme_id)
        purses: dict[int, int] = {}
        if subject.may(Permission.VIEW_JOURNAL):
            purses = _purses(db, distribution, [line.wallet_id for line in lines])
        references: dict[int, str] = {}
        if subject.may(Permission.VIEW_WALLETS):
            wallet_ids = [line.wallet_id for line in lines]
            references = directory.holder_references(db, territory_id=rt.territory_id, wallet_ids=wallet_ids)
    return pages.render(
        "programmes/distribution.html",
        distribution=distribution,
        programme=programme,
        page=Page(lines, number, distribution.line_count),
        references=references,
        purses=purses,
        funds_cents=funds_cents,
        written=written,
        is_maker=distribution.prepared_by == subject.caller,
        refusal=refusal,
    )


def _purses(db: Connection, distribution: Distribution, wallet_ids: list[int]) -> dict[int, int]:
    """Return the account that the distribution fills in each wallet, when it is open."""
    found = look(db, look_for_purses(territory_id=runtime.current().territory_id, wallet_ids=wallet_ids))
    return {
        wallet_id: purse.account_id
        for wallet_id, purses in found.items()
        for purse in purses
        if (purse.programme_id, purse.expires_on) == (distribution.programme_id, distribution.expires_on)
    }


def _new_page(
    programme_id: int, form: FormReader, *, status: int | None = None, refusal: Refusal | None = None
) -> Response:
    rt = runtime.current()
    with reading(rt.engine) as db:
        programme = queries.programme_of(db, territory_id=rt.territory_id, programme_id=programme_id)
    return pages.render("programmes/distribute.html", status=status, form=form, refusal=refusal, programme=programme)
