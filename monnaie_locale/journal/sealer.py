"""Append committed entries to the Merkle log and sign its head, after the commit, in batches."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

from sqlalchemy import Connection, Engine, RowMapping, Table, insert, select
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import CommitInDoubt, transact
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.tables import accounts, journal_entries, log_heads
from monnaie_locale.ledger.heads import head_text
from monnaie_locale.ledger.merkle import Frontier

SEALED_PER_READ = 20_000
SECONDS_BETWEEN_SEALS = 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogHead:
    """A signed head: the root of the log of the first `size` entries, and that of the openings of accounts."""

    territory_id: int
    size: int
    root: bytes
    accounts_size: int
    accounts_root: bytes
    sealed_at_ms: int
    signature: bytes = b""

    def signed_text(self) -> bytes:
        """Return the bytes that the signature covers, in the manner of a signed note: one field a line."""
        return head_text(
            territory_id=self.territory_id,
            size=self.size,
            root=self.root,
            accounts_size=self.accounts_size,
            accounts_root=self.accounts_root,
            sealed_at_ms=self.sealed_at_ms,
        )


def seal(db: Connection, *, territory_id: int, sign: Callable[[bytes], bytes], now_ms: int) -> LogHead | None:
    """Seal every entry committed so far and return the head; None while the books are empty."""
    last_entry_id = lock_territory(db, territory_id=territory_id)
    newest = latest_head(db, territory_id=territory_id)
    if last_entry_id == 0 or (newest is not None and newest.size == last_entry_id):
        return newest
    entries, openings = _stored_frontiers(db, territory_id)
    entries = _extended(db, journal_entries, territory_id, entries)
    openings = _extended(db, accounts, territory_id, openings)
    unsigned = LogHead(territory_id, entries.size, entries.root(), openings.size, openings.root(), now_ms)
    head = replace(unsigned, signature=sign(unsigned.signed_text()))
    frontiers = {"frontier": entries.to_bytes(), "accounts_frontier": openings.to_bytes()}
    db.execute(insert(log_heads), asdict(head) | frontiers)
    return head


def latest_head(db: Connection, *, territory_id: int) -> LogHead | None:
    """Return the newest signed head, or None when nothing is sealed."""
    newest = select(log_heads).where(log_heads.c.territory_id == territory_id).order_by(log_heads.c.size.desc())
    row = db.execute(newest.limit(1)).mappings().first()
    return None if row is None else as_head(row)


def as_head(row: RowMapping) -> LogHead:
    """Return the head in a row."""
    return LogHead(**{field.name: row[field.name] for field in fields(LogHead)})


def _extended(db: Connection, table: Table, territory_id: int, frontier: Frontier) -> Frontier:
    """Append to the frontier the leaves of the rows that follow it; numbers have no gap."""
    while True:
        leaves = db.scalars(
            select(table.c.leaf_hash)
            .where(table.c.territory_id == territory_id, table.c.id > frontier.size)
            .order_by(table.c.id)
            .limit(SEALED_PER_READ)
        ).all()
        if not leaves:
            return frontier
        frontier = frontier.extended(leaves)


def _stored_frontiers(db: Connection, territory_id: int) -> tuple[Frontier, Frontier]:
    row = db.execute(
        select(log_heads.c.size, log_heads.c.frontier, log_heads.c.accounts_size, log_heads.c.accounts_frontier)
        .where(log_heads.c.territory_id == territory_id)
        .order_by(log_heads.c.size.desc())
        .limit(1)
    ).first()
    if row is None:
        return Frontier(), Frontier()
    return (
        Frontier.from_bytes(row.size, row.frontier),
        Frontier.from_bytes(row.accounts_size, row.accounts_frontier),
    )


class BackgroundSealer:
    """Seals what was committed, every few seconds, while a service runs."""

    def __init__(
        self,
        engine: Engine,
        *,
        territory_id: int,
        sign: Callable[[bytes], bytes],
        clock_ms: Callable[[], int],
        also: Sequence[Callable[..., object]] = (),
    ) -> None:
        """Start the thread; `also` are operations like `seal`, for the logs of other packages."""
        self._steps = (seal, *also)
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
            for step in self._steps:
                transact(self._engine, step, territory_id=self._territory_id, sign=self._sign, now_ms=self._clock_ms())
        except (DBAPIError, CommitInDoubt):
            # Nothing is lost: what is not sealed now is sealed at the next turn, and verify works from the rows.
            logger.exception("The log could not be sealed")
