"""Integer cents, and how people write them."""

import functools

# JSON numbers are exact up to 2^53 in every client: nothing above it is ever accepted as an amount.
CENTS_MAX = 2**53 - 1
CENTS_PER_EURO = 100
# Nobody types a longer amount by hand, and a bound keeps hostile input cheap.
TYPED_LENGTH_MAX = 32
NARROW_NO_BREAK_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"


def format_euros(amount_cents: int) -> str:
    """Return the amount as a French reader expects it: 123456 gives "1 234,56 €"."""
    sign = "−" if amount_cents < 0 else ""
    euros, cents = divmod(abs(amount_cents), CENTS_PER_EURO)
    return f"{sign}{euros:,}".replace(",", NARROW_NO_BREAK_SPACE) + f",{cents:02d}{NO_BREAK_SPACE}€"


# The amounts of a town come again and again, each in a dozen of a month's files.
@functools.lru_cache(maxsize=65_536)
def format_decimal(amount_cents: int, *, point: str = ".") -> str:
    """Return the amount for a file that a program reads: 123456 gives "1234.56"."""
    sign = "-" if amount_cents < 0 else ""
    euros, cents = divmod(abs(amount_cents), CENTS_PER_EURO)
    return f"{sign}{euros}{point}{cents:02d}"


def parse_euros(typed: str) -> int | None:
    """Return the cents in what a person typed ("12,50", "12.5", "1 234"), or None when it is not an amount.

    A sign is kept: the caller refuses what is not positive with its own reason.
    """
    text = typed.strip().removesuffix("€").strip()
    for space in (" ", NARROW_NO_BREAK_SPACE, NO_BREAK_SPACE):
        text = text.replace(space, "")
    if not text or len(text) > TYPED_LENGTH_MAX:
        return None
    negative = text[0] in "-−"
    euros, _, cents = (text[1:] if negative else text).replace(",", ".").partition(".")
    if not (euros.isascii() and euros.isdigit()) or (cents and not (cents.isascii() and cents.isdigit())):
        return None
    if len(cents) > 2:  # noqa: PLR2004 - a euro has two decimals
        return None
    amount_cents = int(euros) * CENTS_PER_EURO + int(cents.ljust(2, "0") if cents else 0)
    return -amount_cents if negative else amount_cents
