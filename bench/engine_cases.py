"""The engine as the service runs it: the writer with every invariant, and whole batches in one transaction."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import URL, Connection, Engine, text

from bench import books
from bench.cases import BATCH, CALLERS, Case, Work
from bench.measure import Figures, Step, Timing, measure, ready
from bench.places import Place
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import transact
from monnaie_locale.journal.writer import Writer


@dataclass(frozen=True, slots=True)
class Town:
    """A migrated database with funded purses, copied before each run so that all start from the same state."""

    place: Place
    template: URL
    accounts: books.Accounts
    entries: int


def prepare(place: Place) -> Town:
    """Make the town's database, once."""
    url = place.empty()
    engine = _engine_on(url)
    upgrade(engine)
    accounts = books.open_town(engine)
    transact(engine, _analyse)
    entries = books.entry_count(engine)
    engine.dispose()
    return Town(place, url, accounts, entries)


def cases(town: Town) -> Iterator[Case]:
    """Yield the engine's cases on this database."""
    for hot in (False, True):
        for callers in CALLERS:
            run = partial(_run_writer, town, callers, hot)
            yield Case(town.place.name, Work.ENGINE, callers, hot, run)
        yield Case(town.place.name, Work.ENGINE_BATCH, 1, hot, partial(_run_batches, town, hot))


def _run_writer(town: Town, callers: int, hot: bool, timing: Timing) -> Figures:  # noqa: FBT001 - bound by partial
    """Measure callers that each wait for their own durable posting."""
    with copy_of(town) as engine:
        writer = Writer(engine, clock_ms=books.now_ms)

        def step_of(caller: int) -> Step:
            payments = ready(books.charges(town.accounts, caller=caller, hot=hot))

            def step() -> int:
                writer.submit(next(payments))
                return 1

            return step

        figures = measure(step_of, callers=callers, timing=timing)
        writer.stop()
        check(town, engine, figures, hot=hot)
        return figures


def _run_batches(town: Town, hot: bool, timing: Timing) -> Figures:  # noqa: FBT001 - bound by partial
    """Measure one caller that posts batches, one transaction each, as a distribution does."""
    with copy_of(town) as engine:

        def step_of(caller: int) -> Step:
            payments = ready(books.charges(town.accounts, caller=caller, hot=hot))

            def step() -> int:
                books.post_all(engine, list(itertools.islice(payments, BATCH)))
                return BATCH

            return step

        figures = measure(step_of, callers=1, timing=timing)
        check(town, engine, figures, hot=hot)
        return figures


def check(town: Town, engine: Engine, figures: Figures, *, hot: bool) -> None:
    """Raise BooksWrong unless the books of a run add up."""
    first = next(books.charges(town.accounts, caller=0, hot=hot))
    books.check(engine, entries_before=town.entries, acknowledged=figures.acknowledged, sent=first)


@contextmanager
def copy_of(town: Town) -> Iterator[Engine]:
    """Give a copy of the town for one run."""
    url = town.place.copy_of(town.template)
    engine = _engine_on(url)
    yield engine
    engine.dispose()
    town.place.drop(url)


def _engine_on(url: URL) -> Engine:
    return open_engine(url.render_as_string(hide_password=False))


def _analyse(db: Connection) -> None:
    # As a server that has run for a day: without statistics the first plans are guesses.
    db.execute(text("ANALYZE"))
