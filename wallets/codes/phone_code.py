r"""The code that a phone shows in place of a card: signed by its own key, good for one minute and for one payment.

Canonical form. The text of the QR is `HTTPS://<HOST>/T/` and 125 characters of Crockford's base32 (upper case, so that
the QR stays alphanumeric), which are 78 bytes, the last bit being zero:

    4 bytes   number of the phone, most significant byte first
    4 bytes   when the code was made, seconds since 1970 UTC, by the service's clock as the phone last learnt it
    6 bytes   chance
    64 bytes  ECDSA signature on P-256 with SHA-256, r then s (what WebCrypto gives), of
              "monnaie-locale phone 1\n" <host in lower case> "\n" and the 14 bytes above

What is remembered of a code that paid is the SHA-256 of its first 14 bytes: ECDSA knows two signatures of one text.
"""

import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from wallets.codes.card_token import ALPHABET, SCANNED_LENGTH_MAX, SCHEME, CardCode, parse_card_code
from wallets.errors import CardMalformed, CardOfAnotherTown, PhoneKeyInvalid

PHONE_PATH = "/T/"
PURPOSE = b"monnaie-locale phone 1\n"
PAYLOAD_BYTES = 14
NUMBER_BYTES, INSTANT_BYTES = 4, 4
SIGNATURE_BYTES = 64
CODE_BYTES = PAYLOAD_BYTES + SIGNATURE_BYTES
CODE_LENGTH = -(-CODE_BYTES * 8 // 5)
PAD_BITS = CODE_LENGTH * 5 - CODE_BYTES * 8

CODE_LIFE_MS = 60_000
# The phone corrects its clock by the service's: what is left is the time of one answer on a slow network.
CODE_AHEAD_MAX_MS = 5_000


class PhoneCode(NamedTuple):
    """A phone's code as it was read; whether it is fresh is judged when it is read, whether it is genuine is not."""

    payload: bytes
    signature: bytes
    is_fresh: bool = False

    @property
    def phone_id(self) -> int:
        """Return the number of the phone that claims to have made it."""
        return int.from_bytes(self.payload[:NUMBER_BYTES])

    @property
    def made_at_ms(self) -> int:
        """Return when it says that it was made."""
        return int.from_bytes(self.payload[NUMBER_BYTES : NUMBER_BYTES + INSTANT_BYTES]) * 1000

    @property
    def digest(self) -> bytes:
        """Return what is remembered of it once it paid."""
        return hashlib.sha256(self.payload).digest()

    @property
    def key(self) -> str:
        """Return what tells codes apart in the digest of a request."""
        return f"phone:{self.digest.hex()}"


ShownCode = CardCode | PhoneCode


def parse_shown_code(text: str, *, host: str, now_ms: int | None = None) -> ShownCode:
    """Return what was shown to a till or typed: a card's code or number, or a phone's code.

    Args:
        text: as scanned or typed.
        host: the public name of the service.
        now_ms: the service's clock; without it no phone's code is fresh.

    Refuses card_malformed, card_of_another_town.

    """
    if len(text) > SCANNED_LENGTH_MAX or not text.isascii():
        return parse_card_code(text, host=host)
    given = text.strip().upper()
    given_host, slash, rest = given.removeprefix(SCHEME).partition("/")
    if not given.startswith(SCHEME) or not f"{slash}{rest}".startswith(PHONE_PATH):
        return parse_card_code(text, host=host)
    if given_host != host.upper():
        raise CardOfAnotherTown
    return read_phone_code(f"{slash}{rest}".removeprefix(PHONE_PATH), now_ms=now_ms)


def read_phone_code(written: str, *, now_ms: int | None) -> PhoneCode:
    """Return the code written in 125 characters; refuses card_malformed."""
    code = find_phone_code(written)
    if code is None:
        raise CardMalformed
    is_fresh = now_ms is not None and -CODE_AHEAD_MAX_MS <= now_ms - code.made_at_ms <= CODE_LIFE_MS
    return PhoneCode(code.payload, code.signature, is_fresh)


def find_phone_code(written: str) -> PhoneCode | None:
    """Return the code written in 125 characters, None when they are anything else."""
    digits = [ALPHABET.find(character) for character in written.upper()]
    if len(digits) != CODE_LENGTH or -1 in digits:
        return None
    value = 0
    for digit in digits:
        value = value << 5 | digit
    if value & ((1 << PAD_BITS) - 1):
        return None
    content = (value >> PAD_BITS).to_bytes(CODE_BYTES)
    return PhoneCode(content[:PAYLOAD_BYTES], content[PAYLOAD_BYTES:])


def phone_code_url(*, host: str, payload: bytes, signature: bytes) -> str:
    """Return the text of the QR."""
    value = int.from_bytes(payload + signature) << PAD_BITS
    digits = [value >> 5 * place & 31 for place in reversed(range(CODE_LENGTH))]
    return f"{SCHEME}{host.upper()}{PHONE_PATH}{''.join(ALPHABET[digit] for digit in digits)}"


def signed_text(*, host: str, payload: bytes) -> bytes:
    """Return what a phone signs."""
    return PURPOSE + host.lower().encode("ascii") + b"\n" + payload


def is_genuine(code: PhoneCode, *, host: str, public_key: bytes) -> bool:
    """Return whether the code was signed by the key; pure, and says nothing of its age."""
    half = SIGNATURE_BYTES // 2
    r, s = int.from_bytes(code.signature[:half]), int.from_bytes(code.signature[half:])
    try:
        _public_key(public_key).verify(
            encode_dss_signature(r, s), signed_text(host=host, payload=code.payload), ECDSA(SHA256())
        )
    except InvalidSignature:
        return False
    return True


def check_public_key(public_key: bytes) -> bytes:
    """Return a public key in its one form, SubjectPublicKeyInfo, point uncompressed; refuses phone_key_invalid."""
    try:
        key = _public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PhoneKeyInvalid from error
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public_key:
        raise PhoneKeyInvalid
    return public_key


def _public_key(public_key: bytes) -> EllipticCurvePublicKey:
    key = load_der_public_key(public_key)
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise TypeError("Not a key on P-256")
    return key
