"""Append committed entries to the Merkle log and sign its head, after the commit, in batches."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import CommitInDoubt, transact
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.tables import journal_entries, log_heads
from monnaie_locale.ledger.merkle import Frontier

SEALED_PER_READ = 20_000
SECONDS_BETWEEN_SEALS = 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogHead:
    """A signed head: the root of the log of the first `size` entries."""

    territory_id: int
    size: int
    root: bytes
    sealed_at_ms: int
    signature: bytes

    def signed_text(self) -> bytes:
        """Return the bytes that the signature covers."""
        return signed_text(
            territory_id=self.territory_id, size=self.size, root=self.root, sealed_at_ms=self.sealed_at_ms
        )


def signed_text(*, territory_id: int, size: int, root: bytes, sealed_at_ms: int) -> bytes:
    """Return the text of a head, in the manner of a signed note: one field a line."""
    return f"monnaie-locale log\n{territory_id}\n{size}\n{root.hex()}\n{sealed_at_ms}\n".encode("ascii")


def seal(db: Connection, *, territory_id: int, sign: Callable[[bytes], bytes], now_ms: int) -> LogHead | None:
    """Seal every entry committed so far and return the head; None while the books are empty."""
    last_entry_id = lock_territory(db, territory_id=territory_id)
    newest = latest_head(db, territory_id=territory_id)
    frontier = _stored_frontier(db, territory_id)
    if newest is not None and newest.size == last_entry_id:
        return newest
    while frontier.size < last_entry_id:
        leaves = db.scalars(
            select(journal_entries.c.leaf_hash)
            .where(journal_entries.c.territory_id == territory_id, journal_entries.c.id > frontier.size)
            .order_by(journal_entries.c.id)
            .limit(SEALED_PER_READ)
        ).all()
        frontier = frontier.extended(leaves)
    if frontier.size == 0:
        return None
    root = frontier.root()
    text = signed_text(territory_id=territory_id, size=frontier.size, root=root, sealed_at_ms=now_ms)
    head = LogHead(territory_id, frontier.size, root, now_ms, sign(text))
    db.execute(
        insert(log_heads),
        {
            "territory_id": territory_id,
            "size": head.size,
            "root": head.root,
            "frontier": frontier.to_bytes(),
            "sealed_at_ms": head.sealed_at_ms,
            "signature": head.signature,
        },
    )
    return head


def latest_head(db: Connection, *, territory_id: int) -> LogHead | None:
    """Return the newest signed head, or None when nothing is sealed."""
    row = (
        db.execute(
            select(log_heads).where(log_heads.c.territory_id == territory_id).order_by(log_heads.c.size.desc()).limit(1)
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    return LogHead(territory_id, row["size"], row["root"], row["sealed_at_ms"], row["signature"])


def _stored_frontier(db: Connection, territory_id: int) -> Frontier:
    row = db.execute(
        select(log_heads.c.size, log_heads.c.frontier)
        .where(log_heads.c.territory_id == territory_id)
        .order_by(log_heads.c.size.desc())
        .limit(1)
    ).first()
    return Frontier() if row is None else Frontier.from_bytes(row.size, row.frontier)


class BackgroundSealer:
    """Seals what was committed, every few seconds, while a service runs."""

    def __init__(
        self, engine: Engine, *, territory_id: int, sign: Callable[[bytes], bytes], clock_ms: Callable[[], int]
    ) -> None:
        """Start the thread."""
        self._engine = engine
        self._territory_id = territory_id
        self._sign = sign
        self._clock_ms = clock_ms
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-sealer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Seal once more, then end the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(SECONDS_BETWEEN_SEALS):
            self._seal()
        self._seal()

    def _seal(self) -> None:
        try:
            transact(self._engine, seal, territory_id=self._territory_id, sign=self._sign, now_ms=self._clock_ms())
        except (DBAPIError, CommitInDoubt):
            # Nothing is lost: what is not sealed now is sealed at the next turn, and verify works from the rows.
            logger.exception("The log could not be sealed")
