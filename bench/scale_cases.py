"""A wallet's page and a shop's monthly statement in books of a hundred thousand transfers and of ten million."""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, text

from bench import books, scale_books
from bench.measure import NS_PER_MS, Timing
from bench.places import Place
from bench.rows import Row
from merchants.model import Address, Merchant
from merchants.statements.movements import month_movements
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading
from wallets.holders.history import history_of
from wallets.queries import purse_views
from wallets.shops import NoShops

SIZES, SIZES_QUICK = (100_000, 10_000_000), (20_000, 200_000)
FLAT_MAX = 1.5
BYTES_PER_TRANSFER_MAX = 350
READS, READS_QUICK = 40, 10
LINES_PER_PAGE = 31
SHOP = Merchant(
    id=scale_books.MEASURED_SHOP, code="C0001", name="Commerce Exemple", siret="73282932000074", category="food",
    iban=books.TOWN.reserve_iban, bic=books.TOWN.reserve_bic,
    address=Address(street="Grande Rue", building="1", postcode="64100", town="Ville-Exemple"),
    debt_limit_cents=0, is_active=True, admitted_by="staff:1", admitted_at_ms=0,
)  # fmt: skip


RELATIONS = "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relkind IN ('r', 'i') ORDER BY 2 DESC LIMIT 14"


@dataclass(frozen=True, slots=True)
class Books:
    """Filled books and their engine."""

    engine: Engine
    filled: scale_books.ScaleBooks


def rows(place: Place, timing: Timing, *, quick: bool) -> Iterator[Row]:
    """Yield the promises about long books on one kind of database."""
    del timing
    small_size, big_size = SIZES_QUICK if quick else SIZES
    small, big = _filled(place, small_size), _filled(place, big_size)
    for name, read in (("wallet's page", read_wallet), ("shop's month", read_statement)):
        yield _flat(place, name, read, small, big, count=READS_QUICK if quick else READS)
    sizes(big.engine)
    yield Row(
        measure="size on disk per transfer",
        database=place.name,
        value=big.filled.bytes_per_transfer,
        asked=BYTES_PER_TRANSFER_MAX,
        unit="bytes",
        at_most=True,
        detail=f"{big.filled.transfers:,} transfers, entries and every index included",
    )
    for each in (small, big):
        url = each.engine.url
        each.engine.dispose()
        place.drop(url)


def read_wallet(engine: Engine) -> object:
    """Read what the holder's page shows."""
    town = books.TERRITORY_ID
    with reading(engine) as db:
        purses = purse_views(db, territory_id=town, wallet_id=scale_books.MEASURED_WALLET)
        lines = history_of(
            db, territory_id=town, wallet_id=scale_books.MEASURED_WALLET, shops=NoShops(), limit=LINES_PER_PAGE
        )
    return [purse.balance_cents for purse in purses], [line.amount_cents for line in lines]


def read_statement(engine: Engine) -> object:
    """Read a month's statement of the measured shop."""
    with reading(engine) as db:
        month = scale_books.statement_month()
        movements = month_movements(db, territory_id=books.TERRITORY_ID, merchant_id=SHOP.id, month=month)
    return len(movements), sum(movement.amount_cents for movement in movements)


def sizes(engine: Engine) -> None:
    """Say what each table and index takes, on the error output."""
    if engine.dialect.name != "postgresql":
        return  # the SQLite of PyPI is built without dbstat
    with reading(engine) as db:
        count = db.scalar(text("SELECT count(*) FROM transfers")) or 1
        for name, taken in db.execute(text(RELATIONS)):
            print(f"  {name:<44}{taken / count:8.1f} bytes a transfer", file=sys.stderr)


def _filled(place: Place, transfers: int) -> Books:
    url = place.empty()
    engine = open_engine(url.render_as_string(hide_password=False))
    upgrade(engine)
    return Books(engine, scale_books.fill(engine, transfers=transfers))


def _flat(place: Place, name: str, read: Callable[[Engine], object], small: Books, big: Books, *, count: int) -> Row:
    """Read both in turn: what else the machine does falls on both alike."""
    if read(small.engine) != read(big.engine):
        raise books.BooksWrong(f"the {name} is not the same in both books: {read(small.engine)} {read(big.engine)}")
    took: dict[int, list[int]] = {id(small): [], id(big): []}
    gc.collect()
    for _ in range(count):
        for each in (small, big):
            began = time.perf_counter_ns()
            read(each.engine)
            took[id(each)].append(time.perf_counter_ns() - began)
    small_ms, big_ms = (statistics.median(took[id(each)]) / NS_PER_MS for each in (small, big))
    return Row(
        measure=f"{name} in long books / in short ones",
        database=place.name,
        value=big_ms / small_ms,
        asked=FLAT_MAX,
        unit="x",
        at_most=True,
        detail=f"{big_ms:.1f} ms with {big.filled.transfers:,} transfers, {small_ms:.1f} ms with"
        f" {small.filled.transfers:,}",
    )
