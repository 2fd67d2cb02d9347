"""The chart of accounts in the back office: each code, who confirmed it and when, what must still be confirmed."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.chart.model import Book, CcasRole
from monnaie_locale.chart.operations import applies_from, confirm_account, set_account
from monnaie_locale.chart.queries import chart_of
from monnaie_locale.chart.rules import CODE_LENGTHS, LABEL_LENGTH_MAX, rule_of
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import access
from monnaie_locale.identity.queries import name_of_caller
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.accounts import GeneralAccount
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import paris_date
from monnaie_locale.programmes.queries import programmes_by_id
from monnaie_locale.web import pages
from monnaie_locale.web.forms import FormReader

PATH = "/bureau/plan-de-comptes"

blueprint = Blueprint("chart", __name__, template_folder="templates")


@blueprint.get(PATH)
@access.requires(Permission.VIEW_CLOSES)
def index() -> ResponseReturnValue:
    """Show both charts as they stand, what waits first."""
    rt = runtime.current()
    with reading(rt.engine) as db:
        day = applies_from(db, territory_id=rt.territory_id, today=paris_date(rt.now_ms()))
        lines = chart_of(db, territory_id=rt.territory_id, day=day).lines
        programmes = programmes_by_id(db, territory_id=rt.territory_id)
        callers = {caller for line in lines for caller in (line.set_by, line.confirmed_by) if caller}
        names = {
            caller: name_of_caller(db, territory_id=rt.territory_id, caller=caller, keyring=rt.keyring)
            for caller in callers
        }
    own = {line.programme_id for line in lines if line.programme_id}
    return pages.render(
        "chart/index.html",
        books=[
            (book, sorted((line for line in lines if line.rule.book is book), key=lambda line: line.account.code))
            for book in Book
        ],
        waiting=sum(line.waits for line in lines),
        applies_from=day,
        names=names,
        programmes=programmes,
        without_own=[one for number, one in sorted(programmes.items()) if number not in own],
        aid=CcasRole.AID.value,
    )


@blueprint.get(f"{PATH}/<book>/<role>/<int:programme_id>")
@access.requires(Permission.MANAGE_CHART)
def edit(book: str, role: str, programme_id: int) -> ResponseReturnValue:
    """Ask for another code."""
    rt = runtime.current()
    rule = rule_of(book=book, role=role, programme_id=programme_id)
    with reading(rt.engine) as db:
        day = applies_from(db, territory_id=rt.territory_id, today=paris_date(rt.now_ms()))
        lines = chart_of(db, territory_id=rt.territory_id, day=day).lines
    current = next(
        (line.account for line in lines if (line.rule, line.programme_id) == (rule, programme_id)), rule.default
    )
    return _edit(book, role, programme_id, FormReader({"code": current.code, "label": current.french}), None)


@blueprint.post(f"{PATH}/<book>/<role>/<int:programme_id>")
@access.requires(Permission.MANAGE_CHART)
def save(book: str, role: str, programme_id: int) -> ResponseReturnValue:
    """Set another code."""
    rt = runtime.current()
    form = FormReader(request.form)
    account = GeneralAccount(form.text("code", length_max=20), form.text("label", length_max=LABEL_LENGTH_MAX))
    if form.errors:
        return _edit(book, role, programme_id, form, None, status=422)
    try:
        line = transact(
            rt.engine, set_account, territory_id=rt.territory_id, book=book, role=role, programme_id=programme_id,
            account=account, actor=access.subject().caller, now=pages.now(),
        )  # fmt: skip
    except Refusal as refusal:
        return _edit(book, role, programme_id, form, refusal)
    pages.say(f"Le compte {line.account.code} est enregistré. Il reste à confirmer par le comptable.")
    return pages.see_other("chart.index")


@blueprint.post(f"{PATH}/<book>/<role>/<int:programme_id>/confirmer")
@access.requires(Permission.MANAGE_CHART)
def confirm(book: str, role: str, programme_id: int) -> ResponseReturnValue:
    """Write that the comptable confirms a code."""
    rt = runtime.current()
    code = request.form.get("code", "")
    transact(
        rt.engine, confirm_account, territory_id=rt.territory_id, book=book, role=role, programme_id=programme_id,
        code=code, actor=access.subject().caller, now=pages.now(),
    )  # fmt: skip
    pages.say(f"Le compte {code} est confirmé.")
    return pages.see_other("chart.index")


def _edit(
    book: str, role: str, programme_id: int, form: FormReader, refusal: Refusal | None, *, status: int | None = None
) -> ResponseReturnValue:
    rt = runtime.current()
    rule = rule_of(book=book, role=role, programme_id=programme_id)
    with reading(rt.engine) as db:
        day = applies_from(db, territory_id=rt.territory_id, today=paris_date(rt.now_ms()))
        programme = programmes_by_id(db, territory_id=rt.territory_id).get(programme_id)
    return pages.render(
        "chart/edit.html",
        status=status,
        rule=rule,
        programme_id=programme_id,
        programme=programme,
        lengths=CODE_LENGTHS[rule.book],
        label_length_max=LABEL_LENGTH_MAX,
        applies_from=day,
        form=form,
        refusal=refusal,
    )
