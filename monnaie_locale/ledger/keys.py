"""Idempotency keys: the digest that is unique in the books, and keys that keep each other company there.

Digests without order fall on another page of the index each, and each page is written with the commit: with the keys of
an instant side by side, a batch of 32 writes 48 pages and not 81 (DECISIONS 2026-11-26).
"""

from hashlib import sha256

# RFC 9562 §5.8, UUID version 8 filled like version 7: 48 bits of milliseconds, the version, the variant, 74 bits of
# chance. Not version 7 itself: any client may have made its keys so while an older program, which hashed them whole,
# kept the books; its retry, after the upgrade, would be told by another digest and pay again.
LENGTH = 36
VERSION_AT, VERSION, VERSION_NUMBER = 14, "8", 8
TIME_BYTES, CHANCE_BYTES = 6, 10
# Keys made before this form was known have the plain digest for good: 26 November 2026, 00:00 UTC.
ORDERED_SINCE = (1_795_651_200_000).to_bytes(TIME_BYTES, "big")


def key_digest(*, caller: str, idempotency_key: str) -> bytes:
    """Return the 32 bytes that make a key unique per caller.

    The SHA-256 of both; of a key like those of `timed_key`, its time and then the first 26 bytes of that SHA-256.

    Args:
        caller: who asks, "till:3"; keys of two callers never meet.
        idempotency_key: the caller's own words.

    """
    digest = sha256(f"{caller}\x00{idempotency_key}".encode()).digest()
    if len(idempotency_key) != LENGTH or idempotency_key[VERSION_AT] != VERSION:
        return digest
    try:
        made_at = bytes.fromhex(idempotency_key[:8] + idempotency_key[9:13])
    except ValueError:
        return digest
    # `fromhex` leaves spaces out: then it is too short.
    if len(made_at) != TIME_BYTES or made_at < ORDERED_SINCE:
        return digest
    return made_at + digest[:-TIME_BYTES]


def timed_key(*, at_ms: int, chance: bytes) -> str:
    """Return a key of this instant, a UUID version 8 that begins like version 7 (RFC 9562 §5.8).

    Args:
        at_ms: milliseconds UTC.
        chance: ten random bytes.

    """
    drawn = int.from_bytes(chance[:CHANCE_BYTES], "big")
    first, second = drawn >> 62 & 0xFFF, drawn & (1 << 62) - 1
    number = at_ms << 80 | VERSION_NUMBER << 76 | first << 64 | 0b10 << 62 | second
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
