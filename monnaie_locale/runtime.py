"""What a running service is made of, handed from the roof to every page, endpoint and command."""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from flask import current_app
from sqlalchemy import Engine

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.in_use import announce
from monnaie_locale.journal.writer import Writer
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms

EXTENSION = "monnaie_locale"
KEYRING_FILE = "keyring.json"
DATABASE_FILE = "monnaie-locale.sqlite"
# Python looks for cycles after so many new containers, and among the older ones once in twenty times. At its own 700, a
# distribution spends a seventh of its processor time looking again at lines that it still holds (DECISIONS 2026-11-26).
CONTAINERS_BETWEEN_LOOKS = 50_000
LOOKS_BETWEEN_OLDER = 20


def collect_rarely() -> None:
    """Leave what exists now out of the search for cycles, and search less often; to be called once all is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_LOOKS, LOOKS_BETWEEN_OLDER, LOOKS_BETWEEN_OLDER)


def wall_clock() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Runtime:
    """The parts of a running service. The clock and randomness are parts, so that a test or a demo can choose them."""

    engine: Engine
    keyring: Keyring
    territory_id: int
    base_url: str
    clock: Callable[[], datetime] = wall_clock
    random_bytes: Callable[[int], bytes] = os.urandom
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        """Start the writer, on the same clock."""
        self.writer = Writer(self.engine, clock_ms=self.now_ms)

    def now_ms(self) -> int:
        """Return the present instant in milliseconds UTC."""
        return instant_ms(self.clock())

    def stop(self) -> None:
        """Post what is queued and let go of the database."""
        self.writer.stop()
        self.engine.dispose()


def current() -> Runtime:
    """Return the runtime of the Flask application that is answering."""
    runtime: Runtime = current_app.extensions[EXTENSION]
    return runtime


def address_of(home: Path, database_url: str | None) -> str:
    """Return where the books of an installation are: in its folder, unless an address was given."""
    return database_url or f"sqlite:///{home / DATABASE_FILE}"


def open_home(home: Path, *, base_url: str, database_url: str | None = None, territory_id: int = 1) -> Runtime:
    """Return the runtime of an installation kept in a folder; while it has a connection, nobody changes the schema.

    Args:
        home: the folder, with the keyring, and the database unless it is elsewhere.
        base_url: the public address.
        database_url: where the database is, when not in the folder.
        territory_id: whose books.

    """
    engine = open_engine(address_of(home, database_url))
    announce(engine)
    return Runtime(
        engine=engine,
        keyring=Keyring.load(home / KEYRING_FILE),
        territory_id=territory_id,
        base_url=base_url,
    )
