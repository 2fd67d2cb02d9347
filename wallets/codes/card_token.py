"""What a card carries: the secret token of its QR, the number printed for typing, and its PIN."""

import functools
import hashlib
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wallets.errors import CardMalformed, CardOfAnotherTown

# Crockford's base32: no I, L, O, U, so that a code read aloud or copied by hand has one spelling.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0"})
SECRET_LENGTH = 20
TOKEN_LENGTH = SECRET_LENGTH + 1
BITS_PER_CHARACTER = 5

NUMBER_LENGTH = 10
DECIMAL_DIGITS = "0123456789"

PIN_LENGTH = 4
PIN_COUNT = 10**PIN_LENGTH
# Among the codes most tried by thieves: a column of a keypad, down or up, with the zero at one end.
KEYPAD_COLUMNS = frozenset(
    walk for column in ("147", "258", "369") for line in (column, column[::-1]) for walk in (f"{line}0", f"0{line}")
)
# 0000, 1112, 1212, 1122 and 1221 have fewer.
DIFFERENT_DIGITS_MIN = 3
# A year in which somebody living was born, and those to come.
BIRTH_CENTURIES = ("19", "20")

# A scanner may hand over anything that was printed in a QR: a bound keeps hostile input cheap.
SCANNED_LENGTH_MAX = 300
SEPARATORS = dict.fromkeys(map(ord, " -\t\r\n\u00a0\u2009\u202f\u2010\u2011"))
# `str.translate` asks for each character: once where it can be, and not at all of an address.
SPELLINGS = SEPARATORS | LOOKALIKES
SCHEME = "HTTPS://"
CARD_PATH = "/W/"
DRAWS_MAX = 1000
BYTES = 256

RandomBytes = Callable[[int], bytes]


class CardCode(NamedTuple):
    """What was scanned or typed, understood: the digest of the QR's secret, or None and a card number."""

    digest: bytes | None
    number: str = ""

    @property
    def key(self) -> str:
        """Return what tells cards apart in the digest of a request."""
        return self.number if self.digest is None else self.digest.hex()


def draw_token(random_bytes: RandomBytes) -> str:
    """Return a new card token: 100 random bits as 20 characters, and a check character (DESIGN §6)."""
    bits = SECRET_LENGTH * BITS_PER_CHARACTER
    size = -(-bits // 8)
    value = int.from_bytes(random_bytes(size)) >> (size * 8 - bits)
    digits = [value >> (BITS_PER_CHARACTER * place) & (len(ALPHABET) - 1) for place in reversed(range(SECRET_LENGTH))]
    return "".join(ALPHABET[digit] for digit in [*digits, _check_digit(digits, base=len(ALPHABET))])


def card_url(*, host: str, token: str) -> str:
    """Return the text of the card's QR; upper case, so that the QR stays alphanumeric and small.

    `host` is the public name of the service, with its port when it has one ("monnaie.ville-exemple.fr").
    """
    return f"{SCHEME}{host.upper()}{CARD_PATH}{token}"


def normalise(text: str, *, host: str) -> str:
    """Return the token in what was scanned or typed: a card's whole URL, or its code in any spelling.

    `host` is our own public name, as in `card_url`.
    Refusals: card_malformed, card_of_another_town (a card's address, on a host that is not ours).
    """
    if len(text) > SCANNED_LENGTH_MAX or not (text.isascii() or text.translate(SEPARATORS).isascii()):
        raise CardMalformed
    given = text.strip().upper()
    if given.startswith(SCHEME):
        given_host, slash, rest = given.removeprefix(SCHEME).partition("/")
        if given_host != host.upper():
            raise CardOfAnotherTown
        given = f"{slash}{rest}"
        if not given.startswith(CARD_PATH):
            raise CardMalformed
        given = given.removeprefix(CARD_PATH)
    token = given.translate(SPELLINGS)
    if len(token) != TOKEN_LENGTH or not _is_checked(token, alphabet=ALPHABET):
        raise CardMalformed
    return token


def parse_card_code(text: str, *, host: str) -> CardCode:
    """Return a card's code as it was meant: ten digits are a card number, anything else is the QR's.

    Refuses card_malformed, card_of_another_town.
    """
    digits = "" if text.startswith(SCHEME) else text.translate(SEPARATORS)
    if len(digits) == NUMBER_LENGTH and digits.isascii() and digits.isdigit():
        return CardCode(None, normalise_card_number(digits))
    return CardCode(token_digest(normalise(text, host=host)))


def token_digest(token: str) -> bytes:
    """Return the SHA-256 of a normalised token: the only form of it that is ever stored."""
    return hashlib.sha256(token.encode("ascii")).digest()


def draw_card_number(random_bytes: RandomBytes) -> str:
    """Return a new card number: nine digits, the first not zero, and a Luhn check digit.

    It is not secret: it names the card at the desk and at a till whose camera is broken, and opens nothing alone.
    The first digit is not zero because spreadsheets eat leading zeros.
    """
    span = 10 ** (NUMBER_LENGTH - 1)
    value = _draw_below(span - span // 10, random_bytes) + span // 10
    digits = [int(digit) for digit in str(value)]
    return f"{value}{_check_digit(digits, base=len(DECIMAL_DIGITS))}"


def normalise_card_number(text: str) -> str:
    """Return the ten digits of a typed card number, or refuse it: card_malformed."""
    number = text.translate(SEPARATORS) if len(text) <= SCANNED_LENGTH_MAX else ""
    if len(number) != NUMBER_LENGTH or not _is_checked(number, alphabet=DECIMAL_DIGITS):
        raise CardMalformed
    return number


def card_number_shown(number: str) -> str:
    """Return the card number as people read it: "123 456 789 0"."""
    return f"{number[:3]} {number[3:6]} {number[6:9]} {number[9:]}"


def draw_pin(random_bytes: RandomBytes) -> str:
    """Return a new PIN of four digits, each non-trivial one equally likely."""
    for _ in range(DRAWS_MAX):
        pin = f"{_draw_below(PIN_COUNT, random_bytes):0{PIN_LENGTH}d}"
        if not is_trivial_pin(pin):
            return pin
    raise RuntimeError("The random source keeps giving the same bytes")


def is_trivial_pin(pin: str) -> bool:
    """Tell whether a thief would try this PIN first: repeated digits, a sequence, a year of birth, a keypad column."""
    # One step for all: 1234, 4321, 7890 round by zero, 1357.
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    is_repeated = len(set(pin)) < DIFFERENT_DIGITS_MIN
    return is_repeated or len(steps) == 1 or pin.startswith(BIRTH_CENTURIES) or pin in KEYPAD_COLUMNS


def _draw_below(bound: int, random_bytes: RandomBytes) -> int:
    """Return a number from 0 to bound - 1, each equally likely: a draw that would favour low ones is thrown away."""
    size = (bound.bit_length() + 7) // 8 + 1
    fair = 256**size // bound * bound
    for _ in range(DRAWS_MAX):
        value = int.from_bytes(random_bytes(size))
        if value < fair:
            return value % bound
    raise RuntimeError("The random source keeps giving the same bytes")


def _check_digit(digits: Sequence[int], *, base: int) -> int:
    """Return the Luhn check digit in `base`: it changes with every wrong digit and nearly every swap of neighbours."""
    return -_luhn_sum(bytes([*digits, 0]), base=base) % base


def _is_checked(text: str, *, alphabet: str) -> bool:
    """Tell whether `text` is written in `alphabet` and ends with its Luhn check character."""
    digits = text.encode("ascii", "replace").translate(_digits_of(alphabet))
    return max(digits) < len(alphabet) and _luhn_sum(digits, base=len(alphabet)) % len(alphabet) == 0


def _luhn_sum(digits: bytes, *, base: int) -> int:
    """Return the Luhn sum: every second digit from the right is doubled, and its own digits added."""
    return sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_doubled(base)))


@functools.cache
def _digits_of(alphabet: str) -> bytes:
    """Return the digit that each character stands for, 255 when it is none: a table for `bytes.translate`."""
    return bytes(alphabet.find(chr(code)) % BYTES for code in range(BYTES))


@functools.cache
def _doubled(base: int) -> bytes:
    """Return each digit doubled, its own digits added: a table for `bytes.translate`."""
    doubled = [sum(divmod(2 * digit, base)) for digit in range(base)]
    return bytes(doubled).ljust(BYTES, b"\0")
