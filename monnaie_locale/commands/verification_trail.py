"""Hold the audit trail against its signed heads, and cards and phones against what the trail says of them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from monnaie_locale.identity.audit_log import audit_heads_of, audit_trail, event_leaf
from monnaie_locale.identity.model import AuditEvent
from monnaie_locale.journal.verify import Finding
from monnaie_locale.journal.verify_log import RebuiltLog
from monnaie_locale.keyring import signature_is_valid
from wallets import phone_register
from wallets.model import CardState
from wallets.queries import card_seals

SEALING = frozenset({"card.issue", "card.reset-pin", "card.choose-pin", "card.rehash-pin"})
ENDING = frozenset({"card.block", "card.replace"})
CARD = "card:"
BINDING, REVOKING = "phone.bind", "phone.revoke"
PHONE = "phone:"


@dataclass(slots=True)
class _CardsTold:
    """What the trail says of the cards: the last seal of each ("" when an older version noted none), those ended."""

    seals: dict[int, str] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def take(self, event: AuditEvent) -> None:
        """Remember a line that is about a card."""
        number = event.target.removeprefix(CARD)
        if not event.target.startswith(CARD) or not number.isdigit():
            return
        if event.action in SEALING:
            self.seals[int(number)] = str(json.loads(event.detail).get("seal", ""))
        elif event.action in ENDING:
            self.ended.add(int(number))


@dataclass(slots=True)
class _PhonesTold:
    """What the trail says of the phones: the card and the key's SHA-256 of each, and those taken away."""

    bound: dict[int, tuple[int, str]] = field(default_factory=dict)
    revoked: set[int] = field(default_factory=set)

    def take(self, event: AuditEvent) -> None:
        """Remember a line that is about a phone."""
        number = event.target.removeprefix(PHONE)
        if not event.target.startswith(PHONE) or not number.isdigit():
            return
        if event.action == BINDING:
            detail = json.loads(event.detail)
            self.bound[int(number)] = (detail.get("card", 0), detail.get("key", ""))
        elif event.action == REVOKING:
            self.revoked.add(int(number))


def check_trail(db: Connection, *, territory_id: int, public_key_pem: str) -> Iterator[Finding]:
    """No line of the audit trail is missing nor changed since it was signed; cards and phones are those it tells of."""
    heads = audit_heads_of(db, territory_id=territory_id)
    for head in heads:
        if not signature_is_valid(public_key_pem=public_key_pem, signature=head.signature, text=head.signed_text()):
            yield Finding(
                "audit_signature_invalid",
                f"audit head {head.size}",
                f"La signature du journal d’audit à {head.size} est fausse.",
            )
    log = RebuiltLog({head.size: head.root for head in heads}, word="audit", french="Les lignes d’audit")
    told, phones = _CardsTold(), _PhonesTold()
    previous = 0
    for event in audit_trail(db, territory_id=territory_id):
        if event.id != previous + 1:
            yield Finding(
                "audit_event_missing",
                f"audit event {previous + 1}",
                f"Le journal d’audit passe de la ligne {previous} à la ligne {event.id}.",
            )
        previous = event.id
        told.take(event)
        phones.take(event)
        yield from log.append(event_leaf(event, territory_id=territory_id))
    yield from log.end()
    yield from _check_cards(db, territory_id, told)
    yield from _check_phones(db, territory_id, phones)


def _check_cards(db: Connection, territory_id: int, told: _CardsTold) -> Iterator[Finding]:
    """Each card was issued, is sealed as it stands, pays no more once it was ended, and none has disappeared."""
    missing = set(told.seals)
    for card_id, seal, state in card_seals(db, territory_id=territory_id):
        missing.discard(card_id)
        subject = f"card {card_id}"
        noted = told.seals.get(card_id)
        if noted is None:
            yield Finding("card_never_issued", subject, f"Personne n’a émis la carte {card_id}.")
        elif noted and noted != seal:
            yield Finding(
                "card_altered",
                subject,
                f"La carte {card_id} n’est plus celle qui a été émise : son code, son numéro, son porte-monnaie ou son"
                " code secret a changé.",
            )
        if card_id in told.ended and state is CardState.ACTIVE:
            yield Finding("card_revived", subject, f"La carte {card_id} a été arrêtée et paie de nouveau.")
    for card_id in sorted(missing):
        yield Finding("card_missing", f"card {card_id}", f"La carte {card_id} a été émise et a disparu.")


def _check_phones(db: Connection, territory_id: int, told: _PhonesTold) -> Iterator[Finding]:
    """Each phone was bound, to this card with this key, pays no more once taken away, and none has disappeared."""
    missing = set(told.bound)
    for phone in phone_register.every_phone(db, territory_id=territory_id):
        missing.discard(phone.phone_id)
        subject = f"phone {phone.phone_id}"
        noted = told.bound.get(phone.phone_id)
        if noted is None:
            yield Finding("phone_never_bound", subject, f"Personne n’a ajouté le téléphone {phone.phone_id}.")
        elif noted != (phone.card_id, hashlib.sha256(phone.public_key).hexdigest()):
            yield Finding(
                "phone_altered",
                subject,
                f"Le téléphone {phone.phone_id} n’est plus celui qui a été ajouté : sa carte ou sa clé a changé.",
            )
        if phone.phone_id in told.revoked and phone.is_active:
            yield Finding("phone_revived", subject, f"Le téléphone {phone.phone_id} a été retiré et paie de nouveau.")
    for phone_id in sorted(missing):
        yield Finding("phone_missing", f"phone {phone_id}", f"Le téléphone {phone_id} a été ajouté et a disparu.")
