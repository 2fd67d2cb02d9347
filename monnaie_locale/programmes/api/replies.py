"""What the endpoints of programmes read and answer."""

import datetime

from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.schema import Body, PositiveCents, Reply, RowNumber
from monnaie_locale.ledger.errors import AmountNotPositive, AmountTooLarge
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.model import (
    PIN_ABOVE_MAX_CENTS,
    Category,
    Distribution,
    DistributionState,
    ExpiredGoesTo,
    FundingOrder,
    FundingState,
    LegalBasis,
    PinRule,
    Programme,
)
from monnaie_locale.programmes.operations import distributing, opening

LINES_MAX = 50_000
AMOUNT_REFUSALS = (AmountNotPositive, AmountTooLarge)


class ProgrammeBody(Body):
    """What was decided."""

    name: str = Field(min_length=1, max_length=opening.NAME_LENGTH_MAX)
    legal_basis: LegalBasis
    decision_reference: str = Field(min_length=1, max_length=opening.REFERENCE_LENGTH_MAX)
    decided_on: datetime.date
    budget_cents: PositiveCents
    categories: list[Category] = Field(min_length=1)
    pin_rule: PinRule = PinRule.ABOVE
    pin_above_cents: int = Field(default=2_000, ge=0, le=PIN_ABOVE_MAX_CENTS)
    grace_days: int = Field(default=30, ge=0, le=opening.GRACE_DAYS_MAX)
    expired_goes_to: ExpiredGoesTo = ExpiredGoesTo.CCAS


class PinRuleBody(Body):
    """When the programme asks for the PIN; `pin_above_cents` counts with "above"."""

    pin_rule: PinRule
    pin_above_cents: int = Field(default=0, ge=0, le=PIN_ABOVE_MAX_CENTS)


class ProgrammeReply(Reply):
    """A programme; `funds_cents` is what was received and not yet distributed."""

    programme_id: int
    name: str
    legal_basis: LegalBasis
    decision_reference: str
    decided_on: datetime.date
    budget_cents: int
    categories: list[Category]
    pin_rule: PinRule
    pin_above_cents: int
    grace_days: int
    expired_goes_to: ExpiredGoesTo
    is_open: bool
    funds_cents: int


class ProgrammesReply(Reply):
    """Every programme of the town."""

    programmes: list[ProgrammeReply]


class AmountBody(Body):
    """An amount."""

    amount_cents: PositiveCents


class FundingReply(Reply):
    """A funding order, with the ISO 11649 reference to put on the transfer."""

    funding_order_id: int
    programme_id: int
    amount_cents: int
    reference: str
    state: FundingState
    entry_id: int | None


class FundingsReply(Reply):
    """The funding orders of a programme."""

    funding_orders: list[FundingReply]


class LineBody(Body):
    """What one wallet receives."""

    wallet_id: RowNumber
    amount_cents: PositiveCents


class DistributionBody(Body):
    """A batch of allocations."""

    label: str = Field(min_length=1, max_length=distributing.LABEL_LENGTH_MAX)
    expires_on: datetime.date
    lines: list[LineBody] = Field(min_length=1, max_length=LINES_MAX)


class CsvDistributionBody(Body):
    """A batch of allocations, as the text of a `reference;montant` file."""

    label: str = Field(min_length=1, max_length=distributing.LABEL_LENGTH_MAX)
    expires_on: datetime.date
    csv: str


class DistributionReply(Reply):
    """A distribution and how far it is in the books."""

    distribution_id: int
    programme_id: int
    label: str
    expires_on: datetime.date
    state: DistributionState
    prepared_by: str
    approved_by: str | None
    line_count: int
    total_cents: int
    posted_through_line: int


class DistributionsReply(Reply):
    """Distributions, newest first."""

    distributions: list[DistributionReply]


class LineReply(Reply):
    """One line of a distribution."""

    line_no: int
    wallet_id: int
    amount_cents: int


class LinesReply(Reply):
    """A page of lines."""

    lines: list[LineReply]
    next_cursor: str | None


class ExpiryReply(Reply):
    """What was taken back."""

    purses: int
    amount_cents: int


def town() -> int:
    """Return the territory of the service that answers."""
    return runtime.current().territory_id


def programme_reply(db: Connection, programme: Programme) -> ProgrammeReply:
    """Return a programme as it is answered, with its funds."""
    return ProgrammeReply(
        programme_id=programme.programme_id,
        name=programme.name,
        legal_basis=programme.legal_basis,
        decision_reference=programme.decision_reference,
        decided_on=programme.decided_on,
        budget_cents=programme.budget_cents,
        categories=[category for category in Category if category in programme.categories],
        pin_rule=programme.pin_rule,
        pin_above_cents=programme.pin_above_cents,
        grace_days=programme.grace_days,
        expired_goes_to=programme.expired_goes_to,
        is_open=programme.is_open,
        funds_cents=queries.funds_of(db, territory_id=town(), programme_id=programme.programme_id),
    )


def funding_reply(order: FundingOrder) -> FundingReply:
    """Return a funding order as it is answered."""
    return FundingReply(
        funding_order_id=order.funding_order_id,
        programme_id=order.programme_id,
        amount_cents=order.amount_cents,
        reference=order.reference,
        state=order.state,
        entry_id=order.entry_id,
    )


def distribution_reply(distribution: Distribution) -> DistributionReply:
    """Return a distribution as it is answered."""
    return DistributionReply(
        distribution_id=distribution.distribution_id,
        programme_id=distribution.programme_id,
        label=distribution.label,
        expires_on=distribution.expires_on,
        state=distribution.state,
        prepared_by=distribution.prepared_by,
        approved_by=distribution.approved_by,
        line_count=distribution.line_count,
        total_cents=distribution.total_cents,
        posted_through_line=distribution.posted_through_line,
    )
