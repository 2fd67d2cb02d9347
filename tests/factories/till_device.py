"""A till's device as a program: it makes its key and signs what it takes while the network is away."""

import base64
import datetime
import itertools
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from merchants.model import Till
from merchants.offline.signing import SignedCharge
from monnaie_locale.ledger.periods import instant_ms


def base64url(raw: bytes) -> str:
    """Return bytes as the API takes them."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Device:
    """A device with its key and the number of what it signs next."""

    till: Till
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    @property
    def public_key(self) -> bytes:
        """Return the public key in DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(
        self,
        card: str,
        amount_cents: int,
        *,
        at: datetime.datetime,
        once: str | None = None,
        sequence: int | None = None,
        cashier_id: int | None = None,
    ) -> SignedCharge:
        """Return a charge as the device signs it."""
        number = next(self.numbers) if sequence is None else sequence
        says = {
            "till": self.till.id,
            "sequence": number,
            "key": once or f"off{number}",
            "card": card,
            "amount_cents": amount_cents,
            "happened_at_ms": instant_ms(at),
        } | ({} if cashier_id is None else {"cashier": cashier_id})
        text = json.dumps(says).encode()
        r, s = decode_dss_signature(self.key.sign(text, ECDSA(SHA256())))
        return SignedCharge(
            text=text,
            signature=r.to_bytes(32) + s.to_bytes(32),
            till_id=self.till.id,
            sequence=number,
            idempotency_key=str(says["key"]),
            card_code=card,
            amount_cents=amount_cents,
            happened_at_ms=instant_ms(at),
            cashier_id=cashier_id,
        )

    @staticmethod
    def body(signed: SignedCharge) -> dict[str, str]:
        """Return the body of the request that sends it."""
        return {"signed": signed.text.decode(), "signature": base64url(signed.signature)}
