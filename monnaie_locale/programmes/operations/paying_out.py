"""Post an approved distribution, in chunks that each commit: it resumes where it stopped, charges go on between."""

import datetime
import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, update

from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import Owner, lock_territory, open_account, open_purses, recount_accounts
from monnaie_locale.journal.post import post_batch
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import InsufficientFunds, Refusal
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posting
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.errors import (
    DistributionNotApproved,
    DistributionUnfunded,
    ExpiryPast,
    ProgrammeClosed,
)
from monnaie_locale.programmes.model import Distribution, DistributionLine, DistributionState
from monnaie_locale.programmes.operations.chunks import GoesOn, Pace, Progress, no_progress, pace_of, to_the_end
from monnaie_locale.programmes.rules import is_expired
from monnaie_locale.programmes.tables import distributions


def post_distribution(
    engine: Engine,
    *,
    territory_id: int,
    distribution_id: int,
    actor: str,
    now: datetime.datetime,
    progress: Progress = no_progress,
    goes_on: GoesOn = to_the_end,
    lines_per_chunk: int | Pace | None = None,
) -> Distribution:
    """Post every line that is not posted yet, one journal entry a line, and return the distribution.

    Args:
        engine: each chunk is a transaction of its own.
        territory_id: whose books.
        distribution_id: an approved one; a posted one is returned as it is.
        actor: who asks for it, for the audit trail; the entries bear the caller who approved.
        now: aware UTC.
        progress: called with (lines posted, lines in all) after each chunk.
        goes_on: asked after each chunk; no, and the distribution is returned as far as it is.
        lines_per_chunk: how many lines one transaction posts; by default it paces itself.

    Refuses: distribution_unknown, distribution_not_approved, programme_closed, expiry_past, distribution_unfunded
    (the whole batch is looked at before the first line), issue_exceeds_reserve.

    """
    pace = pace_of(lines_per_chunk)
    while True:
        lines = pace.lines
        with pace.measured():
            distribution = transact(
                engine,
                _post_chunk,
                territory_id=territory_id,
                distribution_id=distribution_id,
                actor=actor,
                now=now,
                lines_per_chunk=lines,
            )
        if distribution.posted_through_line <= lines:
            # Perhaps the first purses of the town: charges must find one by its card while the others are opened.
            transact(engine, recount_accounts)
        progress(distribution.posted_through_line, distribution.line_count)
        if distribution.state is DistributionState.POSTED or not goes_on():
            return distribution


def _post_chunk(
    db: Connection,
    *,
    territory_id: int,
    distribution_id: int,
    actor: str,
    now: datetime.datetime,
    lines_per_chunk: int,
) -> Distribution:
    # The posting lock first, as everywhere: two people who post at once wait for each other here.
    lock_territory(db, territory_id=territory_id)
    distribution = queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id, lock=True)
    if distribution.state is DistributionState.POSTED:
        return distribution
    if distribution.state is not DistributionState.APPROVED:
        raise DistributionNotApproved
    if distribution.posted_through_line == 0:
        _check_before_first_line(db, territory_id=territory_id, distribution=distribution, now=now)
    lines = queries.distribution_lines_of(
        db,
        territory_id=territory_id,
        distribution_id=distribution_id,
        after_line=distribution.posted_through_line,
        limit=lines_per_chunk,
    )
    postings = _postings(db, territory_id=territory_id, distribution=distribution, lines=lines, now=now)
    for answer in post_batch(db, postings, recorded_at_ms=instant_ms(now)):
        if isinstance(answer, InsufficientFunds):
            raise DistributionUnfunded(**answer.details)
        if isinstance(answer, Refusal):
            raise answer
    _advance(db, territory_id=territory_id, distribution=distribution, through=lines[-1].line_no, actor=actor, now=now)
    return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def _check_before_first_line(
    db: Connection, *, territory_id: int, distribution: Distribution, now: datetime.datetime
) -> None:
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=distribution.programme_id)
    if not programme.is_open:
        raise ProgrammeClosed(name=programme.name)
    if is_expired(expires_on=distribution.expires_on, day=paris_date(instant_ms(now))):
        raise ExpiryPast(expires_on=f"{distribution.expires_on:%d/%m/%Y}")
    # What another distribution, stopped half way, still has to take is not free: it could not finish otherwise.
    available_cents = queries.funds_of(
        db, territory_id=territory_id, programme_id=programme.programme_id
    ) - queries.promised_cents(
        db, territory_id=territory_id, programme_id=programme.programme_id, besides=distribution.distribution_id
    )
    if available_cents < distribution.total_cents:
        raise DistributionUnfunded(
            missing_cents=distribution.total_cents - max(0, available_cents), available_cents=max(0, available_cents)
        )


def _postings(
    db: Connection,
    *,
    territory_id: int,
    distribution: Distribution,
    lines: Sequence[DistributionLine],
    now: datetime.datetime,
) -> list[Posting]:
    now_ms = instant_ms(now)
    funds = open_account(
        db,
        territory_id=territory_id,
        owner=Owner(AccountKind.PROGRAMME_FUNDS, distribution.programme_id),
        now_ms=now_ms,
    )
    purses = open_purses(
        db,
        territory_id=territory_id,
        programme_id=distribution.programme_id,
        expires_on=distribution.expires_on,
        wallet_ids=[line.wallet_id for line in lines],
        now_ms=now_ms,
    )
    # Who approved, whoever posts: a line posted again after a crash is the same request.
    caller, reference = str(distribution.approved_by), f"D{distribution.distribution_id}"
    return [
        Posting(
            territory_id=territory_id,
            caller=caller,
            idempotency_key=f"distribution:{distribution.distribution_id}:{line.line_no}",
            request_digest=_digest(distribution.distribution_id, line),
            kind=EntryKind.DISTRIBUTION,
            draws=(Draw((funds,), purses[line.wallet_id], line.amount_cents),),
            happened_at_ms=now_ms,
            reference=reference,
        )
        for line in lines
    ]


def _digest(distribution_id: int, line: DistributionLine) -> bytes:
    """Return `request_digest` of the line's own fields, without an encoder: they are integers."""
    return hashlib.sha256(
        f'{{"amount_cents":{line.amount_cents},"distribution_id":{distribution_id},'
        f'"line_no":{line.line_no},"wallet_id":{line.wallet_id}}}'.encode("ascii")
    ).digest()


def _advance(
    db: Connection,
    *,
    territory_id: int,
    distribution: Distribution,
    through: int,
    actor: str,
    now: datetime.datetime,
) -> None:
    is_done = through == distribution.line_count
    values: dict[str, object] = {"posted_through_line": through}
    if is_done:
        values |= {"state": DistributionState.POSTED, "ended_at_ms": instant_ms(now)}
    db.execute(
        update(distributions)
        .where(distributions.c.territory_id == territory_id, distributions.c.id == distribution.distribution_id)
        .values(**values)
    )
    if is_done:
        audit.record(
            db,
            territory_id=territory_id,
            at=now,
            actor=actor,
            action="distribution.post",
            target=f"distribution:{distribution.distribution_id}",
        )
