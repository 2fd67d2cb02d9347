"""How shops are paid, over JSON: the terms, what waits and why, the claims on chèques d'accompagnement. Read only."""

import datetime
import functools

from pydantic import Field
from sqlalchemy import Connection

from merchants import errors
from merchants.payouts.cap_claims import CapState, Claim, certifications_of, claim_state, claims_deadline, claims_of
from merchants.payouts.payable import kept_back
from merchants.payouts.terms import terms_of
from merchants.queries import find_merchant, merchant_accounts
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.api.schema import Reply
from monnaie_locale.identity.roles import Permission
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.ledger.periods import instant_ms, paris_date

CLAIM_SHAPE = (int, int, int)

blueprint = api_blueprint("merchants_terms_api", __name__)


class PayoutTermsReply(Reply):
    """How a shop is paid today: the terms in force, and what it holds, owes and is not paid yet, in cents."""

    merchant_id: int
    code: str
    pain_version: str = Field(description="Of pain.001.001, which the bank reads")
    minimum_cents: int = Field(description="Less than this is carried over to the next payout")
    fee_basis_points: int = Field(description="The issuer's fee, in hundredths of a percent")
    held_cents: int
    owed_cents: int = Field(description="What the shop owes, recovered first")
    kept_back_cents: int = Field(description="Chèques not certified, and debits of rejected transfers that wait")


class CapClaimReply(Reply):
    """A shop's claims on one programme's chèques of one year, in cents, and where its certification stands."""

    merchant_id: int
    programme_id: int
    year: int
    state: CapState
    taken_cents: int
    kept_back_cents: int
    given_back_cents: int = Field(description="Lapsed, and given back to the CCAS")
    deadline_on: datetime.date
    certified_on: datetime.date | None
    document: str


class CapClaimsQuery(PageQuery):
    """A page of claims; only those of a shop, or of a year, when asked."""

    merchant_id: int | None = Field(default=None, ge=1)
    year: int | None = Field(default=None, ge=1)


class CapClaimsReply(Reply):
    """A page of claims, by shop, year and programme."""

    claims: list[CapClaimReply]
    next_cursor: str | None


@endpoint(
    blueprint,
    "GET",
    "/merchants/<int:merchant_id>/payout-terms",
    summary="How a shop is paid",
    permission=Permission.VIEW_PAYOUTS,
    answers=PayoutTermsReply,
    refusals=(errors.MerchantUnknown,),
)
def merchant_terms(db: Connection, *, call: Call, merchant_id: int) -> PayoutTermsReply:
    """Return the terms of payouts in force, and what the shop holds, owes and is not paid yet."""
    return _terms(db, merchant_id, now=call.now)


@endpoint(
    blueprint,
    "GET",
    "/tills/own-payout-terms",
    summary="How the shop of the calling till is paid",
    permission=Permission.VIEW_TILL,
    answers=PayoutTermsReply,
)
def own_terms(db: Connection, *, call: Call) -> PayoutTermsReply:
    """Return the same of the shop of the calling till, and of no other."""
    return _terms(db, parts.own_till().merchant_id, now=call.now)


@endpoint(
    blueprint,
    "GET",
    "/cap-claims",
    summary="The shops' claims on chèques d’accompagnement",
    permission=Permission.VIEW_PAYOUTS,
    query=CapClaimsQuery,
    answers=CapClaimsReply,
)
def cap_claims(db: Connection, *, query: CapClaimsQuery, call: Call) -> CapClaimsReply:
    """Return a page of claims: what each shop took, what is kept back, and where its certification stands."""
    territory_id, today = runtime.current().territory_id, paris_date(instant_ms(call.now))
    position = read_cursor(query.cursor, shape=CLAIM_SHAPE)
    claims = sorted(
        (
            each
            for each in claims_of(db, territory_id=territory_id, through_on=today)
            if query.merchant_id in {None, each.merchant_id} and query.year in {None, each.year}
            if position is None or _place(each) > position
        ),
        key=_place,
    )
    certified = {
        (each.merchant_id, each.year): (paris_date(each.recorded_at_ms), each.document)
        for each in certifications_of(db, territory_id=territory_id)
    }
    page = claims[: query.limit]
    reply = functools.partial(_claim, certified=certified, today=today)
    cursor = write_cursor(_place(page[-1])) if len(claims) > query.limit else None
    return CapClaimsReply(claims=[reply(each) for each in page], next_cursor=cursor)


def _terms(db: Connection, merchant_id: int, *, now: datetime.datetime) -> PayoutTermsReply:
    territory_id = runtime.current().territory_id
    merchant = find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)
    terms = terms_of(db, territory_id=territory_id)
    held, owed = (
        balance_of(db, territory_id=territory_id, account_id=each)
        for each in merchant_accounts(db, territory_id=territory_id, merchant_id=merchant_id)
    )
    kept = kept_back(db, territory_id=territory_id, through_on=paris_date(instant_ms(now)))
    return PayoutTermsReply(
        merchant_id=merchant.id,
        code=merchant.code,
        pain_version=terms.pain_version,
        minimum_cents=terms.minimum_cents,
        fee_basis_points=terms.fee_basis_points,
        held_cents=held,
        owed_cents=-owed,
        kept_back_cents=kept[merchant_id],
    )


def _place(claim: Claim) -> tuple[int, int, int]:
    return claim.merchant_id, claim.year, claim.programme_id


def _claim(
    claim: Claim, *, certified: dict[tuple[int, int], tuple[datetime.date, str]], today: datetime.date
) -> CapClaimReply:
    certified_on, document = certified.get((claim.merchant_id, claim.year), (None, ""))
    return CapClaimReply(
        merchant_id=claim.merchant_id,
        programme_id=claim.programme_id,
        year=claim.year,
        state=claim_state(claim, today=today),
        taken_cents=claim.taken_cents,
        kept_back_cents=claim.amount_cents,
        given_back_cents=claim.given_back_cents,
        deadline_on=claims_deadline(claim.year),
        certified_on=certified_on,
        document=document,
    )
