"""The promises of issue 3 that the engine's own cases answer: which two figures of a round make each ratio."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

from bench.cases import Key, Work
from bench.rows import Row
from bench.table import Run, ratios_by_round

TIMES = "×"
MANY = 32


@dataclass(frozen=True, slots=True)
class Promise:
    """`ours` divided by `beside`, round by round; without `asked` it is a figure to know, promised to nobody."""

    measure: str
    ours: Key
    beside: Key
    asked: float | None


def promises(database: str) -> Iterator[Promise]:
    """Yield what was asked of the engine on a database, in the order of the issue."""
    engine = Key(database, Work.ENGINE, MANY, hot=False)
    hot = engine._replace(hot=True)
    yield Promise(
        "engine, 32 callers, random accounts / bare group commit",
        engine,
        engine._replace(work=Work.BARE_GROUP),
        0.6,
    )
    yield Promise("engine, 32 callers, all to one merchant / random accounts", hot, engine, 0.9)
    if database == "postgresql":
        yield Promise(
            "engine, 32 callers, one merchant / one SQL function per commit, 8 clients, one merchant",
            hot,
            Key(database, Work.FUNCTION, 8, hot=True),
            5,
        )
        yield Promise("engine, 32 callers / pgbench TPC-B, 32 clients", engine, engine._replace(work=Work.PGBENCH), 1.3)
        hordak = engine._replace(work=Work.HORDAK)
        alone = engine._replace(callers=1)
        yield Promise("engine, 32 callers / django-hordak, 1 caller", engine, hordak._replace(callers=1), 10)
        yield Promise("engine, 32 callers / django-hordak, 32 callers", engine, hordak, 20)
        yield Promise("engine, 1 caller / django-hordak, 1 caller", alone, hordak._replace(callers=1), None)
    else:
        # SQLite has no functions of its own: the nearest is one transaction per posting, with nothing between its
        # statements and the library.
        yield Promise(
            "engine, 32 callers, one merchant / bare SQL, one commit each, 8 callers, one merchant",
            hot,
            Key(database, Work.BARE_COMMIT, 8, hot=True),
            5,
        )


def needed(database: str) -> set[Key]:
    """Return the cases that the promises need: the others run with --all only."""
    return {key for promise in promises(database) for key in (promise.ours, promise.beside)}


def rows(databases: Collection[str], runs: Sequence[Run], *, missing: Mapping[Key, str]) -> Iterator[Row]:
    """Yield a row for each promise and database.

    Args:
        databases: those that were asked for, also one that could not start.
        runs: what was measured.
        missing: why a case has no figures; a case that is neither here nor in `runs` was left out.

    """
    for database in databases:
        engine = Key(database, Work.ENGINE, MANY, hot=False)
        speed = _per_second(runs, engine)
        yield Row(
            measure="engine, 32 callers, random accounts",
            database=database,
            value=speed,
            unit="postings/s",
            detail="" if speed else _why(missing, engine),
        )
    # The same promise on each database, one under the other.
    for same in zip_longest(*(promises(database) for database in databases)):
        yield from (_row(promise, runs, missing) for promise in same if promise)


def _row(promise: Promise, runs: Sequence[Run], missing: Mapping[Key, str]) -> Row:
    values = ratios_by_round(runs, promise.ours, promise.beside)
    ours, beside = _per_second(runs, promise.ours), _per_second(runs, promise.beside)
    if values:
        detail = f"{ours:,.0f}/s beside {beside:,.0f}/s; by round {', '.join(f'{value:.2f}' for value in values)}"
    else:
        detail = _why(missing, *(key for key in (promise.ours, promise.beside) if _per_second(runs, key) is None))
    return Row(
        measure=promise.measure,
        database=promise.ours.database,
        value=median(values) if values else None,
        asked=promise.asked,
        unit=TIMES,
        detail=detail,
    )


def _per_second(runs: Sequence[Run], key: Key) -> float | None:
    speeds = [run.figures.per_second for run in runs if run.key == key]
    return median(speeds) if speeds else None


def _why(missing: Mapping[Key, str], *keys: Key) -> str:
    return "; ".join(dict.fromkeys(f"{key.name}: {missing.get(key, 'left out of this run')}" for key in keys))
