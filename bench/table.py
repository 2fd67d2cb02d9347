"""Medians, ratios, and the tables that people read."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.cases import CALLERS, Key, Work
from bench.measure import Figures

# Beside which raw limits each kind of work of the engine is read.
LIMITS = {
    Work.ENGINE: (Work.BARE_COMMIT, Work.BARE_GROUP, Work.FUNCTION, Work.PGBENCH, Work.HORDAK),
    Work.ENGINE_BATCH: (Work.BARE_BATCH,),
}
WIDTH = 26


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one case."""

    round_no: int
    database: str
    work: Work
    callers: int
    hot: bool
    figures: Figures
    cpu_ms_per_posting: float
    others_percent: float | None

    @property
    def key(self) -> Key:
        """Return what tells its case from the others."""
        return Key(self.database, self.work, self.callers, self.hot)


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of a case's runs; `lowest` and `highest` say how far they lie apart."""

    database: str
    work: Work
    callers: int
    hot: bool
    runs: int
    per_second: float
    lowest: float
    highest: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_ms_per_posting: float

    @property
    def key(self) -> Key:
        """Return what tells the case from the others."""
        return Key(self.database, self.work, self.callers, self.hot)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How fast the engine is as a part of a limit: the middle of the ratios of each round."""

    database: str
    work: Work
    limit: Work
    callers: int
    hot: bool
    ratio: float


def medians(runs: Sequence[Run]) -> list[Median]:
    """Return the middle of each case's runs."""
    by_case: defaultdict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        by_case[run.key].append(run)
    return [
        Median(
            database=database,
            work=work,
            callers=callers,
            hot=hot,
            runs=len(same),
            per_second=median(run.figures.per_second for run in same),
            lowest=min(run.figures.per_second for run in same),
            highest=max(run.figures.per_second for run in same),
            p50_ms=median(run.figures.p50_ms for run in same),
            p99_ms=median(run.figures.p99_ms for run in same),
            worst_ms=max(run.figures.worst_ms for run in same),
            cpu_ms_per_posting=median(run.cpu_ms_per_posting for run in same),
        )
        for (database, work, callers, hot), same in by_case.items()
    ]


def ratios(runs: Sequence[Run]) -> list[Ratio]:
    """Compare each engine case with the limits measured in the same rounds, and take the middle."""
    return list(_ratios(runs))


def _ratios(runs: Sequence[Run]) -> Iterator[Ratio]:
    for key in dict.fromkeys(run.key for run in runs):
        for limit in LIMITS.get(key.work, ()):
            # pgbench has no "one shop" case: its own accounts are random.
            if values := ratios_by_round(runs, key, key._replace(work=limit)):
                yield Ratio(key.database, key.work, limit, key.callers, key.hot, median(values))


def ratios_by_round(runs: Sequence[Run], ours: Key, beside: Key) -> list[float]:
    """Return how fast `ours` was as a part of `beside`, for each round that has both."""
    speed = {(run.round_no, run.key): run.figures.per_second for run in runs}
    return [
        per_second / speed[round_no, beside]
        for (round_no, key), per_second in speed.items()
        if key == ours and (round_no, beside) in speed
    ]


def rendered(runs: Sequence[Run]) -> str:
    """Return the tables: postings per second and waits for each database, then the ratios."""
    middles = medians(runs)
    lines: list[str] = []
    for database in dict.fromkeys(run.database for run in runs):
        for hot in (False, True):
            chosen = [middle for middle in middles if middle.database == database and middle.hot == hot]
            if chosen:
                who = "every posting credits ONE shop" if hot else "random accounts"
                lines += ["", f"{database}, {who}: postings per second, p50 / p99 in ms", *_speed_lines(chosen)]
    if compared := ratios(runs):
        lines += ["", "engine as a part of the limit measured beside it (1.00 = as fast)", *_ratio_lines(compared)]
    return "\n".join(lines)


def _speed_lines(chosen: Sequence[Median]) -> Iterator[str]:
    yield _header()
    for work in Work:
        cells = {middle.callers: middle for middle in chosen if middle.work == work}
        if cells:
            texts = [_speed(cells[callers]) if callers in cells else "" for callers in CALLERS]
            yield f"  {work:<{WIDTH}}" + "".join(f"{text:>{WIDTH}}" for text in texts)


def _ratio_lines(compared: Sequence[Ratio]) -> Iterator[str]:
    by_line: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for one in compared:
        who = "one shop" if one.hot else "random"
        by_line[f"{one.database}, {who}: {one.work} / {one.limit}"][one.callers] = one.ratio
    width = max(map(len, by_line))
    yield f"  {'callers':<{width}}" + "".join(f"{callers:>8}" for callers in CALLERS)
    for name in sorted(by_line):
        texts = [f"{by_line[name][callers]:.2f}" if callers in by_line[name] else "" for callers in CALLERS]
        yield f"  {name:<{width}}" + "".join(f"{text:>8}" for text in texts)


def _header() -> str:
    titles = [f"{callers} caller{'s' if callers > 1 else ''}" for callers in CALLERS]
    return f"  {'':<{WIDTH}}" + "".join(f"{title:>{WIDTH}}" for title in titles)


def _speed(middle: Median) -> str:
    return f"{middle.per_second:,.0f}/s  {middle.p50_ms:.1f} / {middle.p99_ms:.1f}"
