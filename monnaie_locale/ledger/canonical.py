"""The canonical bytes of entries and openings, from plain values: made for every posting and for every row verified.

A JSON array (RFC 8259) without spaces, ASCII only; a property test holds them to what any JSON writer gives. Values are
trusted to be of their types: whoever reads rows from a database looks at that first.
"""

from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted

# The leading 1 is the version of the form: adding a field makes a new one.
# The account debited, the account credited, the cents.
Line = tuple[int, int, int]
# %, not an f-string: with so many integers it takes half the time.
ENTRY = '[1,%d,%d,%d,%d,%d,"%s",%s,"%s","%s",%s,%s,[%s]]'
MOVED = "[%d,%d,%d]"


def entry_bytes(  # noqa: PLR0917 - a million calls: naming the arguments would cost a tenth of it
    territory_id: int,
    entry_id: int,
    kind: int,
    happened_at_ms: int,
    recorded_at_ms: int,
    day: str,
    caller: str,
    key_digest: bytes,
    request_digest: bytes,
    reverses_entry_id: int | None,
    reference: str,
    lines: Sequence[Line],
) -> bytes:
    """Return an entry's canonical bytes; `day` is the accounting date, "2026-10-05"."""
    moved = MOVED % lines[0] if len(lines) == 1 else ",".join([MOVED % line for line in lines])
    reverses = "null" if reverses_entry_id is None else str(reverses_entry_id)
    fields = (
        territory_id, entry_id, kind, happened_at_ms, recorded_at_ms, day, quoted(caller), key_digest.hex(),
        request_digest.hex(), reverses, quoted(reference), moved,
    )  # fmt: skip
    return (ENTRY % fields).encode("ascii")


def opening_bytes(  # noqa: PLR0917 - same
    territory_id: int,
    account_id: int,
    kind: int,
    programme_id: int,
    wallet_id: int,
    merchant_id: int,
    expires_on: str,
    opened_at_ms: int,
) -> bytes:
    """Return the canonical bytes of an account's opening; `expires_on` is "2026-12-31"."""
    return (
        f'[1,{territory_id},{account_id},{kind},{programme_id},{wallet_id},{merchant_id},"{expires_on}",{opened_at_ms}]'
    ).encode("ascii")
