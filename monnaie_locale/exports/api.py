"""The books as files over JSON: the name, the media type, the bytes in base64."""

import base64
import datetime

from pydantic import Field
from sqlalchemy import Connection

from merchants.payout_errors import PayoutStateWrong, PayoutUnknown
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Query, Reply
from monnaie_locale.exports.errors import SirenMalformed
from monnaie_locale.exports.operations import ExportFile, beancount_of, fec_of, payment_order_of, trial_balance_of
from monnaie_locale.identity.roles import Permission

blueprint = api_blueprint("exports_api", __name__)


class FileReply(Reply):
    """A file."""

    name: str
    media_type: str
    content_base64: str


class YearQuery(Query):
    """A calendar year."""

    year: int = Field(ge=2000, le=9998)


class ThroughQuery(Query):
    """The last day that counts."""

    through: datetime.date = Field(ge=datetime.date(2000, 1, 1), le=datetime.date(9998, 12, 31))


def file_reply(file: ExportFile) -> FileReply:
    """Return a file as an answer."""
    return FileReply(
        name=file.name, media_type=file.media_type, content_base64=base64.b64encode(file.content).decode("ascii")
    )


@endpoint(
    blueprint,
    "GET",
    "/exports/fec",
    summary="Export the FEC of a year",
    permission=Permission.EXPORT_BOOKS,
    query=YearQuery,
    answers=FileReply,
    refusals=(SirenMalformed,),
)
def export_fec(db: Connection, *, query: YearQuery, call: Call) -> FileReply:
    """Give the fichier des écritures comptables under its legal name."""
    del call
    return file_reply(fec_of(db, territory_id=runtime.current().territory_id, year=query.year))


@endpoint(
    blueprint,
    "GET",
    "/exports/journal",
    summary="Export the journal for Beancount",
    permission=Permission.EXPORT_BOOKS,
    query=ThroughQuery,
    answers=FileReply,
)
def export_journal(db: Connection, *, query: ThroughQuery, call: Call) -> FileReply:
    """Give every entry up to a day, every balance asserted."""
    del call
    return file_reply(beancount_of(db, territory_id=runtime.current().territory_id, last_day=query.through))


@endpoint(
    blueprint,
    "GET",
    "/exports/trial-balance",
    summary="Export the trial balance",
    permission=Permission.EXPORT_BOOKS,
    query=ThroughQuery,
    answers=FileReply,
)
def export_trial_balance(db: Connection, *, query: ThroughQuery, call: Call) -> FileReply:
    """Give debits, credits and balance of each general account up to a day, as CSV."""
    del call
    return file_reply(trial_balance_of(db, territory_id=runtime.current().territory_id, last_day=query.through))


@endpoint(
    blueprint,
    "GET",
    "/exports/payouts/<int:payout_id>",
    summary="Export the bank's file of a payout",
    permission=Permission.EXPORT_BOOKS,
    answers=FileReply,
    refusals=(PayoutUnknown, PayoutStateWrong),
)
def export_payout(db: Connection, *, call: Call, payout_id: int) -> FileReply:
    """Give the pain.001.001.09 of an approved payout."""
    del call
    return file_reply(payment_order_of(db, territory_id=runtime.current().territory_id, payout_id=payout_id))
