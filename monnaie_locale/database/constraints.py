"""The database refuses too: its constraint and trigger names, turned into refusals in one map."""

from sqlalchemy.exc import DBAPIError

from monnaie_locale.ledger.errors import Refusal

_refusals: dict[str, type[Refusal]] = {}


def names(constraint: str, refusal: type[Refusal]) -> None:
    """Declare that breaking `constraint` means `refusal`; called beside the table that has it."""
    _refusals[constraint] = refusal


def as_refusal(error: DBAPIError) -> Refusal | None:
    """Return the refusal that a broken constraint means, or None when it is a fault of ours."""
    text = str(error.orig)
    for constraint, refusal in _refusals.items():
        if constraint in text:
            return refusal()
    return None
