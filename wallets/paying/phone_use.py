"""What a payment does to the code of a phone, in the payment's own transaction: used once, by a phone still bound."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from monnaie_locale.ledger.entries import Transfer
from monnaie_locale.ledger.posting import Posted
from wallets.errors import PhoneCodeUsed, PhoneRefused
from wallets.tables import phone_payments, phones


class PhoneUse(NamedTuple):
    """The companion of a payment: which phone showed which code."""

    phone_id: int
    code_digest: bytes

    @classmethod
    def load(cls, db: Connection, *, territory_id: int, companions: Sequence["PhoneUse"]) -> "PhoneUses":
        """Lock the phones of the batch and read which of the codes have paid."""
        phone_ids = sorted({use.phone_id for use in companions})
        digests = sorted({use.code_digest for use in companions})
        bound = db.scalars(
            select(phones.c.id)
            .where(phones.c.territory_id == territory_id, phones.c.id.in_(phone_ids), phones.c.revoked_at_ms.is_(None))
            .order_by(phones.c.id)
            .with_for_update()
        )
        used = db.scalars(
            select(phone_payments.c.code_digest).where(
                phone_payments.c.territory_id == territory_id, phone_payments.c.code_digest.in_(digests)
            )
        )
        return PhoneUses(territory_id=territory_id, bound=set(bound), used={bytes(digest) for digest in used})


@dataclass(slots=True, kw_only=True)
class PhoneUses:
    """The phones of a batch that are bound, and the codes that have paid."""

    territory_id: int
    bound: set[int]
    used: set[bytes]
    paid: list[tuple[PhoneUse, int]] = field(default_factory=list)

    def check(self, companion: PhoneUse, _transfers: Sequence[Transfer]) -> None:
        """Refuse phone_refused when the phone was taken away meanwhile, phone_code_used when the code has paid."""
        if companion.phone_id not in self.bound:
            raise PhoneRefused
        if companion.code_digest in self.used:
            raise PhoneCodeUsed

    def accept(self, companion: PhoneUse, posted: Posted) -> None:
        """Use the code."""
        self.used.add(companion.code_digest)
        self.paid.append((companion, posted.entry.entry_id))

    def save(self, db: Connection) -> None:
        """Write which entry each code paid; the primary key of the table is the truth."""
        if self.paid:
            db.execute(
                insert(phone_payments),
                [
                    {
                        "territory_id": self.territory_id,
                        "code_digest": use.code_digest,
                        "phone_id": use.phone_id,
                        "entry_id": entry_id,
                    }
                    for use, entry_id in self.paid
                ],
            )
