"""The key of a till's device: made there when it is paired, its public part kept here, what it signed checked."""

import datetime
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import Connection, insert, select

from merchants.errors import OfflineSignatureInvalid, TillKeyInvalid, TillKeyMissing, TillKeyTaken
from merchants.model import Till
from merchants.tables import till_keys
from monnaie_locale.identity import audit
from monnaie_locale.ledger.periods import instant_ms
from wallets.codes.card_token import LOOKALIKES, SEPARATORS
from wallets.codes.phone_code import find_phone_code

SIGNATURE_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCharge:
    """An offline charge as a device signed it: `text` is what the signature is of, the rest is what it says."""

    text: bytes
    signature: bytes
    till_id: int
    sequence: int
    idempotency_key: str
    card_code: str
    amount_cents: int
    happened_at_ms: int
    cashier_id: int | None = None

    @property
    def card_digest(self) -> bytes:
        """Return what tells cards apart in the list of offline charges, however a code is spelled; it is not kept.

        A phone is known by its number: each of its codes is another.
        """
        secret = self.card_code.strip().upper().rpartition("/")[2].translate(SEPARATORS).translate(LOOKALIKES)
        phone = find_phone_code(secret)
        return hashlib.sha256(secret.encode()).digest() if phone is None else phone_digest(phone.phone_id)


def phone_digest(phone_id: int) -> bytes:
    """Return what stands for a phone in the list of offline charges."""
    return hashlib.sha256(f"phone:{phone_id}".encode()).digest()


def register_till_key(
    db: Connection, *, territory_id: int, till: Till, public_key: bytes, now: datetime.datetime
) -> None:
    """Keep the public key of a till's device; one for each pairing, the same one again changes nothing.

    Args:
        db: the transaction.
        territory_id: whose books.
        till: the calling till.
        public_key: ECDSA P-256, SubjectPublicKeyInfo in DER.
        now: aware UTC.

    Refuses: till_key_invalid, till_key_taken.

    """
    _loaded(public_key)
    known = _key_of(db, territory_id=territory_id, till=till)
    if known is not None:
        if known != public_key:
            raise TillKeyTaken
        return
    row = {"till_id": till.id, "public_key": public_key, "registered_at_ms": instant_ms(now)}
    db.execute(insert(till_keys), {"territory_id": territory_id, **row})
    audit.record(db, territory_id=territory_id, at=now, actor=till.caller, action="till.key", target=till.caller)


def check_signature(db: Connection, *, territory_id: int, till: Till, signed: SignedCharge) -> bytes:
    """Return the SHA-256 of the key that signed. Refuses: till_key_missing, offline_signature_invalid."""
    public_key = _key_of(db, territory_id=territory_id, till=till)
    if public_key is None:
        raise TillKeyMissing
    if len(signed.signature) != SIGNATURE_LENGTH or signed.till_id != till.id:
        raise OfflineSignatureInvalid
    # WebCrypto gives r and s side by side (IEEE P1363), the library wants them in DER.
    half = SIGNATURE_LENGTH // 2
    r, s = int.from_bytes(signed.signature[:half]), int.from_bytes(signed.signature[half:])
    try:
        _loaded(public_key).verify(encode_dss_signature(r, s), signed.text, ECDSA(SHA256()))
    except InvalidSignature as error:
        raise OfflineSignatureInvalid from error
    return hashlib.sha256(public_key).digest()


def _key_of(db: Connection, *, territory_id: int, till: Till) -> bytes | None:
    own = (till_keys.c.territory_id == territory_id, till_keys.c.till_id == till.id)
    found = db.scalar(select(till_keys.c.public_key).where(*own))
    return None if found is None else bytes(found)


def _loaded(encoded: bytes) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(encoded)
    except ValueError as error:
        raise TillKeyInvalid from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise TillKeyInvalid
    return key
