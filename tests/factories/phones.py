"""A phone that pays, as the page on it does: its own key, and codes signed by it."""

import datetime
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Engine

from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.ledger import TERRITORY_ID, territory
from tests.factories.merchants import NOW
from wallets.codes.phone_code import phone_code_url, signed_text
from wallets.operations.phones import bind_phone

HOST = territory().host
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass
class PocketPhone:
    """A phone with its key; `phone_id` is its number once it is bound."""

    key: EllipticCurvePrivateKey
    phone_id: int = 0

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def payload(self, at: datetime.datetime, chance: int = 1) -> bytes:
        return self.phone_id.to_bytes(4) + (instant_ms(at) // 1000).to_bytes(4) + chance.to_bytes(6)

    def sign(self, payload: bytes, host: str = HOST) -> tuple[int, int]:
        return decode_dss_signature(self.key.sign(signed_text(host=host, payload=payload), ECDSA(SHA256())))

    def code(self, at: datetime.datetime = NOW, *, chance: int = 1, host: str = HOST, twin: bool = False) -> str:
        """Return a code made at an instant; `twin` gives the other signature that ECDSA knows for the same text."""
        payload = self.payload(at, chance)
        r, s = self.sign(payload, host)
        signature = r.to_bytes(32) + (ORDER_OF_P256 - s if twin else s).to_bytes(32)
        return phone_code_url(host=host, payload=payload, signature=signature)


def pocket_phone() -> PocketPhone:
    """Return a phone that nobody knows."""
    return PocketPhone(generate_private_key(SECP256R1()))


def bound_phone(engine: Engine, card_id: int) -> PocketPhone:
    """Return a phone bound to a card."""
    phone = pocket_phone()
    bound = transact(
        engine,
        bind_phone,
        territory_id=TERRITORY_ID,
        card_id=card_id,
        public_key=phone.public_key,
        actor=f"holder:{card_id}",
        now=NOW,
    )
    phone.phone_id = bound.phone_id
    return phone
