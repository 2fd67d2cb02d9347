"""The seal of a card: what ties its secret, its number and its PIN to one wallet. The audit trail, signed, keeps it.

Somebody with the database's password could copy the PIN's hash of one card to another, or give a card to another
wallet. The seal noted when the card was issued, or its PIN drawn again, tells.
"""

import hashlib
import json

CANONICAL = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


def card_seal(*, card_id: int, wallet_id: int, token_digest: bytes, number: str, pin_hash: str) -> str:
    """Return the SHA-256, in hexadecimal, of what never changes in a card, and of its PIN's salted hash."""
    fields = [card_id, wallet_id, bytes(token_digest).hex(), number, pin_hash]
    return hashlib.sha256(CANONICAL.encode(fields).encode("ascii")).hexdigest()
