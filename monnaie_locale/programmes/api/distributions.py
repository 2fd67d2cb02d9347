"""Distributions over JSON: prepared by one person, approved by another, posted, resumed."""

import io

from flask import current_app
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.identity.roles import Permission
from monnaie_locale.ledger.errors import IssueExceedsReserve
from monnaie_locale.programmes import errors, queries
from monnaie_locale.programmes.api.replies import (
    AMOUNT_REFUSALS,
    CsvDistributionBody,
    DistributionBody,
    DistributionReply,
    DistributionsReply,
    LineReply,
    LinesReply,
    distribution_reply,
    town,
)
from monnaie_locale.programmes.operations import chunks, distributing, paying_out
from monnaie_locale.programmes.wallet_directory import EXTENSION, WalletDirectory

PREPARE_REFUSALS = (
    *AMOUNT_REFUSALS,
    errors.ProgrammeUnknown,
    errors.ProgrammeClosed,
    errors.ExpiryPast,
    errors.ExpiryBeyondYear,
    errors.DistributionWalletTwice,
    errors.DistributionWalletUnknown,
)

blueprint = api_blueprint("distributions_api", __name__)


@endpoint(
    blueprint,
    "POST",
    "/programmes/<int:programme_id>/distributions",
    summary="Prepare a distribution",
    permission=Permission.PREPARE_DISTRIBUTION,
    body=DistributionBody,
    answers=DistributionReply,
    status=201,
    refusals=PREPARE_REFUSALS,
    idempotent="stored",
)
def prepare_distribution(db: Connection, *, body: DistributionBody, call: Call, programme_id: int) -> DistributionReply:
    """Prepare a distribution; another person approves it."""
    prepared = distributing.prepare_distribution(
        db,
        territory_id=town(),
        programme_id=programme_id,
        lines=[(line.wallet_id, line.amount_cents) for line in body.lines],
        expires_on=body.expires_on,
        label=body.label,
        actor=call.caller,
        now=call.now,
    )
    return distribution_reply(prepared)


@endpoint(
    blueprint,
    "POST",
    "/programmes/<int:programme_id>/distributions/csv",
    summary="Prepare a distribution from a file",
    permission=Permission.PREPARE_DISTRIBUTION,
    body=CsvDistributionBody,
    answers=DistributionReply,
    status=201,
    refusals=(errors.CsvUnreadable, errors.CsvTooLarge, errors.CsvLineInvalid, *PREPARE_REFUSALS),
    idempotent="stored",
)
def prepare_distribution_from_csv(
    db: Connection, *, body: CsvDistributionBody, call: Call, programme_id: int
) -> DistributionReply:
    """Prepare a distribution from a `reference;montant` file: a bad line is named, and nothing is imported."""
    directory: WalletDirectory = current_app.extensions[EXTENSION]
    prepared = distributing.prepare_from_csv(
        db,
        territory_id=town(),
        programme_id=programme_id,
        file=io.BytesIO(body.csv.encode()),
        directory=directory,
        expires_on=body.expires_on,
        label=body.label,
        actor=call.caller,
        now=call.now,
    )
    return distribution_reply(prepared)


@endpoint(
    blueprint,
    "GET",
    "/distributions",
    summary="List distributions",
    permission=Permission.VIEW_PROGRAMMES,
    answers=DistributionsReply,
)
def list_distributions(db: Connection, *, call: Call) -> DistributionsReply:
    """List the distributions of every programme, newest first."""
    del call
    found = queries.distributions_of(db, territory_id=town())
    return DistributionsReply(distributions=[distribution_reply(each) for each in found])


@endpoint(
    blueprint,
    "GET",
    "/distributions/<int:distribution_id>/lines",
    summary="List the lines of a distribution",
    permission=Permission.VIEW_PROGRAMMES,
    query=PageQuery,
    answers=LinesReply,
    refusals=(errors.DistributionUnknown,),
)
def list_lines(db: Connection, *, query: PageQuery, call: Call, distribution_id: int) -> LinesReply:
    """List what each wallet receives, in the order of the file."""
    del call
    queries.distribution_of(db, territory_id=town(), distribution_id=distribution_id)
    position = read_cursor(query.cursor)
    after_line = 0 if position is None else int(position[0])
    found = queries.distribution_lines_of(
        db, territory_id=town(), distribution_id=distribution_id, after_line=after_line, limit=query.limit + 1
    )
    lines = [
        LineReply(line_no=line.line_no, wallet_id=line.wallet_id, amount_cents=line.amount_cents)
        for line in found[: query.limit]
    ]
    more = len(found) > query.limit
    return LinesReply(lines=lines, next_cursor=write_cursor((lines[-1].line_no,)) if more else None)


@endpoint(
    blueprint,
    "GET",
    "/distributions/<int:distribution_id>",
    summary="Show a distribution",
    permission=Permission.VIEW_PROGRAMMES,
    answers=DistributionReply,
    refusals=(errors.DistributionUnknown,),
)
def show_distribution(db: Connection, *, call: Call, distribution_id: int) -> DistributionReply:
    """Show a distribution and how far it is in the books."""
    del call
    return distribution_reply(queries.distribution_of(db, territory_id=town(), distribution_id=distribution_id))


@endpoint(
    blueprint,
    "POST",
    "/distributions/<int:distribution_id>/approve",
    summary="Approve a distribution",
    permission=Permission.APPROVE_DISTRIBUTION,
    answers=DistributionReply,
    refusals=(
        errors.DistributionUnknown,
        errors.DistributionNotPrepared,
        errors.MakerIsChecker,
        errors.DistributionIncomplete,
        errors.ProgrammeClosed,
        errors.ExpiryPast,
        errors.ExpiryBeyondYear,
    ),
    idempotent="stored",
)
def approve_distribution(db: Connection, *, call: Call, distribution_id: int) -> DistributionReply:
    """Approve a distribution that somebody else prepared."""
    approved = distributing.approve_distribution(
        db, territory_id=town(), distribution_id=distribution_id, actor=call.caller, now=call.now
    )
    return distribution_reply(approved)


@endpoint(
    blueprint,
    "POST",
    "/distributions/<int:distribution_id>/cancel",
    summary="Cancel a distribution",
    permission=Permission.PREPARE_DISTRIBUTION,
    answers=DistributionReply,
    refusals=(errors.DistributionUnknown, errors.DistributionNotPrepared),
    idempotent="stored",
)
def cancel_distribution(db: Connection, *, call: Call, distribution_id: int) -> DistributionReply:
    """Cancel a distribution of which nothing was posted."""
    cancelled = distributing.cancel_distribution(
        db, territory_id=town(), distribution_id=distribution_id, actor=call.caller, now=call.now
    )
    return distribution_reply(cancelled)


@endpoint(
    blueprint,
    "POST",
    "/distributions/<int:distribution_id>/post",
    summary="Post an approved distribution",
    permission=Permission.APPROVE_DISTRIBUTION,
    answers=DistributionReply,
    refusals=(
        errors.DistributionUnknown,
        errors.DistributionNotApproved,
        errors.ProgrammeClosed,
        errors.ExpiryPast,
        errors.DistributionUnfunded,
        IssueExceedsReserve,
    ),
    idempotent="journal",
)
def post_distribution(*, call: Call, distribution_id: int) -> DistributionReply:
    """Post the lines not posted yet, for some seconds: ask again until `state` is "posted".

    Each line has a key of its own, so that asking again posts nothing twice, whatever happened meanwhile.
    """
    posted = paying_out.post_distribution(
        runtime.current().engine,
        territory_id=town(),
        distribution_id=distribution_id,
        actor=call.caller,
        now=call.now,
        goes_on=chunks.for_seconds(chunks.SECONDS_PER_REQUEST),
    )
    return distribution_reply(posted)
