"""A write under one key happens once: its answer is stored in the transaction that did it, and given again."""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from monnaie_locale.api.errors import AnswerShownOnce, IdempotencyKeyMalformed, IdempotencyKeyMissing
from monnaie_locale.api.tables import idempotency_keys
from monnaie_locale.ledger.errors import IdempotencyKeyReused

KEY = re.compile(r"[\x21-\x7e]{1,128}")


class StoredAnswer(NamedTuple):
    """An answer as it was, or will be, sent."""

    status: int
    body: str
    replayed: bool = False


def check_key(key: str | None) -> str:
    """Return the key of a write. Refuses: idempotency_key_missing, idempotency_key_malformed."""
    if not key:
        raise IdempotencyKeyMissing
    if not KEY.fullmatch(key):
        raise IdempotencyKeyMalformed
    return key


def digest_request(*, method: str, path: str, body: bytes) -> bytes:
    """Return what tells two requests apart: the same key must not carry another one."""
    return hashlib.sha256(b"\x00".join([method.encode(), path.encode(), body])).digest()


def run_once(
    db: Connection,
    *,
    territory_id: int,
    caller: str,
    key: str,
    request_digest: bytes,
    now_ms: int,
    is_secret: bool = False,
    operation: Callable[[Connection], tuple[int, str]],
) -> StoredAnswer:
    """Run `operation` unless its answer is stored already, and store its answer beside what it wrote.

    Args:
        db: the transaction; the operation writes in the same one.
        territory_id: whose books.
        caller: "staff:3"; keys of two callers never meet.
        key: the Idempotency-Key.
        request_digest: of `digest_request`.
        now_ms: milliseconds UTC.
        is_secret: the answer holds a secret: only that it was given is stored, and the key is refused afterwards.
        operation: returns the status and the JSON text of the answer; a refusal it raises stores nothing.

    Refuses: idempotency_key_reused, answer_shown_once.

    """
    key_digest = hashlib.sha256(key.encode()).digest()
    stored = _find(db, territory_id=territory_id, caller=caller, key_digest=key_digest, request_digest=request_digest)
    if stored is not None:
        if is_secret:
            raise AnswerShownOnce
        return stored
    status, body = operation(db)
    # Two requests with one key in flight: the loser breaks the primary key, `transact` runs it again from the start,
    # and it finds the winner's answer above.
    db.execute(
        insert(idempotency_keys),
        {
            "territory_id": territory_id,
            "caller": caller,
            "key_digest": key_digest,
            "request_digest": request_digest,
            "status": status,
            "body": "" if is_secret else body,
            "answered_at_ms": now_ms,
        },
    )
    return StoredAnswer(status, body)


def _find(
    db: Connection, *, territory_id: int, caller: str, key_digest: bytes, request_digest: bytes
) -> StoredAnswer | None:
    stored = db.execute(
        select(idempotency_keys.c.request_digest, idempotency_keys.c.status, idempotency_keys.c.body).where(
            idempotency_keys.c.territory_id == territory_id,
            idempotency_keys.c.caller == caller,
            idempotency_keys.c.key_digest == key_digest,
        )
    ).first()
    if stored is None:
        return None
    if bytes(stored.request_digest) != request_digest:
        raise IdempotencyKeyReused
    return StoredAnswer(stored.status, stored.body, replayed=True)
