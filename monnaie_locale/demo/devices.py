"""The devices of the market as programs: a holder's phone and a till's tablet, each with a key of its own.

They do what their pages do in a browser. Their keys come from the demonstration's chance, so that its files stay the
same; a signature differs each time, and is kept nowhere.
"""

import datetime
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from merchants.model import Till
from merchants.offline.signing import SignedCharge
from monnaie_locale.ledger.periods import instant_ms
from wallets.codes.phone_code import phone_code_url, signed_text

RandomBytes = Callable[[int], bytes]
# A number below the order of P-256: 31 bytes always are.
SECRET_BYTES, HALF_BYTES = 31, 32
CHANCE_BYTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key on P-256 that does not leave its device."""

    key: EllipticCurvePrivateKey

    @property
    def public_key(self) -> bytes:
        """Return what the service keeps: SubjectPublicKeyInfo in DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, text: bytes) -> bytes:
        """Return the signature as WebCrypto gives it: r and s side by side."""
        r, s = decode_dss_signature(self.key.sign(text, ECDSA(SHA256())))
        return r.to_bytes(HALF_BYTES) + s.to_bytes(HALF_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A holder's phone, bound to a card under the number `phone_id`."""

    phone_id: int
    signer: Signer

    def code(self, *, host: str, now: datetime.datetime, random_bytes: RandomBytes) -> str:
        """Return the text of the QR that the phone shows at this instant."""
        payload = self.phone_id.to_bytes(4) + (instant_ms(now) // 1000).to_bytes(4) + random_bytes(CHANCE_BYTES)
        return phone_code_url(
            host=host, payload=payload, signature=self.signer.sign(signed_text(host=host, payload=payload))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tablet:
    """A till's device: it signs what it takes while the network is away, and numbers it."""

    till: Till
    signer: Signer
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def take(self, *, card_code: str, amount_cents: int, key: str, at: datetime.datetime) -> SignedCharge:
        """Return a charge as the device keeps it until the network is back."""
        sequence = next(self._numbers)
        said = {
            "till": self.till.id,
            "sequence": sequence,
            "key": key,
            "card": card_code,
            "amount_cents": amount_cents,
            "happened_at_ms": instant_ms(at),
        }
        text = json.dumps(said, separators=(",", ":")).encode()
        return SignedCharge(
            text=text,
            signature=self.signer.sign(text),
            till_id=self.till.id,
            sequence=sequence,
            idempotency_key=key,
            card_code=card_code,
            amount_cents=amount_cents,
            happened_at_ms=instant_ms(at),
        )


def draw_signer(random_bytes: RandomBytes) -> Signer:
    """Return a new key."""
    return Signer(key=derive_private_key(int.from_bytes(random_bytes(SECRET_BYTES)) + 1, SECP256R1()))
