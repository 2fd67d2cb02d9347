"""What a shop took in chèques d'accompagnement personnalisé: paid once certified, lapsed after the deadline.

Source: CGCT R1611-5 and R1611-6: the issuer pays a shop only for what it certified; claims of a year are presented
until the 28th of February that follows; what is not paid goes back to the distributor, the CCAS. The year is that in
which the purses expire.
"""

import datetime
import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from merchants.payout_errors import CapClaimLapsed, CapClaimNotLapsed, CapYearWrong
from merchants.queries import find_merchant, merchant_accounts
from merchants.tables import cap_certifications, cap_lapses
from monnaie_locale.identity import audit
from monnaie_locale.journal.account_history import numbers_touching
from monnaie_locale.journal.directory import Owner, lock_territory, open_account
from monnaie_locale.journal.event_queries import days_of
from monnaie_locale.journal.post import post
from monnaie_locale.journal.purse_flows import taken_from_purses
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import instant_ms, paris_date
from monnaie_locale.ledger.posting import Draw, Posting, request_digest
from monnaie_locale.programmes.legal_bases import last_of_february
from monnaie_locale.programmes.model import LegalBasis
from monnaie_locale.programmes.queries import programmes_by_id

DOCUMENT_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A shop's claims on one programme's chèques of one year: all that it took, and what is kept back of it, in cents.

    `amount_cents` is what is kept back, `given_back_cents` what lapsed and went to the CCAS; `is_certified`: the shop
    certified their use, and what is kept came in after the deadline all the same.
    """

    merchant_id: int
    programme_id: int
    year: int
    taken_cents: int
    amount_cents: int
    given_back_cents: int
    is_certified: bool


class CapState(StrEnum):
    """Where a shop stands with a year's chèques: certified, still to certify, or past the deadline."""

    CERTIFIED = "certified"
    TO_CERTIFY = "to_certify"
    LAPSED = "lapsed"


def claim_state(claim: Claim, *, today: datetime.date) -> CapState:
    """Return where a claim stands on a day."""
    if claim.is_certified:
        return CapState.CERTIFIED
    return CapState.TO_CERTIFY if today <= claims_deadline(claim.year) else CapState.LAPSED


def claims_deadline(year: int) -> datetime.date:
    """Return the last day on which a year's claims are presented: the end of the second month after it (CGCT L1611-6).

    The decree (R1611-6) says 28 February; in a leap year the law gives a day more.
    """
    return last_of_february(year + 1)


def claims_kept(
    db: Connection, *, territory_id: int, through_on: datetime.date, merchant_id: int | None = None
) -> list[Claim]:
    """Return what is not to be paid of the claims accounted until a day: not certified, or come after the deadline."""
    return [
        claim
        for claim in claims_of(db, territory_id=territory_id, through_on=through_on)
        if claim.amount_cents > 0 and merchant_id in {None, claim.merchant_id}
    ]


def claims_of(
    db: Connection,
    *,
    territory_id: int,
    through_on: datetime.date,
    as_of_ms: int | None = None,
    merchant_id: int | None = None,
) -> list[Claim]:
    """Return every shop's claims accounted until a day, year by year, also those of which nothing is kept back.

    Args:
        db: a connection.
        territory_id: whose books.
        through_on: the last accounting day.
        as_of_ms: what had been certified by then, milliseconds UTC, and had lapsed by that day; None for all of it.
        merchant_id: of one shop, or None for all.

    """
    programmes = [
        programme
        for programme in programmes_by_id(db, territory_id=territory_id).values()
        if programme.legal_basis is LegalBasis.CAP
    ]
    if not programmes:
        return []
    first_year = min(programme.decided_on.year for programme in programmes)
    own: list[int] | None = None
    if merchant_id is not None:
        account_ids = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)
        own = numbers_touching(db, territory_id=territory_id, account_ids=account_ids)
    ids = [programme.programme_id for programme in programmes]
    taken = functools.partial(
        taken_from_purses, db, territory_id=territory_id, programme_ids=ids, through_on=through_on, entry_ids=own
    )
    return [
        claim
        for year in range(first_year, through_on.year + 1)
        for claim in _of_year(db, territory_id, taken, (year, through_on), as_of_ms)
        if merchant_id in {None, claim.merchant_id}
    ]


def _of_year(
    db: Connection,
    territory_id: int,
    taken_from: Callable[..., dict[tuple[int, int], int]],
    period: tuple[int, datetime.date],
    as_of_ms: int | None,
) -> Iterator[Claim]:
    year, through_on = period
    taken = taken_from(year=year, after_on=None)
    late: dict[tuple[int, int], int] = {}
    if through_on > claims_deadline(year):
        late = taken_from(year=year, after_on=claims_deadline(year))
    certified = {
        each.merchant_id for each in certifications_of(db, territory_id=territory_id, year=year, as_of_ms=as_of_ms)
    }
    lapsed = _lapsed(db, territory_id, year, None if as_of_ms is None else through_on)
    for (merchant_id, programme_id), cents in sorted(taken.items()):
        is_certified = merchant_id in certified
        kept_cents = late.get((merchant_id, programme_id), 0) if is_certified else cents
        # What lapsed already left the shop; it is told of the shop's programmes one after the other.
        given_back_cents = min(kept_cents, lapsed[merchant_id])
        lapsed[merchant_id] -= given_back_cents
        yield Claim(
            merchant_id=merchant_id,
            programme_id=programme_id,
            year=year,
            taken_cents=cents,
            amount_cents=max(0, kept_cents - given_back_cents),
            given_back_cents=given_back_cents,
            is_certified=is_certified,
        )


def _lapsed(db: Connection, territory_id: int, year: int, through_on: datetime.date | None) -> dict[int, int]:
    """Return what lapsed of a year's claims of each shop, in cents: all, or what is accounted until a day."""
    found = [each for each in lapses_of(db, territory_id=territory_id) if each[2] == year]
    if through_on is not None:
        days = days_of(db, territory_id=territory_id, entry_ids=[each[0] for each in found])
        found = [each for each in found if days[each[0]] <= through_on]
    lapsed: dict[int, int] = defaultdict(int)
    for _, merchant_id, _, cents in found:
        lapsed[merchant_id] += cents
    return lapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """What a shop signed about its use of a year's chèques, and who recorded it when (milliseconds UTC)."""

    merchant_id: int
    year: int
    document: str
    recorded_by: str
    recorded_at_ms: int


def certifications_of(
    db: Connection, *, territory_id: int, year: int | None = None, as_of_ms: int | None = None
) -> list[Certification]:
    """Return the certifications by shop and year: all, or those of a year, or those recorded by an instant."""
    columns = cap_certifications.c
    query = select(*(column for column in columns if column.name != "territory_id")).where(
        columns.territory_id == territory_id
    )
    if year is not None:
        query = query.where(columns.year == year)
    if as_of_ms is not None:
        query = query.where(columns.recorded_at_ms <= as_of_ms)
    rows = db.execute(query.order_by(columns.merchant_id, columns.year)).mappings()
    return [Certification(**row) for row in rows]


def lapses_of(db: Connection, *, territory_id: int) -> list[tuple[int, int, int, int]]:
    """Return every claim that lapsed: (entry, shop, year, cents)."""
    columns = cap_lapses.c
    rows = db.execute(
        select(columns.entry_id, columns.merchant_id, columns.year, columns.amount_cents).where(
            columns.territory_id == territory_id
        )
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def lapsed_by_programme(
    db: Connection, *, territory_id: int, year: int, through_on: datetime.date
) -> dict[tuple[int, int], int]:
    """Return what lapsed of a year's claims in entries accounted until a day, in cents, by (shop, programme)."""
    entries = [(entry_id, shop, cents) for entry_id, shop, of_year, cents in
               lapses_of(db, territory_id=territory_id) if of_year == year]  # fmt: skip
    found: dict[tuple[int, int], int] = {}
    for entry_id, merchant_id, cents in entries:
        entry = entry_of(db, territory_id=territory_id, entry_id=entry_id).entry
        if entry.accounted_on <= through_on:
            key = (merchant_id, _programme_of(entry.reference))
            found[key] = found.get(key, 0) + cents
    return found


def record_certification(
    db: Connection,
    *,
    territory_id: int,
    merchant_id: int,
    year: int,
    document: str,
    actor: str,
    now: datetime.datetime,
) -> None:
    """Record that a shop certified its use of a year's chèques as conforming; its claims are paid from then on.

    Args:
        db: the transaction.
        territory_id: whose books.
        merchant_id: the shop.
        year: of the chèques.
        document: what it signed, for those who look for it: "attestation du 12/01/2027".
        actor: the caller, "staff:3".
        now: aware UTC.

    Refuses, in this order: merchant_unknown, cap_year_wrong, cap_claim_lapsed, cap_already_certified.

    """
    find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)
    today = paris_date(instant_ms(now))
    if not today.year - 2 < year <= today.year:
        raise CapYearWrong(year=year)
    if today > claims_deadline(year):
        raise CapClaimLapsed(year=year, deadline_on=f"{claims_deadline(year):%d/%m/%Y}")
    db.execute(
        insert(cap_certifications),
        {
            "territory_id": territory_id,
            "merchant_id": merchant_id,
            "year": year,
            "document": " ".join(document.split())[:DOCUMENT_LENGTH_MAX],
            "recorded_by": actor,
            "recorded_at_ms": instant_ms(now),
        },
    )
    _record(db, territory_id, merchant_id, "merchant.certify_cap", {"year": year}, actor=actor, now=now)


def lapse_claims(
    db: Connection, *, territory_id: int, merchant_id: int, year: int, actor: str, now: datetime.datetime
) -> int:
    """Give back to the CCAS what a shop may not claim any more; return the cents.

    Refuses, in this order: merchant_unknown, cap_claim_not_lapsed, insufficient_funds (it was paid already).
    """
    find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)
    lock_territory(db, territory_id=territory_id)
    today = paris_date(instant_ms(now))
    kept = claims_kept(db, territory_id=territory_id, through_on=today, merchant_id=merchant_id)
    claims = [each for each in kept if each.year == year and today > claims_deadline(year)]
    if not claims:
        raise CapClaimNotLapsed(year=year)
    shop_id, _ = merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)
    for claim in claims:
        owner = Owner(AccountKind.EXPIRED, claim.programme_id)
        expired_id = open_account(db, territory_id=territory_id, owner=owner, now_ms=instant_ms(now))
        posted = post(
            db,
            Posting(
                territory_id=territory_id,
                caller=actor,
                idempotency_key=f"cap-lapse:{merchant_id}:{claim.programme_id}:{year}:{today.isoformat()}",
                request_digest=request_digest(merchant_id=merchant_id, year=year, amount_cents=claim.amount_cents),
                kind=EntryKind.EXPIRY,
                draws=(Draw((shop_id,), expired_id, claim.amount_cents),),
                happened_at_ms=instant_ms(now),
                reference=_reference(year, claim.programme_id),
            ),
            recorded_at_ms=instant_ms(now),
        )
        row = {"entry_id": posted.entry.entry_id, "merchant_id": merchant_id, "year": year}
        db.execute(insert(cap_lapses), {"territory_id": territory_id, **row, "amount_cents": claim.amount_cents})
    total_cents = sum(claim.amount_cents for claim in claims)
    detail = {"year": year, "amount_cents": total_cents}
    _record(db, territory_id, merchant_id, "merchant.lapse_cap", detail, actor=actor, now=now)
    return total_cents


def _reference(year: int, programme_id: int) -> str:
    return f"CAP{year}-P{programme_id}"


def _programme_of(reference: str) -> int:
    return int(reference.rpartition("-P")[2])


def _record(
    db: Connection,
    territory_id: int,
    merchant_id: int,
    action: str,
    detail: dict[str, int],
    *,
    actor: str,
    now: datetime.datetime,
) -> None:
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action=action, target=f"merchant:{merchant_id}",
        detail={**detail},
    )  # fmt: skip
