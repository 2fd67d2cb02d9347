"""Keys by which a program signs in for a staff member or a till."""

import datetime
from collections.abc import Callable

from sqlalchemy import Connection, insert, update

from monnaie_locale.identity import audit, tokens
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.identity.tables import api_keys
from monnaie_locale.ledger.periods import instant_ms

# A recognisable beginning, so that a key left in a repository or a log is found by a scanner.
KEY_PREFIX = "mlk_"


def issue_api_key(
    db: Connection,
    *,
    territory_id: int,
    kind: SubjectKind,
    subject_id: int,
    label: str,
    actor: str,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Return a new key, to be shown once; it may do what its subject may.

    Args:
        db: the transaction.
        territory_id: whose key.
        kind: staff or till.
        subject_id: the staff member or till it stands for.
        label: what the key is for, without a person's name.
        actor: the caller who issues it.
        now: aware UTC.
        random_bytes: the source of randomness.

    """
    key = KEY_PREFIX + tokens.draw(random_bytes)
    db.execute(
        insert(api_keys),
        {
            "territory_id": territory_id,
            "token_digest": tokens.digest(key),
            "subject_kind": kind.value,
            "subject_id": subject_id,
            "label": label,
            "created_at_ms": instant_ms(now),
        },
    )
    target = f"{kind.value}:{subject_id}"
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="api_key.issue",
        target=target,
        detail={"label": label},
    )
    return key


def revoke_api_keys_of(
    db: Connection, *, territory_id: int, kind: SubjectKind, subject_id: int, actor: str, now: datetime.datetime
) -> int:
    """Revoke every key of a subject and return how many there were."""
    revoked = db.execute(
        update(api_keys)
        .where(
            api_keys.c.territory_id == territory_id,
            api_keys.c.subject_kind == kind.value,
            api_keys.c.subject_id == subject_id,
            api_keys.c.revoked_at_ms.is_(None),
        )
        .values(revoked_at_ms=instant_ms(now))
    )
    target = f"{kind.value}:{subject_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action="api_key.revoke", target=target)
    return revoked.rowcount
