"""What the merchants' endpoints take and give."""

import datetime

from pydantic import Field

from merchants.model import (
    Merchant,
    Movement,
    PaymentRequest,
    Payout,
    PayoutLine,
    Receipt,
    Till,
)
from monnaie_locale.api.schema import Body, Cents, PositiveCents, Reply, RowNumber
from monnaie_locale.ledger.periods import moment_of

Moment = datetime.datetime
CODE_LENGTH_MAX = 300


class ChargeBody(Body):
    """A payment at a till."""

    card: str = Field(max_length=CODE_LENGTH_MAX, description="What was scanned, or the card number as typed")
    amount_cents: PositiveCents
    pin: str | None = Field(default=None, max_length=8, description="Four digits, when the holder gave them")
    partial: bool = Field(default=False, description="Take what the card has when it has less")


class CardBody(Body):
    """A card at a till, before any payment."""

    card: str = Field(max_length=CODE_LENGTH_MAX, description="What was scanned, or the card number as typed")
    pin: str | None = Field(default=None, max_length=8, description="Four digits; a typed number needs them")


class RemainingReply(Reply):
    """What a card has for the calling till's shop; never for what, nor for whom."""

    available_cents: Cents


class TillKeyBody(Body):
    """The public key of a till's device."""

    public_key: str = Field(max_length=200, description="ECDSA P-256, SubjectPublicKeyInfo in DER, base64url")


class TillKeyReply(Reply):
    """The key is kept."""

    till_id: int


class OfflineChargeBody(Body):
    """What a till took while the network was away, as its device signed it."""

    signed: str = Field(max_length=1000, description="The JSON text of an OfflinePayload, byte for byte as signed")
    signature: str = Field(max_length=100, description="ECDSA P-256 with SHA-256, r and s side by side, base64url")


class OfflinePayload(Body):
    """What an offline till signs; `sequence` and `happened_at_ms` only go up."""

    till: int
    sequence: int = Field(gt=0, lt=2**53)
    key: str = Field(pattern=r"^[\x21-\x7e]{1,128}$")
    card: str = Field(max_length=CODE_LENGTH_MAX)
    amount_cents: PositiveCents
    # In the year 6429 at the latest: a later moment no calendar of ours can tell.
    happened_at_ms: int = Field(gt=0, lt=2**47)
    cashier: RowNumber | None = Field(default=None, description="Who held the till; its number")


class KeyBody(Body):
    """The key of an offline charge."""

    key: str = Field(max_length=128)


class RefundBody(Body):
    """A refund of a charge; without an amount, all that is left of it."""

    amount_cents: PositiveCents | None = None


class MerchantPaymentBody(Body):
    """A shop pays a shop."""

    to: str = Field(max_length=20, description="The short public code of the shop that is paid")
    amount_cents: PositiveCents


class ReceiptReply(Reply):
    """What was posted: its number, what is left, and its leaf in the log."""

    number: int
    kind: str
    amount_cents: Cents
    remaining_cents: Cents
    happened_at: Moment
    recorded_at: Moment
    shop: str
    entry_hash: str
    is_late: bool
    replayed: bool
    guaranteed_cents: Cents = Field(description="Paid by an offline guarantee, or by a refund given back to it")


class OfflineReply(Reply):
    """What became of an offline charge, for good: "paid" with its receipt, or "refused" and why."""

    state: str
    receipt: ReceiptReply | None = None
    code: str | None = None
    sentence: str | None = None


class OutcomeReply(Reply):
    """What became of a charge, for good: "paid" with its receipt, or "not_paid"."""

    state: str
    receipt: ReceiptReply | None = None


class MovementReply(Reply):
    """One line of a shop's list; a negative amount took away."""

    number: int
    kind: str
    amount_cents: int
    happened_at: Moment
    refundable_cents: Cents
    guaranteed_cents: Cents
    cashier: str | None = Field(default=None, description="Who took a charge, where the shop has cashiers")


class MovementsReply(Reply):
    """A shop's day: charges less refunds, and each line."""

    day: datetime.date
    total_cents: int
    movements: list[MovementReply]


class PaymentRequestBody(Body):
    """An amount asked for at a till."""

    amount_cents: PositiveCents


class PaymentRequestReply(Reply):
    """A payment request and how far it is: waiting, paid, cancelled, expired."""

    id: int
    amount_cents: Cents
    state: str
    expires_at: Moment
    entry_number: int | None
    url: str | None = Field(default=None, description="What the QR says; given once, when the request is made")


class ConfirmBody(Body):
    """A holder confirms a payment request."""

    code: str = Field(max_length=64)
    card: str = Field(max_length=CODE_LENGTH_MAX)
    pin: str = Field(max_length=8)


class AddressPart(Body):
    """A shop's address."""

    street: str = Field(default="", max_length=70)
    building: str = Field(default="", max_length=16)
    postcode: str = Field(max_length=16)
    town: str = Field(max_length=35)


class MerchantBody(Body):
    """A shop to admit."""

    name: str = Field(max_length=200)
    siret: str = Field(max_length=40)
    category: str = Field(max_length=40)
    iban: str = Field(max_length=60)
    address: AddressPart
    debt_limit_cents: Cents = 50_000


class IbanBody(Body):
    """Where a shop is paid."""

    iban: str = Field(max_length=60)


class ReasonBody(Body):
    """Why; without a name."""

    reason: str = Field(max_length=80)


class MerchantReply(Reply):
    """A shop; its account is shown by its last four characters only."""

    id: int
    code: str
    name: str
    siret: str
    category: str
    iban_end: str
    town: str
    is_active: bool
    admitted_at: Moment


class MerchantsReply(Reply):
    """A page of shops."""

    merchants: list[MerchantReply]
    next_cursor: str | None


class TillBody(Body):
    """A till to open."""

    label: str = Field(max_length=80)


class TillReply(Reply):
    """A till."""

    id: int
    merchant_id: int
    label: str
    is_paired: bool


class PairingReply(Reply):
    """A pairing code, shown once, and the text of its QR."""

    till_id: int
    code: str
    url: str
    expires_at: Moment


class PairBody(Body):
    """A pairing code as scanned."""

    code: str = Field(max_length=64)


class PairedReply(Reply):
    """A till paired with a program: its key, shown once."""

    till_id: int
    label: str
    api_key: str


class PayoutBody(Body):
    """A payout to prepare."""

    label: str = Field(max_length=80)
    cutoff_on: datetime.date = Field(strict=False)
    execution_on: datetime.date = Field(strict=False)
    minimum_cents: PositiveCents | None = None


class PayoutLineReply(Reply):
    """One transfer of a payout."""

    line_no: int
    merchant_id: int
    name: str
    amount_cents: Cents
    recovered_cents: Cents
    fee_cents: Cents
    end_to_end_id: str
    rf_reference: str
    state: str


class PayoutReply(Reply):
    """A payout; `lines` is empty in a list."""

    id: int
    label: str
    message_id: str
    cutoff_on: datetime.date
    execution_on: datetime.date
    state: str
    total_cents: Cents
    prepared_by: str
    approved_by: str | None
    lines: list[PayoutLineReply]


class PayoutsReply(Reply):
    """The payouts, newest first."""

    payouts: list[PayoutReply]


def receipt_reply(receipt: Receipt) -> ReceiptReply:
    """Return a receipt as the API gives it."""
    return ReceiptReply(
        number=receipt.entry_id,
        kind=receipt.kind.name.lower(),
        amount_cents=receipt.amount_cents,
        remaining_cents=receipt.remaining_cents,
        happened_at=moment_of(receipt.happened_at_ms),
        recorded_at=moment_of(receipt.recorded_at_ms),
        shop=receipt.merchant_name,
        entry_hash=receipt.entry_hash,
        is_late=receipt.is_late,
        replayed=receipt.replayed,
        guaranteed_cents=receipt.guaranteed_cents,
    )


def movement_reply(movement: Movement, *, cashier: str | None = None) -> MovementReply:
    """Return a line of a shop's list as the API gives it."""
    return MovementReply(
        number=movement.entry_id,
        kind=movement.kind.name.lower(),
        amount_cents=movement.amount_cents,
        happened_at=moment_of(movement.happened_at_ms),
        refundable_cents=movement.refundable_cents,
        guaranteed_cents=movement.guaranteed_cents,
        cashier=cashier,
    )


def request_reply(request: PaymentRequest, *, now_ms: int, url: str | None = None) -> PaymentRequestReply:
    """Return a payment request as the API gives it."""
    return PaymentRequestReply(
        id=request.id,
        amount_cents=request.amount_cents,
        state=request.state(now_ms=now_ms),
        expires_at=moment_of(request.expires_at_ms),
        entry_number=request.entry_id,
        url=url,
    )


def merchant_reply(merchant: Merchant) -> MerchantReply:
    """Return a shop as the API gives it."""
    return MerchantReply(
        id=merchant.id,
        code=merchant.code,
        name=merchant.name,
        siret=merchant.siret,
        category=merchant.category,
        iban_end=merchant.iban[-4:],
        town=merchant.address.town,
        is_active=merchant.is_active,
        admitted_at=moment_of(merchant.admitted_at_ms),
    )


def till_reply(till: Till) -> TillReply:
    """Return a till as the API gives it."""
    return TillReply(id=till.id, merchant_id=till.merchant_id, label=till.label, is_paired=till.is_paired)


def payout_reply(payout: Payout) -> PayoutReply:
    """Return a payout as the API gives it."""
    return PayoutReply(
        id=payout.id,
        label=payout.label,
        message_id=payout.message_id,
        cutoff_on=payout.cutoff_on,
        execution_on=payout.execution_on,
        state=payout.state.value,
        total_cents=payout.total_cents,
        prepared_by=payout.prepared_by,
        approved_by=payout.approved_by,
        lines=[_line_reply(line) for line in payout.lines],
    )


def _line_reply(line: PayoutLine) -> PayoutLineReply:
    return PayoutLineReply(
        line_no=line.line_no,
        merchant_id=line.merchant_id,
        name=line.name,
        amount_cents=line.amount_cents,
        recovered_cents=line.recovered_cents,
        fee_cents=line.fee_cents,
        end_to_end_id=line.end_to_end_id,
        rf_reference=line.rf_reference,
        state=line.state.value,
    )
