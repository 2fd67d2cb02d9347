"""Read what documents are made of: a month, a year, a distribution, each with its standing and its signed head."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection

from monnaie_locale.chart.queries import chart_of
from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.model import Close
from monnaie_locale.closing.package import head_for
from monnaie_locale.closing.queries import close_of_month
from monnaie_locale.closing.sheets import MonthBooks, month_books
from monnaie_locale.documents.sheet import Standing
from monnaie_locale.dossier.errors import AidNotApproved
from monnaie_locale.exports.paper import issuer_of
from monnaie_locale.exports.registers import registers_of
from monnaie_locale.exports.sheets.scope import Scope
from monnaie_locale.ledger.periods import DECEMBER, Month, moment_of, paris_date
from monnaie_locale.programmes.legal_bases import BASES, Deadline
from monnaie_locale.programmes.model import Distribution, DistributionState, LegalBasis, Programme
from monnaie_locale.programmes.queries import distribution_of, programme_of, programmes_by_id

LISTED_STATES = frozenset({DistributionState.APPROVED, DistributionState.POSTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What one legal basis asks for in a year: the programmes under it, their dates, their documents."""

    basis: LegalBasis
    sources: str
    programmes: tuple[str, ...]
    deadlines: tuple[Deadline, ...]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aid:
    """One approved distribution, ready to be listed."""

    scope: Scope
    programme: Programme
    distribution: Distribution


def books_of_month(
    db: Connection, *, territory_id: int, month: Month, public_key_pem: str, now: datetime.datetime
) -> MonthBooks:
    """Return a month ready for its documents; those of a closed month bear its head and the date of its close.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        month: the month.
        public_key_pem: the installation's key, whose fingerprint is printed.
        now: the present instant, aware; the date of the documents of an open month.

    """
    close = close_of_month(db, territory_id=territory_id, month=month)
    return month_books(
        db,
        said=said_of(db, territory_id=territory_id, month=month, close=close),
        month=month,
        close=close,
        head=head_for(db, territory_id=territory_id, close=close, public_key_pem=public_key_pem),
        created_at=_dated(close, now),
    )


def scope_of_year(
    db: Connection, *, territory_id: int, year: int, public_key_pem: str, now: datetime.datetime
) -> Scope:
    """Return a calendar year ready for its documents: closed when its December is. Arguments as `books_of_month`."""
    close = close_of_month(db, territory_id=territory_id, month=Month(year, DECEMBER))
    first_day, last_day = datetime.date(year, 1, 1), datetime.date(year, DECEMBER, 31)
    registers = registers_of(db, territory_id=territory_id, first_day=first_day, last_day=last_day)
    territory = registers.territory
    head = head_for(db, territory_id=territory_id, close=close, public_key_pem=public_key_pem)
    standing = Standing(
        issuer=issuer_of(territory),
        currency_name=territory.currency_name,
        period=str(year),
        period_label=f"année {year}",
        closed_at=moment_of(close.closed_at_ms) if close is not None and close.closed_at_ms is not None else None,
        created_at=_dated(close, now),
        head=head,
        is_demo=territory.is_demo,
    )
    return Scope(
        db=db, registers=registers, first_day=first_day, last_day=last_day, standing=standing,
        chart=chart_of(db, territory_id=territory_id, day=last_day),
    )  # fmt: skip


def aid_of(
    db: Connection, *, territory_id: int, distribution_id: int, public_key_pem: str, now: datetime.datetime
) -> Aid:
    """Return an approved distribution ready to be listed, dated in the month in which it was approved.

    Refuses distribution_unknown, aid_not_approved. Arguments as `books_of_month`.
    """
    distribution = distribution_of(db, territory_id=territory_id, distribution_id=distribution_id)
    if distribution.state not in LISTED_STATES or distribution.approved_at_ms is None:
        raise AidNotApproved(label=distribution.label)
    month = Month.of(paris_date(distribution.approved_at_ms))
    books = books_of_month(db, territory_id=territory_id, month=month, public_key_pem=public_key_pem, now=now)
    programme = programme_of(db, territory_id=territory_id, programme_id=distribution.programme_id)
    return Aid(scope=books.scope, programme=programme, distribution=distribution)


def duties_of_year(db: Connection, *, territory_id: int, year: int) -> list[Duty]:
    """Return what each legal basis that the town uses asks for in a year."""
    programmes = programmes_by_id(db, territory_id=territory_id).values()
    return [
        Duty(
            basis=basis,
            sources=rules.sources,
            programmes=tuple(one.name for one in programmes if one.legal_basis is basis),
            deadlines=rules.deadlines(year=year),
            documents=rules.documents,
        )
        for basis, rules in BASES.items()
        if any(one.legal_basis is basis for one in programmes)
    ]


def _dated(close: Close | None, now: datetime.datetime) -> datetime.datetime:
    return now if close is None or close.closed_at_ms is None else moment_of(close.closed_at_ms)
