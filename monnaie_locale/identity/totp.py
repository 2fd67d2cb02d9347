"""Six-digit codes that change every thirty seconds (RFC 6238), and their enrolment address. Pure."""

import base64
import hmac
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
# A phone's clock may be half a minute wrong either way.
DRIFT_STEPS = (-1, 0, 1)


def code_at(*, secret: bytes, step: int) -> str:
    """Return the code of one thirty-second step since 1970."""
    # SHA-1 because it is what authenticator applications read; HMAC does not need it to be collision-free.
    totp = TOTP(secret, DIGITS, SHA1(), STEP_S)  # noqa: S303
    return totp.generate(step * STEP_S).decode("ascii")


def matching_step(*, secret: bytes, code: str, now_s: int, after_step: int) -> int | None:
    """Return the step whose code was typed, or None.

    Args:
        secret: the shared secret.
        code: what was typed; spaces between the digits are allowed.
        now_s: seconds since 1970.
        after_step: the last step already used; a code counts once.

    """
    typed = "".join(code.split())
    found: int | None = None
    for drift in DRIFT_STEPS:
        step = now_s // STEP_S + drift
        # Every step is compared, whatever the first ones gave: the time taken says nothing.
        if hmac.compare_digest(code_at(secret=secret, step=step).encode(), typed.encode()) and step > after_step:
            found = step
    return found


def enrolment_address(*, secret: bytes, login: str, issuer: str) -> str:
    """Return the otpauth: address that an authenticator application scans."""
    label = quote(f"{issuer}:{login}")
    fields = {"secret": secret_text(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_S}
    return f"otpauth://totp/{label}?{urlencode(fields, quote_via=quote)}"


def secret_text(secret: bytes) -> str:
    """Return the secret in base32, to type it by hand."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")
