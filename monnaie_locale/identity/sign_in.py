"""Sign in with login, password and code: counted first, checked outside any transaction, then accepted."""

import datetime
from collections.abc import Callable

from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import attempts, errors, totp
from monnaie_locale.identity.model import Claim, SignedIn
from monnaie_locale.keyring import Keyring, is_old_hash
from monnaie_locale.ledger.periods import MILLISECONDS_PER_SECOND, instant_ms

# Argon2 reads all of it: a megabyte of password would be a cheap way to keep the server busy.
TYPED_LENGTH_MAX = 200


def sign_in(
    engine: Engine,
    *,
    keyring: Keyring,
    territory_id: int,
    login: str,
    password: str,
    code: str,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
    device_token: str | None = None,
) -> SignedIn:
    """Return the token of a new session, and that by which the browser is known the next time.

    Args:
        engine: the database; the password is checked between two transactions, because it takes long on purpose.
        keyring: checks the password and unseals the TOTP secret.
        territory_id: whose staff.
        login: as typed.
        password: as typed.
        code: the six digits, as typed.
        now: aware UTC.
        random_bytes: the source of randomness.
        device_token: what the browser carries from an earlier sign-in, if anything.

    Refuses: sign_in_refused, the same for an unknown login, a wrong password, a wrong or used code, a locked account.

    """
    with reading(engine) as db:
        as_old = attempts.old_hashes_remain(db, territory_id=territory_id)
    claim = _claim(engine, territory_id=territory_id, login=login, device_token=device_token, now=now)
    if claim is None:
        keyring.waste_time(password[:TYPED_LENGTH_MAX], as_old=as_old)
        raise errors.SignInRefused
    step = _accepted_step(claim, keyring=keyring, password=password, code=code, now=now, as_old=as_old)
    if step is None:
        transact(engine, attempts.record_refused_attempt, territory_id=territory_id, staff_id=claim.staff_id, now=now)
        raise errors.SignInRefused
    hash_again = keyring.hash_secret(password) if is_old_hash(claim.password_hash) else None
    return transact(
        engine,
        attempts.accept_attempt,
        territory_id=territory_id,
        claim=claim,
        device_token=device_token,
        totp_step=step,
        hash_again=hash_again,
        now=now,
        random_bytes=random_bytes,
    )


def _claim(
    engine: Engine, *, territory_id: int, login: str, device_token: str | None, now: datetime.datetime
) -> Claim | None:
    return transact(
        engine,
        attempts.claim_attempt,
        territory_id=territory_id,
        login=login.strip().lower(),
        device_token=device_token,
        now_ms=instant_ms(now),
    )


def _accepted_step(
    claim: Claim, *, keyring: Keyring, password: str, code: str, now: datetime.datetime, as_old: bool
) -> int | None:
    # Both are checked whatever the first gave: the answer takes as long for a wrong password as for a wrong code.
    right_password = len(password) <= TYPED_LENGTH_MAX and keyring.check_secret(
        claim.password_hash, password, as_old=as_old
    )
    secret = bytes.fromhex(keyring.unseal(claim.sealed_totp_secret)["totp"])
    step = totp.matching_step(
        secret=secret,
        code=code,
        now_s=instant_ms(now) // MILLISECONDS_PER_SECOND,
        after_step=claim.totp_last_step,
    )
    return step if right_password else None
