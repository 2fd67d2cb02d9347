"""Units to euros: what a shop is paid, what it owed is taken first, what is too little waits. Pure."""

from dataclasses import dataclass

from monnaie_locale.programmes.rules import creditor_reference

# Below this a transfer costs the bank more than it brings the shop; the rest waits for the next payout.
MINIMUM_CENTS_DEFAULT = 100
BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """What becomes of a shop's balance: paid, kept against its debt, the issuer's fee, carried over. All in cents."""

    paid_cents: int
    recovered_cents: int
    carried_cents: int
    fee_cents: int = 0


def redeem(
    *, balance_cents: int, debt_cents: int, minimum_cents: int = MINIMUM_CENTS_DEFAULT, fee_basis_points: int = 0
) -> Redemption:
    """Return how a balance is redeemed; when nothing is paid nothing is recovered either, all of it is carried.

    Args:
        balance_cents: what the shop holds.
        debt_cents: what it owes, recovered first.
        minimum_cents: less than this is carried over.
        fee_basis_points: the issuer's fee on what is left, in ten-thousandths, rounded down to the cent.

    """
    recovered_cents = min(balance_cents, debt_cents)
    left_cents = balance_cents - recovered_cents
    fee_cents = left_cents * fee_basis_points // BASIS_POINTS
    if left_cents - fee_cents < max(1, minimum_cents):
        return Redemption(paid_cents=0, recovered_cents=0, carried_cents=balance_cents)
    return Redemption(
        paid_cents=left_cents - fee_cents, recovered_cents=recovered_cents, carried_cents=0, fee_cents=fee_cents
    )


def message_id(*, territory_code: str, payout_id: int) -> str:
    """Return the identifier of the payment order; 35 characters at most in SEPA."""
    return f"{territory_code}-P{payout_id:05d}"


def end_to_end_id(*, territory_code: str, payout_id: int, line_no: int) -> str:
    """Return the identifier that the bank carries unchanged to the statement, the same for the same line."""
    return f"{message_id(territory_code=territory_code, payout_id=payout_id)}-{line_no:04d}"


def rf_reference(*, territory_id: int, payout_id: int, line_no: int) -> str:
    """Return the structured creditor reference of a line (ISO 11649), printed on the shop's own statement."""
    return creditor_reference(f"PA{territory_id:03d}{payout_id:05d}{line_no:04d}")
