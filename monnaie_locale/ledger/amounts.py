"""What may be an amount: refused here once, for every door."""

from monnaie_locale.ledger.errors import AmountMalformed, AmountNotPositive, AmountTooLarge
from monnaie_locale.ledger.money import CENTS_MAX, parse_euros


def check_amount(amount_cents: int) -> int:
    """Return the amount in cents when it may be posted.

    Refuses amount_malformed (1.5, 12.0 and True are no integers), amount_not_positive, amount_too_large.
    """
    if type(amount_cents) is not int:
        raise AmountMalformed(given=str(amount_cents)[:40])
    if amount_cents <= 0:
        raise AmountNotPositive(amount_cents=amount_cents)
    if amount_cents > CENTS_MAX:
        raise AmountTooLarge(maximum_cents=CENTS_MAX)
    return amount_cents


def read_amount(typed: str) -> int:
    """Return the cents a person typed in euros ("12,50").

    Refuses amount_malformed, amount_not_positive, amount_too_large.
    """
    amount_cents = parse_euros(typed)
    if amount_cents is None:
        raise AmountMalformed(given=typed[:40])
    return check_amount(amount_cents)
