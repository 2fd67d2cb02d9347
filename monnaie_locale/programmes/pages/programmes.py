"""Programmes: open one, announce its funding, see its money, take back what expired."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.money import format_decimal, format_euros
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.guarantee_queries import guarantee_of
from monnaie_locale.programmes.model import Category, ExpiredGoesTo, LegalBasis, PinRule, Programme, ProgrammeTerms
from monnaie_locale.programmes.operations import expiring, funding, opening, pin_rule
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

CATEGORY_PREFIX = "category_"
PIN_RULES = [(rule.value, rule.label_fr) for rule in PinRule]
DEFAULTS = {"pin_rule": PinRule.ABOVE.value, "pin_above": "20,00", "grace_days": "30", "expired_goes_to": "ccas"}

blueprint = Blueprint("programmes", __name__, template_folder="../templates")


@blueprint.get("/bureau/dispositifs")
@access.requires(Permission.VIEW_PROGRAMMES)
def index() -> ResponseReturnValue:
    """List programmes with their funds."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        found = list(queries.programmes_by_id(db, territory_id=rt.territory_id).values())
        funds = {
            programme.programme_id: queries.funds_of(
                db, territory_id=rt.territory_id, programme_id=programme.programme_id
            )
            for programme in found
        }
    return pages.render("programmes/index.html", programmes=found, funds=funds)


@blueprint.get("/bureau/dispositifs/nouveau")
@access.requires(Permission.MANAGE_PROGRAMMES)
def new() -> ResponseReturnValue:
    """Show the form to open a programme."""
    return _new_page(FormReader(DEFAULTS))


@blueprint.post("/bureau/dispositifs/nouveau")
@access.requires(Permission.MANAGE_PROGRAMMES)
def create() -> ResponseReturnValue:
    """Open a programme."""
    rt = runtime.current()
    form = FormReader(request.form)
    terms = _terms(form)
    if form.errors or terms is None:
        return _new_page(form, status=422)
    try:
        opened = transact(
            rt.engine,
            opening.open_programme,
            territory_id=rt.territory_id,
            terms=terms,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _new_page(form, refusal=refusal)
    pages.say("Le dispositif est ouvert.")
    return pages.see_other("programmes.show", programme_id=opened.programme_id)


@blueprint.get("/bureau/dispositifs/<int:programme_id>")
@access.requires(Permission.VIEW_PROGRAMMES)
def show(programme_id: int) -> ResponseReturnValue:
    """Show a programme: its rules, its money, its distributions."""
    return _show(programme_id)


@blueprint.post("/bureau/dispositifs/<int:programme_id>/fermer")
@access.requires(Permission.MANAGE_PROGRAMMES)
def close(programme_id: int) -> ResponseReturnValue:
    """Close a programme to funding and distributions, once the box was ticked."""
    rt = runtime.current()
    form = FormReader(request.form)
    if not form.checked("confirm"):
        form.add_error("confirm", "Cochez la case pour confirmer : un dispositif fermé ne rouvre pas.")
        return _show(programme_id, form=form)
    transact(
        rt.engine,
        opening.close_programme,
        territory_id=rt.territory_id,
        programme_id=programme_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    pages.say("Le dispositif est fermé. Ce qui a été versé reste valable jusqu’à son expiration.")
    return pages.see_other("programmes.show", programme_id=programme_id)


@blueprint.post("/bureau/dispositifs/<int:programme_id>/code-secret")
@access.requires(Permission.MANAGE_PROGRAMMES)
def change_pin_rule(programme_id: int) -> ResponseReturnValue:
    """Change when payments from a programme ask for the PIN."""
    rt = runtime.current()
    form = FormReader(request.form)
    rule, above_cents = _pin_rule(form)
    if form.errors:
        return _show(programme_id, form=form)
    try:
        changed = transact(
            rt.engine,
            pin_rule.change_pin_rule,
            territory_id=rt.territory_id,
            programme_id=programme_id,
            pin_rule=PinRule(rule),
            pin_above_cents=above_cents,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _show(programme_id, form=form, refusal=refusal)
    pages.say(f"La règle est changée. Code secret : {changed.pin_rule_sentence.lower()}.")
    return pages.see_other("programmes.show", programme_id=programme_id)


@blueprint.post("/bureau/dispositifs/<int:programme_id>/appels-de-fonds")
@access.requires(Permission.REGISTER_FUNDING)
def register_funding(programme_id: int) -> ResponseReturnValue:
    """Announce a transfer of the CCAS and say which reference to put on it."""
    rt = runtime.current()
    form = FormReader(request.form)
    amount_cents = form.euros("amount")
    if form.errors:
        return _show(programme_id, form=form)
    try:
        order = transact(
            rt.engine,
            funding.register_funding_order,
            territory_id=rt.territory_id,
            programme_id=programme_id,
            amount_cents=amount_cents,
            actor=access.subject().caller,
            now=pages.now(),
        )
    except Refusal as refusal:
        return _show(programme_id, form=form, refusal=refusal)
    pages.say(f"Le CCAS vire {format_euros(order.amount_cents)} avec la référence {order.reference}.")
    return pages.see_other("programmes.show", programme_id=programme_id)


@blueprint.post("/bureau/dispositifs/<int:programme_id>/perimes")
@access.requires(Permission.MANAGE_PROGRAMMES)
def expire(programme_id: int) -> ResponseReturnValue:
    """Take back what expired, once the grace is over."""
    rt = runtime.current()
    posted = transact(
        rt.engine,
        expiring.expire_purses,
        territory_id=rt.territory_id,
        programme_id=programme_id,
        actor=access.subject().caller,
        now=pages.now(),
    )
    taken_cents = sum(each.entry.amount_cents for each in posted)
    if posted:
        pages.say(f"{format_euros(taken_cents)} repris sur {len(posted)} porte-monnaie.")
    else:
        pages.say("Rien n’est à reprendre aujourd’hui.", kind="warning")
    return pages.see_other("programmes.show", programme_id=programme_id)


def _show(programme_id: int, *, form: FormReader | None = None, refusal: Refusal | None = None) -> Response:
    rt = runtime.current()
    with reading(rt.engine) as db:
        programme = queries.programme_of(db, territory_id=rt.territory_id, programme_id=programme_id)
        funds_cents = queries.funds_of(db, territory_id=rt.territory_id, programme_id=programme_id)
        guarantee_cents = guarantee_of(db, territory_id=rt.territory_id, programme_id=programme_id)
        ordered_cents = queries.ordered_cents(db, territory_id=rt.territory_id, programme_id=programme_id)
        orders = queries.funding_orders_of(db, territory_id=rt.territory_id, programme_id=programme_id)
        distributions = queries.distributions_of(db, territory_id=rt.territory_id, programme_id=programme_id)
    return pages.render(
        "programmes/show.html",
        status=422 if form is not None and form.errors else None,
        programme=programme,
        orders=orders,
        distributions=distributions,
        form=form or FormReader(),
        # A fault in another form of the page leaves the rule shown as it stands.
        rule_form=form if form is not None and "pin_rule" in form.values else FormReader(_rule_as_typed(programme)),
        pin_rules=PIN_RULES,
        refusal=refusal,
        funds_cents=funds_cents,
        ordered_cents=ordered_cents,
        guarantee_cents=guarantee_cents,
    )


def _new_page(form: FormReader, *, status: int | None = None, refusal: Refusal | None = None) -> Response:
    return pages.render(
        "programmes/new.html",
        status=status,
        form=form,
        refusal=refusal,
        categories=[(f"{CATEGORY_PREFIX}{category}", category.label_fr) for category in Category],
        legal_bases=[(basis.value, basis.label_fr) for basis in LegalBasis],
        pin_rules=PIN_RULES,
        destinations=[(place.value, place.label_fr) for place in ExpiredGoesTo],
    )


def _pin_rule(form: FormReader) -> tuple[str, int]:
    """Return the rule typed, "" when it is none, and the amount, which only "above" needs."""
    rule = form.choice("pin_rule", list(PinRule))
    return rule, form.euros("pin_above", required=rule == PinRule.ABOVE)


def _rule_as_typed(programme: Programme) -> dict[str, str]:
    above = format_decimal(programme.pin_above_cents, point=",") if programme.pin_above_cents else ""
    return {"pin_rule": programme.pin_rule.value, "pin_above": above}


def _terms(form: FormReader) -> ProgrammeTerms | None:
    """Return the terms typed, or None when a choice is missing; every other fault is beside its field."""
    name = form.text("name", length_max=opening.NAME_LENGTH_MAX)
    legal_basis = form.choice("legal_basis", list(LegalBasis))
    decision_reference = form.text("decision_reference", length_max=opening.REFERENCE_LENGTH_MAX)
    decided_on = form.date("decided_on")
    budget_cents = form.euros("budget")
    rule, pin_above_cents = _pin_rule(form)
    grace_days = form.integer("grace_days", at_most=opening.GRACE_DAYS_MAX)
    expired_goes_to = form.choice("expired_goes_to", list(ExpiredGoesTo))
    categories = frozenset(category for category in Category if form.checked(f"{CATEGORY_PREFIX}{category}"))
    if not categories:
        form.add_error(f"{CATEGORY_PREFIX}{Category.FOOD}", "Choisissez au moins une catégorie.")
    if form.errors:
        return None
    return ProgrammeTerms(
        name=name,
        legal_basis=LegalBasis(legal_basis),
        decision_reference=decision_reference,
        decided_on=decided_on,
        budget_cents=budget_cents,
        categories=categories,
        pin_rule=PinRule(rule),
        pin_above_cents=pin_above_cents,
        grace_days=grace_days,
        expired_goes_to=ExpiredGoesTo(expired_goes_to),
    )
