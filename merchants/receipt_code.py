"""The code of a receipt: the number of its entry, and a mark that only the service can make. Pure.

Whoever holds the receipt opens it by its QR or its link, also years later; numbers alone open nothing.
"""

import hashlib
import hmac

from merchants.errors import ReceiptUnknown
from wallets.card_token import ALPHABET, SCHEME

RECEIPT_PATH = "/R/"
# 100 bits, as a card's code.
MARK_LENGTH = 20
TEXT_LENGTH_MAX = 300


def receipt_code(entry_id: int, *, key: bytes) -> str:
    """Return the code of an entry's receipt; upper case, so that its QR stays small."""
    mark = hmac.digest(key, str(entry_id).encode(), hashlib.sha256)
    return f"{entry_id}-" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in mark[:MARK_LENGTH])


def receipt_url(entry_id: int, *, host: str, key: bytes) -> str:
    """Return the text of a receipt's QR, which is also its link."""
    return f"{SCHEME}{host.upper()}{RECEIPT_PATH}{receipt_code(entry_id, key=key)}"


def receipt_entry(text: str, *, host: str, key: bytes) -> int:
    """Return the number of the entry in a receipt's code or link. Refuses: receipt_unknown."""
    if len(text) > TEXT_LENGTH_MAX or not text.isascii():
        raise ReceiptUnknown
    code = text.strip().upper().removeprefix(f"{SCHEME}{host.upper()}{RECEIPT_PATH}")
    number, _, _ = code.partition("-")
    is_number = number.isdigit() and len(number) <= len(str(2**53))
    if not is_number or not hmac.compare_digest(code, receipt_code(int(number), key=key)):
        raise ReceiptUnknown
    return int(number)
