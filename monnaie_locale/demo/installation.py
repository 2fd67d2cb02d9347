"""A fresh installation for the demonstration: its folder, its keys, its database, a clock and chance of its own."""

import datetime
import random
from dataclasses import dataclass
from pathlib import Path

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import transact
from monnaie_locale.demo.town import TERRITORY_ID, territory
from monnaie_locale.journal.directory import create_territory
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE, Runtime

# A name that no one can register (RFC 2606): the cards of the demonstration lead nowhere.
HOST = "monnaie.ville-exemple.test"


@dataclass(slots=True)
class Clock:
    """The demonstration's clock, set by each step of the plan."""

    now: datetime.datetime

    def __call__(self) -> datetime.datetime:
        """Return the moment at which the demonstration is."""
        return self.now


def found(home: Path, *, seed: int, clock: Clock, base_url: str) -> Runtime:
    """Make the installation and return its runtime.

    Its keys and its cards come from the seed, so that the same seed gives the same files to the last byte. That is for
    the demonstration only: whoever knows the seed knows every secret. `monnaie-locale init` asks the system instead.

    Args:
        home: an empty folder.
        seed: of the demonstration.
        clock: of the demonstration.
        base_url: where it will be served.

    """
    keyring = Keyring.generate(random.Random(f"keyring {seed}").randbytes)  # noqa: S311 - a demonstration's keys
    keyring.save(home / KEYRING_FILE)
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    upgrade(engine)
    transact(engine, create_territory, territory=territory(host=HOST), now_ms=instant_ms(clock()))
    return Runtime(
        engine=engine,
        keyring=keyring,
        territory_id=TERRITORY_ID,
        base_url=base_url,
        clock=clock,
        random_bytes=random.Random(f"cards {seed}").randbytes,  # noqa: S311 - a demonstration's cards
    )
