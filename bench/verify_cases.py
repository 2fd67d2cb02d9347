"""How fast the books are verified and a month is closed, and that both grow no faster than the books."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from bench.filled_books import Filled, fill
from bench.measure import Timing
from bench.places import ROOT, Place
from bench.rows import Row
from bench.verify_once import KEYRING, import_one_statement
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import transact

# As many issues as wallets, a tenth of all transfers.
CHARGES_PER_WALLET = 9
WALLETS_PER_SHOP = 10
ROUNDS = 3
TRANSFERS_PER_CHARGE = 1.1
VERIFY_SIZES, VERIFY_SIZES_QUICK = (100_000, 1_000_000), (2_000, 20_000)
CLOSE_SIZES, CLOSE_SIZES_QUICK = (30_000, 300_000), (1_000, 10_000)
PER_SECOND = 100_000
GROWTH_MAX = 1.5


@dataclass(frozen=True, slots=True)
class Took:
    """The middle of some runs on the same books: how many transfers, seconds, and the largest process."""

    transfers: int
    seconds: float
    peak_mib: float

    @property
    def us_each(self) -> float:
        """Return microseconds a transfer."""
        return 1_000_000 * self.seconds / self.transfers


def rows(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    """Yield what is asked of verifying and closing on one kind of database; `timing` has no part in it."""
    del timing
    small, large = (
        _verified(place, transfers=size, quick=quick) for size in (VERIFY_SIZES_QUICK if quick else VERIFY_SIZES)
    )
    yield Row(
        measure="verify",
        database=place.name,
        value=round(large.transfers / large.seconds),
        asked=PER_SECOND,
        unit="transfers/s",
        detail=f"{large.transfers:,} transfers in {large.seconds:.1f} s, two processes;"
        f" the largest took {large.peak_mib:.0f} MiB",
    )
    yield _growth("verify", place, small, large)
    small, large = (_closed(place, charges=size) for size in (CLOSE_SIZES_QUICK if quick else CLOSE_SIZES))
    yield _growth("close", place, small, large)


def _growth(measure: str, place: Place, small: Took, large: Took) -> Row:
    return Row(
        measure=f"{measure}, a transfer in ten times the books / in the books",
        database=place.name,
        value=round(large.us_each / small.us_each, 2),
        asked=GROWTH_MAX,
        unit="ratio",
        at_most=True,
        detail=f"{large.us_each:.1f} µs among {large.transfers:,} / {small.us_each:.1f} µs among {small.transfers:,};"
        f" largest process {large.peak_mib:.0f} MiB"
        f" / {small.peak_mib:.0f} MiB",
    )


def _verified(place: Place, *, transfers: int, quick: bool) -> Took:
    charges = int(transfers / (TRANSFERS_PER_CHARGE + 1 / CHARGES_PER_WALLET))
    with _books(place, charges=charges, months=12) as (address, filled):
        runs = [_once("verify", address, filled) for _ in range(1 if quick else ROUNDS)]
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def _closed(place: Place, *, charges: int) -> Took:
    with _books(place, charges=charges, months=1) as (address, filled):
        engine = open_engine(address)
        import_one_statement(engine)
        engine.dispose()
        # Once only: a month is closed once.
        return _once("close", address, filled)


def _once(what: str, address: str, filled: Filled) -> Took:
    command = [sys.executable, "-m", "bench.verify_once", what, address]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    said = json.loads(answer.stdout)
    if said["entries"] != filled.entries:
        raise RuntimeError(f"{said['entries']} entries were verified, there are {filled.entries}")
    _say(f"{what}: {filled.transfers:,} transfers in {said['seconds']:.2f} s")
    return Took(filled.transfers, said["seconds"], said["peak_mib"])


@contextmanager
def _books(place: Place, *, charges: int, months: int) -> Iterator[tuple[str, Filled]]:
    wallets = max(10, charges // CHARGES_PER_WALLET)
    _say(f"{place.name}: filling books with {charges:,} charges of {wallets:,} wallets…")
    url = place.empty()
    address = url.render_as_string(hide_password=False)
    engine = open_engine(address)
    upgrade(engine)
    filled = fill(
        engine,
        charges=charges,
        wallets=wallets,
        shops=max(2, wallets // WALLETS_PER_SHOP),
        sign=KEYRING.sign,
        months=months,
    )
    transact(engine, _analyse)
    engine.dispose()
    yield address, filled
    place.drop(url)


def _analyse(db: Connection) -> None:
    # As a server that has run for a day: without statistics the first plans are guesses.
    db.execute(text("ANALYZE"))


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)
