"""The documents over JSON: the name, the media type, the bytes in base64. None of them names a person."""

from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.closing.errors import MonthMalformed
from monnaie_locale.documents.errors import ControlTotalsDiffer
from monnaie_locale.dossier import giving
from monnaie_locale.dossier.errors import AidNotApproved, DocumentUnknown
from monnaie_locale.exports.api import FileReply, file_reply
from monnaie_locale.exports.operations import hledger_of, year_beancount_of
from monnaie_locale.identity.roles import Permission
from monnaie_locale.programmes.errors import DistributionUnknown

blueprint = api_blueprint("dossier_api", __name__)


@endpoint(
    blueprint,
    "GET",
    "/documents/months/<month>/<name>/<wanted>",
    summary="Export a document of a month",
    permission=Permission.EXPORT_BOOKS,
    answers=FileReply,
    refusals=(MonthMalformed, DocumentUnknown, ControlTotalsDiffer),
)
def export_month_document(db: Connection, *, call: Call, month: str, name: str, wanted: str) -> FileReply:
    """Give a document of a month ("2026-10") as pdf, csv or xlsx."""
    del call
    return file_reply(giving.month_document(db, runtime.current(), month=month, name=name, wanted=wanted).whole())


@endpoint(
    blueprint,
    "GET",
    "/documents/years/<int:year>/<name>/<wanted>",
    summary="Export a document of a year",
    permission=Permission.EXPORT_BOOKS,
    answers=FileReply,
    refusals=(MonthMalformed, DocumentUnknown, ControlTotalsDiffer),
)
def export_year_document(db: Connection, *, call: Call, year: int, name: str, wanted: str) -> FileReply:
    """Give a document of a year as pdf, csv or xlsx."""
    del call
    return file_reply(giving.year_document(db, runtime.current(), year=year, name=name, wanted=wanted).whole())


@endpoint(
    blueprint,
    "GET",
    "/documents/years/<int:year>/hledger",
    summary="Export the journal of a year for hledger",
    permission=Permission.EXPORT_BOOKS,
    answers=FileReply,
    refusals=(MonthMalformed,),
)
def export_year_hledger(db: Connection, *, call: Call, year: int) -> FileReply:
    """Give the hledger journal of a year, every balance asserted."""
    del call
    giving.check_year(year)
    return file_reply(hledger_of(db, territory_id=runtime.current().territory_id, year=year).whole())


@endpoint(
    blueprint,
    "GET",
    "/documents/years/<int:year>/beancount",
    summary="Export the journal of a year for Beancount",
    permission=Permission.EXPORT_BOOKS,
    answers=FileReply,
    refusals=(MonthMalformed,),
)
def export_year_beancount(db: Connection, *, call: Call, year: int) -> FileReply:
    """Give the Beancount journal of a year after the balances brought forward, every balance asserted."""
    del call
    giving.check_year(year)
    return file_reply(year_beancount_of(db, territory_id=runtime.current().territory_id, year=year).whole())


@endpoint(
    blueprint,
    "GET",
    "/documents/distributions/<int:distribution_id>/<wanted>",
    summary="Export the aid of a distribution, without names",
    permission=Permission.EXPORT_BOOKS,
    answers=FileReply,
    refusals=(DocumentUnknown, DistributionUnknown, AidNotApproved, ControlTotalsDiffer),
)
def export_aid(db: Connection, *, call: Call, distribution_id: int, wanted: str) -> FileReply:
    """Give the état collectif of an approved distribution as pdf, csv or xlsx."""
    del call
    rt = runtime.current()
    return file_reply(giving.aid_document(db, rt, distribution_id=distribution_id, wanted=wanted, keyring=None).whole())
