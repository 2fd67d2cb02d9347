"""The documents in the back office: by month, by year, by distribution."""

from collections.abc import Iterator

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from monnaie_locale import runtime
from monnaie_locale.closing import desk
from monnaie_locale.closing.queries import close_of_month
from monnaie_locale.closing.sheets import MONTH_TITLES
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.dossier import giving
from monnaie_locale.dossier.operations import record_named_aid
from monnaie_locale.dossier.queries import LISTED_STATES, aid_of, duties_of_year
from monnaie_locale.dossier.year import YEAR_TITLES
from monnaie_locale.exports.operations import fec_stream_of, hledger_of, year_beancount_of
from monnaie_locale.exports.pages import streamed
from monnaie_locale.exports.sheets.rendering import Format
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.periods import first_month
from monnaie_locale.ledger.periods import Month, paris_date
from monnaie_locale.programmes.model import Distribution
from monnaie_locale.programmes.queries import distributions_of, programmes_by_id
from monnaie_locale.web import pages

FORMAT_NAMES = {Format.PDF: "PDF", Format.XLSX: "Tableur", Format.CSV: "CSV"}
PATH = "/bureau/documents"

blueprint = Blueprint("dossier", __name__, template_folder="templates")


@blueprint.get(PATH)
@access.requires(Permission.VIEW_CLOSES)
def index() -> ResponseReturnValue:
    """List the months and the years that have documents."""
    rt = runtime.current()
    today = Month.of(paris_date(rt.now_ms()))
    with reading(rt.engine) as db:
        months = list(_months(first_month(db, territory_id=rt.territory_id), today))[::-1]
        closed = {
            month: close is not None and close.is_closed
            for month in months
            for close in [close_of_month(db, territory_id=rt.territory_id, month=month)]
        }
    years = sorted({month.year for month in months} or {today.year}, reverse=True)
    return pages.render("dossier/index.html", months=months, closed=closed, years=years)


@blueprint.get(f"{PATH}/<month>")
@access.requires(Permission.VIEW_CLOSES)
def month(month: str) -> ResponseReturnValue:
    """Offer the documents of a month, and the lists of the aid approved in it."""
    rt = runtime.current()
    wanted = desk.read_month(month)
    with reading(rt.engine) as db:
        close = close_of_month(db, territory_id=rt.territory_id, month=wanted)
        aids = [each for each in distributions_of(db, territory_id=rt.territory_id) if _approved_in(each, wanted)]
        names = {key: one.name for key, one in programmes_by_id(db, territory_id=rt.territory_id).items()}
    return pages.render(
        "dossier/month.html",
        month=wanted,
        close=close,
        titles=MONTH_TITLES,
        formats=FORMAT_NAMES,
        aids=aids,
        programmes=names,
    )


@blueprint.get(f"{PATH}/<month>/<name>.<wanted>")
@access.requires(Permission.EXPORT_BOOKS)
def month_file(month: str, name: str, wanted: str) -> ResponseReturnValue:
    """Give a document of a month."""
    rt = runtime.current()
    return streamed(lambda db: giving.month_document(db, rt, month=month, name=name, wanted=wanted))


@blueprint.get(f"{PATH}/annee/<int:year>")
@access.requires(Permission.VIEW_CLOSES)
def year(year: int) -> ResponseReturnValue:
    """Offer the documents of a year, with what each legal basis asks for and by when."""
    rt = runtime.current()
    giving.check_year(year)
    with reading(rt.engine) as db:
        duties = duties_of_year(db, territory_id=rt.territory_id, year=year)
    return pages.render("dossier/year.html", year=year, duties=duties, titles=YEAR_TITLES, formats=FORMAT_NAMES)


@blueprint.get(f"{PATH}/annee/<int:year>/<name>.<wanted>")
@access.requires(Permission.EXPORT_BOOKS)
def year_file(year: int, name: str, wanted: str) -> ResponseReturnValue:
    """Give a document of a year."""
    rt = runtime.current()
    return streamed(lambda db: giving.year_document(db, rt, year=year, name=name, wanted=wanted))


@blueprint.get(f"{PATH}/annee/<int:year>/fec")
@access.requires(Permission.EXPORT_BOOKS)
def year_fec(year: int) -> ResponseReturnValue:
    """Give the FEC of a year, entry by entry."""
    rt = runtime.current()
    giving.check_year(year)
    return streamed(lambda db: fec_stream_of(db, territory_id=rt.territory_id, year=year))


@blueprint.get(f"{PATH}/annee/<int:year>/hledger")
@access.requires(Permission.EXPORT_BOOKS)
def year_hledger(year: int) -> ResponseReturnValue:
    """Give the hledger journal of a year, entry by entry."""
    rt = runtime.current()
    giving.check_year(year)
    return streamed(lambda db: hledger_of(db, territory_id=rt.territory_id, year=year))


@blueprint.get(f"{PATH}/annee/<int:year>/beancount")
@access.requires(Permission.EXPORT_BOOKS)
def year_beancount(year: int) -> ResponseReturnValue:
    """Give the Beancount journal of a year, entry by entry."""
    rt = runtime.current()
    giving.check_year(year)
    return streamed(lambda db: year_beancount_of(db, territory_id=rt.territory_id, year=year))


@blueprint.get(f"{PATH}/aides/<int:distribution_id>.<wanted>")
@access.requires(Permission.VIEW_CLOSES)
def aid(distribution_id: int, wanted: str) -> ResponseReturnValue:
    """Give the état collectif of a distribution: wallet numbers, no name."""
    rt = runtime.current()
    return streamed(
        lambda db: giving.aid_document(db, rt, distribution_id=distribution_id, wanted=wanted, keyring=None)
    )


@blueprint.post(f"{PATH}/aides/<int:distribution_id>/nominatif")
@access.requires(Permission.PRINT_NAMED_AID)
def named_aid(distribution_id: int) -> ResponseReturnValue:
    """Give the état nominatif of a distribution, once it is written who asked for it."""
    rt = runtime.current()
    wanted = request.form.get("format", Format.PDF.value)
    now = pages.now()
    with reading(rt.engine) as db:
        aid_of(
            db, territory_id=rt.territory_id, distribution_id=distribution_id,
            public_key_pem=rt.keyring.public_key_pem, now=now,
        )  # fmt: skip
    transact(
        rt.engine, record_named_aid, territory_id=rt.territory_id, distribution_id=distribution_id,
        actor=access.subject().caller, now=now,
    )  # fmt: skip
    return streamed(
        lambda db: giving.aid_document(db, rt, distribution_id=distribution_id, wanted=wanted, keyring=rt.keyring)
    )


def _months(first: Month | None, last: Month) -> Iterator[Month]:
    at = first
    while at is not None and at <= last:
        yield at
        at = at.next()


def _approved_in(distribution: Distribution, month: Month) -> bool:
    approved_at_ms = distribution.approved_at_ms
    return (
        distribution.state in LISTED_STATES
        and approved_at_ms is not None
        and Month.of(paris_date(approved_at_ms)) == month
    )
