"""What a session's cookie holds: the token, when it was last used, and a seal on both. Pure.

The last use is in the cookie and not in the database, so that looking at a page writes nothing. A copied cookie dies
with its idle time, whatever its owner does after.
"""

import hmac
from dataclasses import dataclass, field

from monnaie_locale.identity.roles import SubjectKind

SEAL_BYTES = 16
# A cookie is renewed at most this often.
RENEW_AFTER_MS = 60_000
VALUE_LENGTH_MAX = 200
PARTS = 3


@dataclass(frozen=True, slots=True)
class Ticket:
    """A session's token and the last moment it was used."""

    token: str = field(repr=False)
    seen_at_ms: int


def name_of(kind: SubjectKind, *, https: bool) -> str:
    """Return the cookie's name; `__Host-` makes a browser refuse it from anywhere but this host over https."""
    return f"__Host-monnaie-{kind.value}" if https else f"monnaie-{kind.value}"


def device_name(*, https: bool) -> str:
    """Return the name of the cookie by which a browser is known when its people sign in again."""
    return "__Host-monnaie-appareil" if https else "monnaie-appareil"


def pack(ticket: Ticket, *, kind: SubjectKind, key: bytes) -> str:
    """Return the cookie's value."""
    return f"{ticket.token}.{ticket.seen_at_ms:x}.{_seal(ticket, kind=kind, key=key)}"


def unpack(value: str, *, kind: SubjectKind, key: bytes) -> Ticket | None:
    """Return what a cookie holds, or None when we did not write it."""
    parts = value.split(".")
    if len(value) > VALUE_LENGTH_MAX or len(parts) != PARTS:
        return None
    token, seen, _ = parts
    try:
        ticket = Ticket(token, int(seen, 16))
    except ValueError:
        return None
    # The whole value, so that another spelling of the same number is not ours either.
    genuine = hmac.compare_digest(value.encode(), pack(ticket, kind=kind, key=key).encode())
    return ticket if genuine else None


def form_token(token: str, *, key: bytes) -> str:
    """Return the token that the forms of a session send back (against cross-site requests)."""
    return hmac.digest(key, b"form\x00" + token.encode(), "sha256")[:SEAL_BYTES].hex()


def _seal(ticket: Ticket, *, kind: SubjectKind, key: bytes) -> str:
    text = f"seen\x00{kind.value}\x00{ticket.token}\x00{ticket.seen_at_ms:x}"
    return hmac.digest(key, text.encode(), "sha256")[:SEAL_BYTES].hex()
