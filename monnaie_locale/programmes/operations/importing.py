"""Prepare a distribution from a big file, in chunks that each commit: it resumes where it stopped, charges go on.

The whole file is read and every line resolved before anything is written. A distribution whose lines are not all there
cannot be approved, and the same file sent again by the same person completes it.
"""

import contextlib
import datetime
from typing import IO

from sqlalchemy import Connection, Engine

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.errors import DistributionEmpty, DistributionNotPrepared
from monnaie_locale.programmes.model import Distribution, DistributionState
from monnaie_locale.programmes.operations.allocations import Allocations, read_allocations
from monnaie_locale.programmes.operations.chunks import Pace, Progress, no_progress, pace_of
from monnaie_locale.programmes.operations.distributing import (
    cancel_distribution,
    check_programme,
    checked_label,
    insert_head,
    record_step,
)
from monnaie_locale.programmes.tables import distribution_lines, distributions
from monnaie_locale.programmes.wallet_directory import WalletDirectory


def import_distribution(
    engine: Engine,
    *,
    territory_id: int,
    programme_id: int,
    file: IO[bytes],
    directory: WalletDirectory,
    expires_on: datetime.date,
    label: str,
    actor: str,
    now: datetime.datetime,
    progress: Progress = no_progress,
    lines_per_chunk: int | Pace | None = None,
) -> Distribution:
    """Prepare a distribution from a `reference;montant` file and return it, whole.

    Args:
        engine: each chunk is a transaction of its own.
        territory_id: whose books.
        programme_id: under which programme.
        file: the CSV file, seekable.
        directory: finds the wallets.
        expires_on: the last day on which the units pay.
        label: 1 to 120 characters.
        actor: who prepares it, "staff:3"; may not approve it.
        now: aware UTC.
        progress: called with (lines written, lines in all) after each chunk.
        lines_per_chunk: how many lines one transaction writes; by default it paces itself.

    Refuses as `distributing.prepare_from_csv`; a wallet closed since it was read cancels what was written.

    """
    label = checked_label(label)
    with reading(engine) as db:
        check_programme(db, territory_id=territory_id, programme_id=programme_id, expires_on=expires_on, now=now)
        allocations = read_allocations(db, territory_id=territory_id, file=file, directory=directory)
    if not len(allocations):
        raise DistributionEmpty
    head = {"territory_id": territory_id, "programme_id": programme_id, "label": label, "expires_on": expires_on}
    distribution_id = transact(
        engine, _begin, head=head | {"prepared_by": actor}, allocations=allocations, actor=actor, now=now
    )
    asked = {"territory_id": territory_id, "distribution_id": distribution_id}
    try:
        _add_lines(engine, allocations=allocations, progress=progress, pace=pace_of(lines_per_chunk), **asked)
    except Refusal:
        transact(engine, _cancel, territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
        raise
    with reading(engine) as db:
        return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def _add_lines(
    engine: Engine,
    *,
    territory_id: int,
    distribution_id: int,
    allocations: Allocations,
    progress: Progress,
    pace: Pace,
) -> None:
    written = 0
    while written < len(allocations):
        with pace.measured():
            written = transact(
                engine,
                _add_chunk,
                territory_id=territory_id,
                distribution_id=distribution_id,
                allocations=allocations,
                lines_per_chunk=pace.lines,
            )
        progress(written, len(allocations))


def _cancel(db: Connection, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime) -> None:
    # It may be somebody else's cancelling that was refused: then there is nothing left to do.
    with contextlib.suppress(DistributionNotPrepared):
        cancel_distribution(db, territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)


def _begin(
    db: Connection, *, head: dict[str, object], allocations: Allocations, actor: str, now: datetime.datetime
) -> int:
    """Return the distribution to complete: the same file's when its preparation was interrupted, else a new one."""
    territory_id = int(str(head["territory_id"]))
    begun = queries.distributions_of(db, territory_id=territory_id, state=DistributionState.PREPARED)
    for each in begun:
        same = (each.programme_id, each.label, each.expires_on, each.prepared_by, each.line_count, each.total_cents)
        asked = (*(head[name] for name in ("programme_id", "label", "expires_on", "prepared_by")),
                 len(allocations), allocations.total_cents)  # fmt: skip
        if same == asked and _is_begun(db, territory_id=territory_id, distribution=each, allocations=allocations):
            return each.distribution_id
    distribution_id = next_id(db, distributions, territory_id=territory_id)
    insert_head(
        db,
        head={**head, "id": distribution_id, "prepared_at_ms": instant_ms(now)},
        line_count=len(allocations),
        total_cents=allocations.total_cents,
    )
    record_step(db, "prepare", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
    return distribution_id


def _is_begun(db: Connection, *, territory_id: int, distribution: Distribution, allocations: Allocations) -> bool:
    """Return whether lines are missing, and those that are there are the first ones of the file."""
    distribution_id = distribution.distribution_id
    written = queries.written_through_line(db, territory_id=territory_id, distribution_id=distribution_id)
    if written == distribution.line_count:
        return False
    stored = queries.distribution_lines_of(
        db, territory_id=territory_id, distribution_id=distribution_id, limit=distribution.line_count
    )
    return all(
        (line.line_no, line.wallet_id, line.amount_cents) == expected
        for line, expected in zip(stored, allocations.lines(limit=written), strict=True)
    )


def _add_chunk(
    db: Connection, *, territory_id: int, distribution_id: int, allocations: Allocations, lines_per_chunk: int
) -> int:
    """Write the lines that follow those already there; return the number of the last one."""
    distribution = queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id, lock=True)
    if distribution.state is not DistributionState.PREPARED:
        raise DistributionNotPrepared
    written = queries.written_through_line(db, territory_id=territory_id, distribution_id=distribution_id)
    rows = [
        (territory_id, distribution_id, *line) for line in allocations.lines(after_line=written, limit=lines_per_chunk)
    ]
    insert_rows(db, distribution_lines, rows)
    return written + len(rows)
