"""How long a batch of cards takes, from the wallets to the file: PINs drawn and hashed, cards issued, sheets set.

`.venv/bin/python -m bench.card_printing` prints, for each step, the time on the clock and the processor's time of all
threads: what `monnaie-locale cards print` does, on a new SQLite database. `--cards 1000` is the default.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import create_territory, territory_of
from monnaie_locale.keyring import Keyring
from tests.factories.ledger import NOON_MS, TERRITORY_ID, territory
from tests.factories.programmes import NOW
from wallets import queries
from wallets.operations.enrolling import enrol_from_csv
from wallets.printing.batch import Support, document_of, issue_batch

ACTOR = "job:bench"


def processor_s() -> float:
    """Return the processor's time of this process, all threads, the kernel's part included."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Print what a step takes."""
    clock, processor = time.perf_counter(), processor_s()
    yield
    print(f"{step}: {time.perf_counter() - clock:.1f} s on the clock, {processor_s() - processor:.1f} s of processor")


def measure(folder: Path, *, cards: int, support: Support) -> None:
    """Print what a batch takes, from wallets that are there to the bytes of the file."""
    engine, keyring = open_engine(f"sqlite:///{folder}/books.db"), Keyring.generate()
    upgrade(engine)
    transact(engine, create_territory, territory=territory(), now_ms=NOON_MS)
    lines = "".join(f"D-{place};Ménage {place};;{place} RUE DES LILAS|76530 VILLE-EXEMPLE\n" for place in range(cards))
    common = {"territory_id": TERRITORY_ID, "keyring": keyring, "actor": ACTOR, "now": NOW}
    enrolled = transact(engine, enrol_from_csv, content=f"reference;alias;contact;adresse\n{lines}".encode(), **common)
    wallet_ids = [wallet_id for _, wallet_id in enrolled]
    with timed(f"{cards} cards"):
        with timed("PINs hashed, cards issued"):
            threads = os.cpu_count() or 1
            issued = issue_batch(engine, wallet_ids=wallet_ids, random_bytes=os.urandom, threads=threads, **common)
        with timed(f"{support.value} drawn and set"):
            with reading(engine) as db:
                town = territory_of(db, territory_id=TERRITORY_ID)
                households = queries.households_of_wallets(
                    db, territory_id=TERRITORY_ID, wallet_ids=wallet_ids, keyring=keyring
                )
            paper = document_of(issued, support=support, territory=town, households=households, created_at=NOW)
    print(f"{len(paper.content) / 1e6:.1f} MB; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    engine.dispose()


def main() -> None:
    """Read the options, measure in a folder that is thrown away."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cards", type=int, default=1_000)
    options.add_argument("--support", type=Support, choices=list(Support), default=Support.SHEETS)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), cards=asked.cards, support=asked.support)


if __name__ == "__main__":
    main()
