"""Attempts to sign in: counted before they are judged, for the known browsers of a person and for all others apart.

Five wrong attempts in a row suspend for a quarter of an hour. Counted per person only, a stranger who knows a login
could keep its owner out for ever with five requests each time. So a browser in which the person signed in before
carries a token and has a count of its own: strangers suspend each other, not the owner at the usual desk. It is not
counted per network address, which is one for a whole town hall and none behind a proxy, and which is personal data.
"""

import datetime
from collections.abc import Callable

from sqlalchemy import Connection, Table, case, delete, insert, select, update

from monnaie_locale.identity import audit, errors, tokens
from monnaie_locale.identity.model import ATTEMPTS_MAX, DEVICE_LIFE_MS, LOCK_MS, Claim, SignedIn
from monnaie_locale.identity.operations import open_session
from monnaie_locale.identity.roles import SubjectKind
from monnaie_locale.identity.tables import sign_in_devices, staff
from monnaie_locale.keyring import HASH_PREFIX
from monnaie_locale.ledger.periods import instant_ms


def claim_attempt(
    db: Connection, *, territory_id: int, login: str, device_token: str | None, now_ms: int
) -> Claim | None:
    """Count an attempt to sign in, before anything is checked; None when there is nobody to check or it is locked.

    Counting first is what holds the limit when attempts come in parallel: the fifth one locks, and a sixth is not
    evaluated before the lock ends. A success sets the count back to zero (`accept_attempt`).

    Args:
        db: the transaction.
        territory_id: whose staff.
        login: as typed.
        device_token: what the browser carries from an earlier sign-in, if anything.
        now_ms: milliseconds UTC.

    """
    person = db.execute(
        select(staff.c.id, staff.c.password_hash, staff.c.sealed_totp_secret, staff.c.totp_last_step).where(
            staff.c.territory_id == territory_id,
            staff.c.login == login,
            staff.c.is_active,
            staff.c.confirmed_by.is_not(None),
        )
    ).first()
    if person is None:
        return None
    device = None if device_token is None else tokens.digest(device_token)
    if device is None or not _is_known(db, territory_id=territory_id, staff_id=person.id, device=device, now_ms=now_ms):
        device = None
    if not _counted(db, territory_id=territory_id, staff_id=person.id, device=device, now_ms=now_ms):
        return None
    return Claim(
        staff_id=person.id,
        password_hash=person.password_hash,
        sealed_totp_secret=person.sealed_totp_secret,
        totp_last_step=person.totp_last_step,
        device_digest=device,
    )


def accept_attempt(
    db: Connection,
    *,
    territory_id: int,
    claim: Claim,
    device_token: str | None,
    totp_step: int,
    hash_again: str | None,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> SignedIn:
    """Use up the TOTP step, clear the count that was used, know the browser, open a session.

    `hash_again` takes the place of an old hash of the same password; None keeps the hash there is.

    Refuses: sign_in_refused, when the step was used by another request in the meantime.
    """
    mine = (staff.c.territory_id == territory_id) & (staff.c.id == claim.staff_id)
    accepted = db.execute(
        update(staff)
        .where(
            mine,
            staff.c.is_active,
            staff.c.confirmed_by.is_not(None),
            # The credentials that were checked: they may have been renewed meanwhile.
            staff.c.password_hash == claim.password_hash,
            staff.c.totp_last_step < totp_step,
        )
        .values(totp_last_step=totp_step, password_hash=hash_again or claim.password_hash)
    )
    if accepted.rowcount != 1:
        raise errors.SignInRefused
    device = _know(db, territory_id=territory_id, claim=claim, token=device_token, now=now, random_bytes=random_bytes)
    _record(db, territory_id=territory_id, staff_id=claim.staff_id, now=now, action="sign_in")
    session = open_session(
        db,
        territory_id=territory_id,
        kind=SubjectKind.STAFF,
        subject_id=claim.staff_id,
        now=now,
        random_bytes=random_bytes,
    )
    return SignedIn(session_token=session, device_token=device)


def old_hashes_remain(db: Connection, *, territory_id: int) -> bool:
    """Return whether the password of somebody of the staff has an old hash, whose check costs more (`keyring`)."""
    today = staff.c.password_hash.startswith(HASH_PREFIX, autoescape=True)
    mine = select(staff.c.id).where(staff.c.territory_id == territory_id, ~today)
    return db.scalar(mine.limit(1)) is not None


def record_refused_attempt(db: Connection, *, territory_id: int, staff_id: int, now: datetime.datetime) -> None:
    """Leave a trace of a wrong password or code for a login that exists."""
    _record(db, territory_id=territory_id, staff_id=staff_id, now=now, action="sign_in.refused")


def _counted(db: Connection, *, territory_id: int, staff_id: int, device: bytes | None, now_ms: int) -> bool:
    """Count one attempt on the browser's own count, or on that of all the others; False when it is locked."""
    counts: Table = staff if device is None else sign_in_devices
    mine = counts.c.territory_id == territory_id
    if device is None:
        mine &= staff.c.id == staff_id
    else:
        mine &= (sign_in_devices.c.staff_id == staff_id) & (sign_in_devices.c.token_digest == device)
    failed = counts.c.failed_attempts
    counted = db.execute(
        update(counts)
        .where(mine, counts.c.locked_until_ms <= now_ms)
        .values(
            failed_attempts=case((failed >= ATTEMPTS_MAX, 1), else_=failed + 1),
            locked_until_ms=case((failed == ATTEMPTS_MAX - 1, now_ms + LOCK_MS), else_=0),
        )
    )
    return counted.rowcount == 1


def _is_known(db: Connection, *, territory_id: int, staff_id: int | None, device: bytes, now_ms: int) -> bool:
    """Tell whether this browser was used to sign in, by this person or, without one, by anybody."""
    wanted = select(sign_in_devices.c.staff_id).where(
        sign_in_devices.c.territory_id == territory_id,
        sign_in_devices.c.token_digest == device,
        sign_in_devices.c.expires_at_ms > now_ms,
    )
    if staff_id is not None:
        wanted = wanted.where(sign_in_devices.c.staff_id == staff_id)
    return db.scalar(wanted.limit(1)) is not None


def _know(
    db: Connection,
    *,
    territory_id: int,
    claim: Claim,
    token: str | None,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Clear the count that was used, and return the token by which this browser is known from now on."""
    now_ms = instant_ms(now)
    own = (sign_in_devices.c.territory_id == territory_id) & (sign_in_devices.c.staff_id == claim.staff_id)
    fresh = {"failed_attempts": 0, "locked_until_ms": 0}
    if claim.device_digest is not None and token is not None:
        this = sign_in_devices.c.token_digest == claim.device_digest
        db.execute(update(sign_in_devices).where(own, this).values(**fresh, expires_at_ms=now_ms + DEVICE_LIFE_MS))
        return token
    mine = (staff.c.territory_id == territory_id) & (staff.c.id == claim.staff_id)
    db.execute(update(staff).where(mine).values(**fresh))
    db.execute(delete(sign_in_devices).where(own, sign_in_devices.c.expires_at_ms <= now_ms))
    # A desk that several people share keeps its token; one that we never gave is not taken over.
    shared = token is not None and _is_known(
        db, territory_id=territory_id, staff_id=None, device=tokens.digest(token), now_ms=now_ms
    )
    kept = token if token is not None and shared else tokens.draw(random_bytes)
    db.execute(
        insert(sign_in_devices),
        {
            "territory_id": territory_id,
            "token_digest": tokens.digest(kept),
            "staff_id": claim.staff_id,
            "expires_at_ms": now_ms + DEVICE_LIFE_MS,
        }
        | fresh,
    )
    return kept


def _record(db: Connection, *, territory_id: int, staff_id: int, now: datetime.datetime, action: str) -> None:
    caller = f"{SubjectKind.STAFF}:{staff_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=caller, action=action, target=caller)
