"""What a shop reads of a month beside its operations: its transfer, the terms of payouts, its chèques year by year."""

import datetime
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from merchants.model import Payout, PayoutLine, PayoutState
from merchants.payouts.cap_claims import Certification, Claim, certifications_of, claims_deadline, claims_of
from merchants.payouts.operations import MINIMUM_NOTED, PREPARED
from merchants.payouts.terms import terms_of
from merchants.queries import lines_of, list_payouts
from monnaie_locale.documents.model import CapYear
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.ledger.periods import Month, instant_ms, paris_date

ORDERED_STATES = frozenset({PayoutState.APPROVED, PayoutState.SENT, PayoutState.SETTLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsTold:
    """The terms of payouts as a shop reads them: the issuer's fee, and what waits below a minimum.

    `minimum_cents` is None for a payout of an older version, which did not note it: nobody can tell it any more.
    """

    fee_basis_points: int
    minimum_cents: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What a month pays one shop: its line, the execution day, the terms under which it was prepared."""

    line: PayoutLine
    execution_on: datetime.date
    terms: TermsTold


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPaid:
    """What the payouts of a month pay each shop, by its number, and the terms of the newest; None without a payout.

    A shop that none of them pays reads these terms too: they are why it waits.
    """

    by_shop: Mapping[int, Paid]
    terms: TermsTold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopMonth:
    """A shop's month beside its operations; `paid` is None when no transfer is ordered for it."""

    paid: Paid | None
    terms: TermsTold
    cap: tuple[CapYear, ...]


def shop_month(
    db: Connection, *, territory_id: int, merchant_id: int, month: Month, now: datetime.datetime
) -> ShopMonth:
    """Return what one shop reads of a month, as it stands; `now` is aware UTC."""
    payouts = [
        (payout, lines_of(db, territory_id=territory_id, payout_id=payout.id))
        for payout in list_payouts(db, territory_id=territory_id)
        if payout.state in ORDERED_STATES and Month.of(payout.cutoff_on) == month
    ]
    found = paid_by(db, territory_id=territory_id, payouts=payouts)
    paid = found.by_shop.get(merchant_id)
    cap = cap_years(db, territory_id=territory_id, month=month, now=now, merchant_id=merchant_id)
    return ShopMonth(
        paid=paid,
        terms=told_terms(db, territory_id=territory_id, paid=paid, month_paid=found, now=now),
        cap=tuple(cap[merchant_id]),
    )


def paid_by(db: Connection, *, territory_id: int, payouts: Sequence[tuple[Payout, Sequence[PayoutLine]]]) -> MonthPaid:
    """Return what some payouts pay each shop, the newest first.

    Args:
        db: a connection.
        territory_id: whose books.
        payouts: those ordered for a month, the newest first, with the lines that may be told; one without any is not.

    """
    paid: dict[int, Paid] = {}
    newest: TermsTold | None = None
    minimums = _minimums_noted(db, territory_id=territory_id) if payouts else {}
    for payout, lines in payouts:
        if not lines:
            continue
        decided = terms_of(db, territory_id=territory_id, as_of_ms=payout.prepared_at_ms)
        terms = TermsTold(fee_basis_points=decided.fee_basis_points, minimum_cents=minimums.get(payout.id))
        newest = newest or terms
        for line in lines:
            paid.setdefault(line.merchant_id, Paid(line=line, execution_on=payout.execution_on, terms=terms))
    return MonthPaid(by_shop=paid, terms=newest)


def told_terms(
    db: Connection, *, territory_id: int, paid: Paid | None, month_paid: MonthPaid, now: datetime.datetime
) -> TermsTold:
    """Return the terms that a shop reads: of its transfer, else of the month's newest payout, else those in force."""
    if paid is not None:
        return paid.terms
    if month_paid.terms is not None:
        return month_paid.terms
    decided = terms_of(db, territory_id=territory_id, as_of_ms=instant_ms(now))
    return TermsTold(fee_basis_points=decided.fee_basis_points, minimum_cents=decided.minimum_cents)


def _minimums_noted(db: Connection, *, territory_id: int) -> dict[int, int]:
    """Return the minimum under which each payout was prepared, in cents, as the audit trail noted it."""
    noted: dict[int, int] = {}
    for event in events_of_actions(db, territory_id=territory_id, actions=(PREPARED,)):
        minimum_cents = json.loads(event.detail).get(MINIMUM_NOTED)
        if minimum_cents is not None:
            noted[int(event.target.partition(":")[2])] = minimum_cents
    return noted


def cap_years(
    db: Connection, *, territory_id: int, month: Month, now: datetime.datetime, merchant_id: int | None = None
) -> dict[int, list[CapYear]]:
    """Return each shop's chèques by year: those of this year and the last, and older ones that are still kept back.

    Args:
        db: a connection.
        territory_id: whose books.
        month: until its last day, or today when it is not over.
        now: what had been certified by then; aware UTC.
        merchant_id: one shop, or None for all.

    """
    as_of_ms = instant_ms(now)
    through_on = min(month.last_day, paris_date(as_of_ms))
    claims = claims_of(db, territory_id=territory_id, through_on=through_on, as_of_ms=as_of_ms, merchant_id=merchant_id)
    certified = {
        (each.merchant_id, each.year): each
        for each in certifications_of(db, territory_id=territory_id, as_of_ms=as_of_ms)
    }
    by_year: dict[tuple[int, int], list[Claim]] = defaultdict(list)
    for claim in claims:
        by_year[claim.merchant_id, claim.year].append(claim)
    found: dict[int, list[CapYear]] = defaultdict(list)
    for (shop, year), theirs in sorted(by_year.items()):
        row = _cap_year(year, theirs, certified.get((shop, year)))
        if row.taken_cents and (year >= month.year - 1 or row.kept_cents):
            found[shop].append(row)
    return found


def _cap_year(year: int, claims: Sequence[Claim], certification: Certification | None) -> CapYear:
    return CapYear(
        year=year,
        taken_cents=sum(each.taken_cents for each in claims),
        kept_cents=sum(each.amount_cents for each in claims),
        given_back_cents=sum(each.given_back_cents for each in claims),
        deadline_on=claims_deadline(year),
        certified_on=None if certification is None else paris_date(certification.recorded_at_ms),
        document="" if certification is None else certification.document,
    )
