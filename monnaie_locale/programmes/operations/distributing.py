"""A distribution: prepared by one person, approved by another. A big file is prepared by `importing`."""

import datetime
from collections.abc import Mapping, Sequence
from typing import IO

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.errors import (
    DistributionEmpty,
    DistributionIncomplete,
    DistributionLabelInvalid,
    DistributionNotPrepared,
    DistributionWalletTwice,
    ExpiryBeyondYear,
    ExpiryPast,
    MakerIsChecker,
    ProgrammeClosed,
)
from monnaie_locale.programmes.model import Distribution, DistributionState
from monnaie_locale.programmes.operations.allocations import read_allocations
from monnaie_locale.programmes.rules import expiry_is_lawful, is_expired
from monnaie_locale.programmes.tables import distribution_lines, distributions
from monnaie_locale.programmes.wallet_directory import WalletDirectory

LABEL_LENGTH_MAX = 120
# One transaction holds the books of a SQLite town all along; above, a file is prepared in chunks.
LINES_PER_TRANSACTION_MAX = 50_000


def prepare_distribution(
    db: Connection,
    *,
    territory_id: int,
    programme_id: int,
    lines: Sequence[tuple[int, int]],
    expires_on: datetime.date,
    label: str,
    actor: str,
    now: datetime.datetime,
) -> Distribution:
    """Write down a batch of allocations for another person to approve; nothing is posted.

    Args:
        db: the transaction.
        territory_id: whose books.
        programme_id: under which programme.
        lines: (wallet id, cents) in the order of the file.
        expires_on: the last day on which the units pay.
        label: 1 to 120 characters.
        actor: who prepares it, "staff:3"; may not approve it.
        now: aware UTC.

    Refuses: distribution_label_invalid, distribution_empty, amount_not_positive, amount_too_large,
    distribution_wallet_twice, programme_unknown, programme_closed, expiry_past, expiry_beyond_year,
    distribution_wallet_unknown.

    """
    label = checked_label(label)
    _check_lines(lines)
    check_programme(db, territory_id=territory_id, programme_id=programme_id, expires_on=expires_on, now=now)
    distribution_id = next_id(db, distributions, territory_id=territory_id)
    head = {
        "territory_id": territory_id,
        "id": distribution_id,
        "programme_id": programme_id,
        "label": label,
        "expires_on": expires_on,
        "prepared_by": actor,
        "prepared_at_ms": instant_ms(now),
    }
    _insert(db, head=head, lines=lines)
    record_step(db, "prepare", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
    return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def prepare_from_csv(
    db: Connection,
    *,
    territory_id: int,
    programme_id: int,
    file: IO[bytes],
    directory: WalletDirectory,
    expires_on: datetime.date,
    label: str,
    actor: str,
    now: datetime.datetime,
) -> Distribution:
    """Prepare a distribution from a `reference;montant` file in one transaction; one bad line, nothing is imported.

    Refuses as `prepare_distribution`, and csv_unreadable, csv_too_large, csv_line_invalid (an unknown household too,
    with its line).
    """
    allocations = read_allocations(
        db, territory_id=territory_id, file=file, directory=directory, lines_max=LINES_PER_TRANSACTION_MAX
    )
    return prepare_distribution(
        db,
        territory_id=territory_id,
        programme_id=programme_id,
        lines=[(wallet_id, amount_cents) for _, wallet_id, amount_cents in allocations.lines()],
        expires_on=expires_on,
        label=label,
        actor=actor,
        now=now,
    )


def approve_distribution(
    db: Connection, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime
) -> Distribution:
    """Approve a prepared distribution; the database too refuses that it be who prepared it.

    Refuses: distribution_unknown, distribution_not_prepared, maker_is_checker, distribution_incomplete,
    programme_closed, expiry_past, expiry_beyond_year.
    """
    distribution = _prepared(db, territory_id=territory_id, distribution_id=distribution_id)
    if distribution.prepared_by == actor:
        raise MakerIsChecker
    written = queries.written_through_line(db, territory_id=territory_id, distribution_id=distribution_id)
    if written < distribution.line_count:
        raise DistributionIncomplete(written=written, lines=distribution.line_count)
    check_programme(
        db,
        territory_id=territory_id,
        programme_id=distribution.programme_id,
        expires_on=distribution.expires_on,
        now=now,
    )
    _change(
        db,
        territory_id=territory_id,
        distribution_id=distribution_id,
        state=DistributionState.APPROVED,
        approved_by=actor,
        approved_at_ms=instant_ms(now),
    )
    record_step(db, "approve", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
    return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def cancel_distribution(
    db: Connection, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime
) -> Distribution:
    """Cancel a distribution of which nothing was posted yet.

    Refuses: distribution_unknown, distribution_not_prepared (posted, half posted or already cancelled).
    """
    distribution = queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id, lock=True)
    waiting = distribution.state in {DistributionState.PREPARED, DistributionState.APPROVED}
    if not waiting or distribution.posted_through_line > 0:
        raise DistributionNotPrepared
    _change(
        db,
        territory_id=territory_id,
        distribution_id=distribution_id,
        state=DistributionState.CANCELLED,
        ended_at_ms=instant_ms(now),
    )
    record_step(db, "cancel", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
    return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def checked_label(label: str) -> str:
    """Return the label trimmed; refuses distribution_label_invalid."""
    label = label.strip()
    if not 1 <= len(label) <= LABEL_LENGTH_MAX:
        raise DistributionLabelInvalid
    return label


def _check_lines(lines: Sequence[tuple[int, int]]) -> None:
    if not lines:
        raise DistributionEmpty
    seen: dict[int, int] = {}
    for line_no, (wallet_id, amount_cents) in enumerate(lines, start=1):
        check_amount(amount_cents)
        if wallet_id in seen:
            raise DistributionWalletTwice(first_line=seen[wallet_id], line=line_no, wallet_id=wallet_id)
        seen[wallet_id] = line_no


def check_programme(
    db: Connection, *, territory_id: int, programme_id: int, expires_on: datetime.date, now: datetime.datetime
) -> None:
    """Let a distribution be made under the programme; refuses programme_unknown, _closed, expiry_past, _beyond_year."""
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    if not programme.is_open:
        raise ProgrammeClosed(name=programme.name)
    day = paris_date(instant_ms(now))
    if is_expired(expires_on=expires_on, day=day):
        raise ExpiryPast(expires_on=f"{expires_on:%d/%m/%Y}")
    if not expiry_is_lawful(programme, expires_on=expires_on, day=day):
        raise ExpiryBeyondYear(expires_on=f"{expires_on:%d/%m/%Y}")


def insert_head(db: Connection, *, head: Mapping[str, object], line_count: int, total_cents: int) -> None:
    """Write what a distribution is, before its lines; refuses amount_too_large."""
    counts = {"line_count": line_count, "total_cents": check_amount(total_cents), "posted_through_line": 0}
    db.execute(insert(distributions), {**head, **counts, "state": DistributionState.PREPARED})


def _insert(db: Connection, *, head: Mapping[str, object], lines: Sequence[tuple[int, int]]) -> None:
    insert_head(db, head=head, line_count=len(lines), total_cents=sum(amount_cents for _, amount_cents in lines))
    rows = [
        (head["territory_id"], head["id"], line_no, wallet_id, amount_cents)
        for line_no, (wallet_id, amount_cents) in enumerate(lines, start=1)
    ]
    insert_rows(db, distribution_lines, rows)


def _prepared(db: Connection, *, territory_id: int, distribution_id: int) -> Distribution:
    distribution = queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id, lock=True)
    if distribution.state is not DistributionState.PREPARED:
        raise DistributionNotPrepared
    return distribution


def _change(db: Connection, *, territory_id: int, distribution_id: int, **values: object) -> None:
    db.execute(
        update(distributions)
        .where(distributions.c.territory_id == territory_id, distributions.c.id == distribution_id)
        .values(**values)
    )


def record_step(
    db: Connection, step: str, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime
) -> None:
    """Leave the step in the audit trail."""
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action=f"distribution.{step}",
        target=f"distribution:{distribution_id}",
    )
