"""The code of a receipt: the number of its entry, and a proof that we gave it. Who holds it sees that receipt. Pure.

15 bytes in 24 characters of Crockford's base32: 5 bytes of the number, 10 bytes of HMAC-SHA256 over the town and the
number. Numbers of entries follow each other: without the proof, anybody could read every receipt of the town.
"""

import hashlib
import hmac

from merchants.errors import ReceiptUnknown
from wallets.codes.card_token import ALPHABET, SCHEME

PURPOSE = "receipt codes"
RECEIPT_PATH = "/R/"
NUMBER_BYTES, PROOF_BYTES = 5, 10
CODE_LENGTH = (NUMBER_BYTES + PROOF_BYTES) * 8 // 5


def receipt_code(*, secret: bytes, territory_id: int, entry_id: int) -> str:
    """Return the code of an entry's receipt; `secret` is of the keyring, derived for `PURPOSE`."""
    content = entry_id.to_bytes(NUMBER_BYTES) + _proof(secret, territory_id, entry_id)
    value = int.from_bytes(content)
    return "".join(ALPHABET[value >> 5 * place & 31] for place in reversed(range(CODE_LENGTH)))


def receipt_url(code: str, *, host: str) -> str:
    """Return the text of a receipt's QR, which is also its link."""
    return f"{SCHEME}{host.upper()}{RECEIPT_PATH}{code}"


def code_in(text: str, *, host: str) -> str:
    """Return the code in what was scanned, pasted or typed: a receipt's link, or the code alone."""
    return text.strip().upper().removeprefix(receipt_url("", host=host))


def entry_of_receipt(code: str, *, secret: bytes, territory_id: int) -> int:
    """Return the number of the entry of a receipt's code; refuses receipt_unknown."""
    digits = [ALPHABET.find(character) for character in code.strip().upper()]
    if len(digits) != CODE_LENGTH or -1 in digits:
        raise ReceiptUnknown
    value = 0
    for digit in digits:
        value = value << 5 | digit
    content = value.to_bytes(NUMBER_BYTES + PROOF_BYTES)
    entry_id = int.from_bytes(content[:NUMBER_BYTES])
    if not hmac.compare_digest(content[NUMBER_BYTES:], _proof(secret, territory_id, entry_id)):
        raise ReceiptUnknown
    return entry_id


def _proof(secret: bytes, territory_id: int, entry_id: int) -> bytes:
    return hmac.digest(secret, f"{territory_id}|{entry_id}".encode("ascii"), hashlib.sha256)[:PROOF_BYTES]
