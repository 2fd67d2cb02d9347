"""Secrets that a browser or a program carries; only their digest is stored. Pure."""

import base64
import hashlib
from collections.abc import Callable

TOKEN_BYTES = 24
# No 0, O, 1, I, l: a password is read on paper and typed.
PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - an alphabet
PASSWORD_LENGTH = 16
PASSWORD_GROUP = 4


def draw(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new token: 192 random bits, safe in a cookie and in an address."""
    return base64.urlsafe_b64encode(random_bytes(TOKEN_BYTES)).decode("ascii")


def digest(token: str) -> bytes:
    """Return what is stored of a token. It is random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8")).digest()


def draw_password(random_bytes: Callable[[int], bytes]) -> str:
    """Return a password to hand over on paper: sixteen characters in groups of four (about 79 bits)."""
    characters: list[str] = []
    limit = 256 - 256 % len(PASSWORD_ALPHABET)
    while len(characters) < PASSWORD_LENGTH:
        # Bytes above the last whole multiple are dropped: each character stays equally likely.
        characters += [PASSWORD_ALPHABET[byte % len(PASSWORD_ALPHABET)] for byte in random_bytes(32) if byte < limit]
    text = "".join(characters[:PASSWORD_LENGTH])
    return "-".join(text[start : start + PASSWORD_GROUP] for start in range(0, PASSWORD_LENGTH, PASSWORD_GROUP))
