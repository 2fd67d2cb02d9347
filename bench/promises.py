"""The promises of issue 3 that the engine's own cases answer: which two figures of a round make each ratio.

The engine has 32 waiting callers wherever a row does not say otherwise.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

from bench.cases import Key, Work
from bench.rows import Row
from bench.table import Run, medians, ratios_by_round

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
    group, gathered = Work.BARE_GROUP, Work.BARE_GATHERED
    ruled = Key(database, Work.SAME_RULES, 8, hot=True)
    yield Promise("engine / bare group commit, random accounts", engine, engine._replace(work=group), 0.6)
    yield Promise("engine / bare group commit that gathers", engine, engine._replace(work=gathered), None)
    yield Promise("engine, all to one merchant / random accounts", hot, engine, 0.9)
    yield Promise("engine / the same rules, one commit each, 8 clients, all to one merchant", hot, ruled, 5)
    # Without any rule: how far the engine is from that, and how far anybody could go.
    bare, bare_name = Work.FUNCTION, "one bare SQL function per commit, 8 clients"
    if database == "sqlite":
        bare, bare_name = Work.BARE_COMMIT, "bare SQL, one commit each, 8 callers"
    beside = ruled._replace(work=bare)
    yield Promise(f"engine / {bare_name}, all to one merchant", hot, beside, None)
    yield Promise(f"bare group commit / {bare_name}, all to one merchant", hot._replace(work=group), beside, None)
    if database == "postgresql":
        hordak, guarded = engine._replace(work=Work.HORDAK), engine._replace(work=Work.HORDAK_GUARDED)
        alone = engine._replace(callers=1)
        yield Promise("engine / pgbench TPC-B, 32 clients", engine, engine._replace(work=Work.PGBENCH), 1.3)
        yield Promise("engine / django-hordak, 1 caller", engine, hordak._replace(callers=1), 10)
        yield Promise("engine / django-hordak that checks the purse, 32 callers", engine, guarded, 20)
        yield Promise("engine / django-hordak, 32 callers", engine, hordak, None)
        yield Promise("engine, 1 caller / django-hordak, 1 caller", alone, hordak._replace(callers=1), None)


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
    speeds = {middle.key: middle.per_second for middle in medians(runs)}
    for database in databases:
        engine = Key(database, Work.ENGINE, MANY, hot=False)
        yield Row(
            measure="engine, random accounts",
            database=database,
            value=speeds.get(engine),
            unit="postings/s",
            detail="" if engine in speeds else _why(missing, engine),
        )
    # The same promise on each database, one under the other.
    for same in zip_longest(*(promises(database) for database in databases)):
        yield from (_row(promise, runs, missing) for promise in same if promise)


def _row(promise: Promise, runs: Sequence[Run], missing: Mapping[Key, str]) -> Row:
    values = ratios_by_round(runs, promise.ours, promise.beside)
    both = [middle for key in (promise.ours, promise.beside) for middle in medians(runs) if middle.key == key]
    if values:
        speeds, costs = zip(*((f"{one.per_second:,.0f}", f"{one.cpu_ms_per_posting:.3f}") for one in both), strict=True)
        detail = (
            f"{' and '.join(speeds)} postings/s, CPU of a posting {' and '.join(costs)} ms;"
            f" by round {', '.join(f'{value:.2f}' for value in values)}"
        )
    else:
        measured = {middle.key for middle in both}
        detail = _why(missing, *(key for key in (promise.ours, promise.beside) if key not in measured))
    return Row(
        measure=promise.measure,
        database=promise.ours.database,
        value=median(values) if values else None,
        asked=promise.asked,
        unit=TIMES,
        detail=detail,
    )


def _why(missing: Mapping[Key, str], *keys: Key) -> str:
    return "; ".join(dict.fromkeys(f"{key.name}: {missing.get(key, 'left out of this run')}" for key in keys))
