"""The audit trail as a log: its lines hashed in order (RFC 9162), its head signed. A line removed or changed is seen.

The triggers keep the trail from the application's own role; who owns the database can drop them. What was signed by
then cannot be rewritten without the installation's key.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace

from sqlalchemy import Connection, insert, select

from monnaie_locale.identity.model import AuditEvent
from monnaie_locale.identity.tables import audit_events, audit_heads
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.ledger.merkle import Frontier, hash_leaf

CANONICAL_VERSION = 1
CANONICAL = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)
EVENTS_PER_READ = 10_000
# Below any number: a line that somebody numbered -5 is read too.
BELOW_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class AuditHead:
    """A signed head of the trail: the root of its first `size` lines."""

    territory_id: int
    size: int
    root: bytes
    sealed_at_ms: int
    signature: bytes = b""

    def signed_text(self) -> bytes:
        """Return the bytes that the signature covers: one field a line."""
        lines = ("monnaie-locale audit", self.territory_id, self.size, self.root.hex(), self.sealed_at_ms)
        return "".join(f"{field}\n" for field in lines).encode("ascii")


def event_leaf(event: AuditEvent, *, territory_id: int) -> bytes:
    """Return the leaf hash of a line: of a JSON array, fields in this order."""
    said = [event.id, event.at_ms, event.actor, event.action, event.target, event.detail]
    return hash_leaf(CANONICAL.encode([CANONICAL_VERSION, territory_id, *said]).encode("ascii"))


def audit_trail(db: Connection, *, territory_id: int, after: int = BELOW_ALL) -> Iterator[AuditEvent]:
    """Yield the lines numbered after `after`, in order; memory stays flat."""
    columns = [audit_events.c[field.name] for field in fields(AuditEvent)]
    while True:
        rows = db.execute(
            select(*columns)
            .where(audit_events.c.territory_id == territory_id, audit_events.c.id > after)
            .order_by(audit_events.c.id)
            .limit(EVENTS_PER_READ)
        ).mappings()
        lines = [AuditEvent(**row) for row in rows]
        yield from lines
        if len(lines) < EVENTS_PER_READ:
            return
        after = lines[-1].id


def audit_heads_of(db: Connection, *, territory_id: int) -> list[AuditHead]:
    """Return the signed heads, the shortest first."""
    columns = [audit_heads.c[field.name] for field in fields(AuditHead)]
    rows = db.execute(select(*columns).where(audit_heads.c.territory_id == territory_id).order_by(audit_heads.c.size))
    return [AuditHead(*row) for row in rows]


def seal_audit(db: Connection, *, territory_id: int, sign: Callable[[bytes], bytes], now_ms: int) -> AuditHead | None:
    """Sign every line committed so far and return the head; None while there is nothing new.

    Args:
        db: a connection in a transaction.
        territory_id: whose trail.
        sign: the installation's signature (Ed25519).
        now_ms: milliseconds UTC.

    """
    lock_territory(db, territory_id=territory_id)
    newest = (
        select(audit_heads.c.size, audit_heads.c.frontier)
        .where(audit_heads.c.territory_id == territory_id)
        .order_by(audit_heads.c.size.desc())
        .limit(1)
    )
    row = db.execute(newest).first()
    before = Frontier() if row is None else Frontier.from_bytes(row.size, row.frontier)
    lines = audit_trail(db, territory_id=territory_id, after=before.size)
    frontier = before.extended(event_leaf(line, territory_id=territory_id) for line in lines)
    if frontier.size == before.size:
        return None
    unsigned = AuditHead(territory_id, frontier.size, frontier.root(), now_ms)
    head = replace(unsigned, signature=sign(unsigned.signed_text()))
    db.execute(insert(audit_heads), asdict(head) | {"frontier": frontier.to_bytes()})
    return head
