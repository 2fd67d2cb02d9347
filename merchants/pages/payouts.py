"""The back office on payouts: prepare, approve, see."""

import datetime
from collections.abc import Callable

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from merchants.model import PAYOUT_STATE_NAMES, Payout, PayoutTerms
from merchants.payouts import operations as payouts
from merchants.payouts.news import news_of
from merchants.payouts.situation import situation_of
from merchants.payouts.terms import PAIN_VERSIONS, set_payout_terms, terms_of
from merchants.queries import find_payout, list_payouts
from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import find_staff
from monnaie_locale.identity.roles import Permission, SubjectKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.money import format_decimal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

VERSIONS = (("09", "pain.001.001.09 (2019), demandée par les banques"), ("03", "pain.001.001.03 (2009)"))

blueprint = Blueprint("payouts", __name__, url_prefix="/bureau/virements", template_folder="../templates")


@blueprint.get("")
@access.requires(Permission.VIEW_PAYOUTS)
def index() -> ResponseReturnValue:
    """List the payouts, newest first."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = list_payouts(db, territory_id=rt.territory_id)
    return pages.render("merchants/payouts.html", payouts=found, states=PAYOUT_STATE_NAMES)


@blueprint.route("/preparer", methods=["GET", "POST"])
@access.requires(Permission.PREPARE_PAYOUT)
def prepare() -> ResponseReturnValue:
    """Collect the shops to pay; nothing is posted yet."""
    rt = runtime.current()
    if request.method == "GET":
        return pages.render("merchants/prepare.html", form=FormReader(_proposal()))
    form = FormReader(request.form)
    label = form.text("label", length_max=80)
    cutoff_on, execution_on = form.date("cutoff"), form.date("execution")
    minimum_cents = form.euros("minimum", required=False)
    if form.errors:
        return pages.render("merchants/prepare.html", form=form, status=422)
    try:
        payout = transact(
            rt.engine,
            payouts.prepare_payout,
            territory_id=rt.territory_id,
            label=label,
            cutoff_on=cutoff_on,
            execution_on=execution_on,
            minimum_cents=minimum_cents or None,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return pages.render("merchants/prepare.html", form=form, refusal=refusal)
    pages.say("Le virement est préparé. Une autre personne doit l’approuver.")
    return pages.see_other("payouts.show", payout_id=payout.id)


@blueprint.get("/regles")
@access.requires(Permission.VIEW_PAYOUTS)
def terms() -> ResponseReturnValue:
    """Show how payouts are made."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = terms_of(db, territory_id=rt.territory_id)
    return _terms(
        FormReader(
            {
                "version": found.pain_version,
                "minimum": format_decimal(found.minimum_cents, point=","),
                # A hundredth of a percent is a basis point, as a hundredth of a euro is a cent.
                "fee": format_decimal(found.fee_basis_points, point=","),
            }
        )
    )


@blueprint.post("/regles")
@access.requires(Permission.APPROVE_PAYOUT)
def change_terms() -> ResponseReturnValue:
    """Decide how payouts are made from now on: not by who prepares them."""
    rt = runtime.current()
    form = FormReader(request.form)
    version = form.choice("version", PAIN_VERSIONS)
    minimum_cents, fee_basis_points = form.euros("minimum"), form.euros("fee")
    if form.errors:
        return _terms(form, status=422)
    wanted = PayoutTerms(pain_version=version, minimum_cents=minimum_cents, fee_basis_points=fee_basis_points)
    actor, now = access.subject().caller, pages.now()
    try:
        transact(rt.engine, set_payout_terms, territory_id=rt.territory_id, terms=wanted, actor=actor, now=now)
    except Refusal as refusal:
        return _terms(form, refusal=refusal)
    pages.say("Les règles sont changées : elles valent pour les prochains virements préparés.")
    return pages.see_other("payouts.terms")


@blueprint.get("/<int:payout_id>")
@access.requires(Permission.VIEW_PAYOUTS)
def show(payout_id: int) -> ResponseReturnValue:
    """Show a payout with its lines."""
    return _page(payout_id)


@blueprint.post("/<int:payout_id>/approuver")
@access.requires(Permission.APPROVE_PAYOUT)
def approve(payout_id: int) -> ResponseReturnValue:
    """Order the transfers."""
    return _step(payouts.approve_payout, payout_id, "Le virement est approuvé et ordonné.")


@blueprint.post("/<int:payout_id>/annuler")
@access.requires(Permission.PREPARE_PAYOUT)
def cancel(payout_id: int) -> ResponseReturnValue:
    """Give up a prepared payout."""
    return _step(payouts.cancel_payout, payout_id, "Le virement est annulé : rien n’a été ordonné.")


@blueprint.post("/<int:payout_id>/transmis")
@access.requires(Permission.PREPARE_PAYOUT)
def sent(payout_id: int) -> ResponseReturnValue:
    """Note that the order went to the bank."""
    return _step(payouts.mark_sent, payout_id, "Le virement est noté comme transmis à la banque.")


def _step(step: Callable[..., Payout], payout_id: int, sentence: str) -> ResponseReturnValue:
    rt = runtime.current()
    try:
        transact(
            rt.engine,
            step,
            territory_id=rt.territory_id,
            payout_id=payout_id,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _page(payout_id, refusal=refusal)
    pages.say(sentence)
    return pages.see_other("payouts.show", payout_id=payout_id)


def _page(payout_id: int, *, refusal: Refusal | None = None) -> ResponseReturnValue:
    rt = runtime.current()
    with reading(rt.engine) as db:
        payout = find_payout(db, territory_id=rt.territory_id, payout_id=payout_id)
        news = news_of(db, territory_id=rt.territory_id, payout_id=payout_id)
        prepared_by, approved_by = (_name_of(db, caller) for caller in (payout.prepared_by, payout.approved_by))
    return pages.render(
        "merchants/payout.html",
        payout=payout,
        states=PAYOUT_STATE_NAMES,
        situations={line.line_no: situation_of(line, news.get(line.line_no)) for line in payout.lines},
        is_own=payout.prepared_by == access.subject().caller,
        prepared_by=prepared_by,
        approved_by=approved_by,
        refusal=refusal,
    )


def _terms(form: FormReader, *, refusal: Refusal | None = None, status: int | None = None) -> ResponseReturnValue:
    return pages.render("merchants/payout_terms.html", form=form, versions=VERSIONS, refusal=refusal, status=status)


def _name_of(db: Connection, caller: str | None) -> str:
    """Return the name of the person behind "staff:3"; the books keep the number, the page may say the name."""
    kind, _, number = (caller or "").partition(":")
    if kind != SubjectKind.STAFF or not number.isdigit():
        return caller or ""
    rt = runtime.current()
    person = find_staff(db, territory_id=rt.territory_id, staff_id=int(number), keyring=rt.keyring)
    return person.name if person else str(caller)


def _proposal() -> dict[str, str]:
    """Return what the form proposes: everything until yesterday, executed tomorrow."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        in_force = terms_of(db, territory_id=rt.territory_id)
    today = paris_date(instant_ms(pages.now()))
    one_day = datetime.timedelta(days=1)
    return {
        "label": f"Virement du {today:%d/%m/%Y}",
        "cutoff": (today - one_day).isoformat(),
        "execution": (today + one_day).isoformat(),
        "minimum": format_decimal(in_force.minimum_cents, point=","),
    }
