"""The secrets of an installation and what is done with them: hashing PINs and passwords, sealing identities, signing.

Everything comes from `cryptography`, and argon2id from libsodium (`PyNaCl`). The keys live in one file beside the
database (mode 0600), never in it: a stolen database alone gives neither a PIN (argon2id with a pepper), nor a name
(Fernet), nor a signature.
"""

import hashlib
import hmac
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidKey, InvalidSignature
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

# OWASP password storage names five settings of argon2id of equal strength: this one, 7 MiB, five passes and one lane,
# costs a server least. libsodium computes it three times as fast as OpenSSL does, as an attacker would.
ARGON2_MEMORY_BYTES = 7 * 1024 * 1024
ARGON2_PASSES = 5
HASH_PREFIX = "$argon2id$v=19$m=7168,t=5,p=1$"
# Until November 2026: 19 MiB, two passes, by OpenSSL, with the pepper as argon2's own secret (RFC 9106, 3.1).
OLD_MEMORY_KIB = 19 * 1024
OLD_PASSES = 2
OLD_LANES = 1
KEY_BYTES = 32
SALT_BYTES = 16
PRIVATE_FILE_MODE = 0o600


class Keyring:
    """The keys of one installation."""

    def __init__(self, *, pepper: bytes, sealing_keys: tuple[bytes, ...], signing_key: bytes) -> None:
        """Take the raw keys; `sealing_keys` are 32 bytes each, the first one seals, all of them unseal."""
        self._pepper = pepper
        self._sealing_keys = sealing_keys
        self._signing_key = signing_key
        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(key)) for key in sealing_keys])
        self._signer = Ed25519PrivateKey.from_private_bytes(signing_key)

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = os.urandom) -> "Keyring":
        """Return a new keyring."""
        return cls(
            pepper=random_bytes(KEY_BYTES),
            sealing_keys=(random_bytes(KEY_BYTES),),
            signing_key=random_bytes(KEY_BYTES),
        )

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Return the keyring kept in a file."""
        stored: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
        return cls(
            pepper=urlsafe_b64decode(stored["pepper"]),
            sealing_keys=tuple(urlsafe_b64decode(key) for key in stored["sealing_keys"]),
            signing_key=urlsafe_b64decode(stored["signing_key"]),
        )

    def save(self, path: Path) -> None:
        """Write the keyring to a new file that only its owner reads."""
        content = {
            "pepper": urlsafe_b64encode(self._pepper).decode(),
            "sealing_keys": [urlsafe_b64encode(key).decode() for key in self._sealing_keys],
            "signing_key": urlsafe_b64encode(self._signing_key).decode(),
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(content, file)

    def hash_secret(self, secret: str) -> str:
        """Return the argon2id hash of a PIN or a password, in PHC form."""
        return argon2id.str(self._peppered(secret), opslimit=ARGON2_PASSES, memlimit=ARGON2_MEMORY_BYTES).decode()

    def check_secret(self, hashed: str, secret: str, *, as_old: bool = False) -> bool:
        """Return whether the PIN or password is the one that was hashed.

        `as_old`: some hash among which this one was found is still an old one (`is_old_hash`), whose check costs more.
        Each check then costs as much as both kinds, so that its time does not tell which one it was.
        """
        if is_old_hash(hashed):
            self._evaluate(secret)
            return self._is_old_hash_of(hashed, secret)
        if as_old:
            self._evaluate_as_old(secret)
        try:
            return argon2id.verify(hashed.encode(), self._peppered(secret))
        except InvalidkeyError:
            return False

    def waste_time(self, secret: str, *, as_old: bool = False) -> None:
        """Spend what a check costs: an unknown card or login must answer as slowly as a known one."""
        if as_old:
            self._evaluate_as_old(secret)
        self._evaluate(secret)

    def _peppered(self, secret: str) -> bytes:
        return hmac.digest(self._pepper, b"secret\x00" + secret.encode(), hashlib.sha256)

    def _evaluate(self, secret: str) -> None:
        argon2id.kdf(
            KEY_BYTES,
            self._peppered(secret),
            bytes(SALT_BYTES),
            opslimit=ARGON2_PASSES,
            memlimit=ARGON2_MEMORY_BYTES,
        )

    def _is_old_hash_of(self, hashed: str, secret: str) -> bool:
        try:
            Argon2id.verify_phc_encoded(secret.encode(), hashed, self._pepper)
        except InvalidKey:
            return False
        return True

    def _evaluate_as_old(self, secret: str) -> None:
        Argon2id(
            salt=bytes(SALT_BYTES),
            length=KEY_BYTES,
            iterations=OLD_PASSES,
            lanes=OLD_LANES,
            memory_cost=OLD_MEMORY_KIB,
            secret=self._pepper,
        ).derive(secret.encode())

    def seal(self, fields: dict[str, Any]) -> bytes:
        """Return the fields encrypted, for an identity column."""
        return self._fernet.encrypt(json.dumps(fields, ensure_ascii=False).encode())

    def unseal(self, sealed: bytes) -> dict[str, Any]:
        """Return the fields of an identity column."""
        fields: dict[str, Any] = json.loads(self._fernet.decrypt(sealed))
        return fields

    def lookup_digest(self, text: str) -> bytes:
        """Return a keyed digest by which a sealed thing is found again without being readable."""
        return hmac.digest(self._pepper, b"lookup\x00" + text.encode(), hashlib.sha256)

    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key of its own for one purpose (sessions, forms)."""
        return hmac.digest(self._pepper, b"derive\x00" + purpose.encode(), hashlib.sha256)

    def sign(self, text: bytes) -> bytes:
        """Return the Ed25519 signature of a text (RFC 8032)."""
        return self._signer.sign(text)

    @property
    def public_key_pem(self) -> str:
        """Return the public key that checks the signatures."""
        return self._signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_old_hash(hashed: str) -> bool:
    """Return whether a hash is to be made again, with today's cost, when its PIN or password is next typed."""
    return not hashed.startswith(HASH_PREFIX)


def signature_is_valid(*, public_key_pem: str, signature: bytes, text: bytes) -> bool:
    """Return whether an Ed25519 signature is that of the text by the key."""
    key = _public_key(public_key_pem)
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=8)
def _public_key(public_key_pem: str) -> PublicKeyTypes:
    # A verification checks thousands of signatures by one key, and reading a key costs half a check.
    return load_pem_public_key(public_key_pem.encode())
