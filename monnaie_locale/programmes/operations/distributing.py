"""A distribution: prepared by one person, approved by another."""

import datetime
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.bulk import insert_rows
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.csv_table import read_amounts
from monnaie_locale.programmes.errors import (
    CsvLineInvalid,
    DistributionEmpty,
    DistributionLabelInvalid,
    DistributionNotPrepared,
    DistributionWalletTwice,
    ExpiryBeyondYear,
    ExpiryPast,
    MakerIsChecker,
    ProgrammeClosed,
)
from monnaie_locale.programmes.model import Distribution, DistributionState
from monnaie_locale.programmes.rules import expiry_is_lawful, is_expired
from monnaie_locale.programmes.tables import distribution_lines, distributions
from monnaie_locale.programmes.wallet_directory import WalletDirectory

LABEL_LENGTH_MAX = 120


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
    label = label.strip()
    if not 1 <= len(label) <= LABEL_LENGTH_MAX:
        raise DistributionLabelInvalid
    _check_lines(lines)
    _check_programme(db, territory_id=territory_id, programme_id=programme_id, expires_on=expires_on, now=now)
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
    _record(db, "prepare", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
    return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def prepare_from_csv(
    db: Connection,
    *,
    territory_id: int,
    programme_id: int,
    content: bytes,
    directory: WalletDirectory,
    expires_on: datetime.date,
    label: str,
    actor: str,
    now: datetime.datetime,
) -> Distribution:
    """Prepare a distribution from a `reference;montant` file; one bad line and nothing is imported.

    Refuses as `prepare_distribution`, and csv_unreadable, csv_too_large, csv_line_invalid (an unknown household too,
    with its line).
    """
    amounts = read_amounts(content)
    found = directory.wallets_by_reference(
        db, territory_id=territory_id, references=[amount.reference for amount in amounts]
    )
    for amount in amounts:
        if amount.reference not in found:
            reason = f"aucun porte-monnaie ouvert pour « {amount.reference} »."
            raise CsvLineInvalid(line=amount.line, column="reference", reason=reason)
    return prepare_distribution(
        db,
        territory_id=territory_id,
        programme_id=programme_id,
        lines=[(found[amount.reference], amount.amount_cents) for amount in amounts],
        expires_on=expires_on,
        label=label,
        actor=actor,
        now=now,
    )


def approve_distribution(
    db: Connection, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime
) -> Distribution:
    """Approve a prepared distribution; the database too refuses that it be who prepared it.

    Refuses: distribution_unknown, distribution_not_prepared, maker_is_checker, programme_closed, expiry_past,
    expiry_beyond_year.
    """
    distribution = _prepared(db, territory_id=territory_id, distribution_id=distribution_id)
    if distribution.prepared_by == actor:
        raise MakerIsChecker
    _check_programme(
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
    _record(db, "approve", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
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
    _record(db, "cancel", territory_id=territory_id, distribution_id=distribution_id, actor=actor, now=now)
    return queries.distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)


def _check_lines(lines: Sequence[tuple[int, int]]) -> None:
    if not lines:
        raise DistributionEmpty
    seen: dict[int, int] = {}
    for line_no, (wallet_id, amount_cents) in enumerate(lines, start=1):
        check_amount(amount_cents)
        if wallet_id in seen:
            raise DistributionWalletTwice(first_line=seen[wallet_id], line=line_no, wallet_id=wallet_id)
        seen[wallet_id] = line_no


def _check_programme(
    db: Connection, *, territory_id: int, programme_id: int, expires_on: datetime.date, now: datetime.datetime
) -> None:
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    if not programme.is_open:
        raise ProgrammeClosed(name=programme.name)
    day = paris_date(instant_ms(now))
    if is_expired(expires_on=expires_on, day=day):
        raise ExpiryPast(expires_on=f"{expires_on:%d/%m/%Y}")
    if not expiry_is_lawful(programme, expires_on=expires_on, day=day):
        raise ExpiryBeyondYear(expires_on=f"{expires_on:%d/%m/%Y}")


def _insert(db: Connection, *, head: Mapping[str, object], lines: Sequence[tuple[int, int]]) -> None:
    total_cents = check_amount(sum(amount_cents for _, amount_cents in lines))
    counts = {"line_count": len(lines), "total_cents": total_cents, "posted_through_line": 0}
    db.execute(insert(distributions), {**head, **counts, "state": DistributionState.PREPARED})
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


def _record(
    db: Connection, step: str, *, territory_id: int, distribution_id: int, actor: str, now: datetime.datetime
) -> None:
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action=f"distribution.{step}",
        target=f"distribution:{distribution_id}",
    )
