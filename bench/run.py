"""Measure what issue 3 asks of the engine beside the raw limits of this machine: tables, and bench/results.json.

The cases of a round follow each other, compared ones side by side, and every other round goes backwards: what else the
machine does then falls on all alike. Read the ratios; the absolute figures are this machine's.
"""

import datetime
import json
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import engine_cases, hordak, pgbench, promises, raw_cases, same_rules
from bench.cases import CALLERS, Case, Key, Work
from bench.machine import description, versions, watched
from bench.measures import MEASURES, taken
from bench.options import Options, parsed
from bench.places import Place, PostgresqlServer, SqliteFiles, postgresql, scratch_folder
from bench.rows import Row, table
from bench.table import Run, medians, ratios, rendered

# What others may take of the processors before a run's figures are called disturbed.
OTHERS_PERCENT_MAX = 10.0
# Copying and checking the books, a run: for the estimate only.
OVERHEAD_S = 1.5
RAW_WORKS = (Work.BARE_COMMIT, Work.BARE_GROUP, Work.BARE_GATHERED, Work.BARE_BATCH, Work.FUNCTION)


@dataclass(slots=True)
class Bench:
    """What has been prepared and measured, and what is to be said about it."""

    options: Options
    places: list[Place] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    server: PostgresqlServer | None = None
    runs: list[Run] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    missing: dict[Key, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    has_failed: bool = False

    def warn(self, text: str) -> None:
        """Say it now, and again at the end and in the file."""
        self.warnings.append(text)
        print(f"!!! {text}", file=sys.stderr, flush=True)


def main() -> None:
    bench = Bench(parsed())
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(bench.options.scratch))
        _open_places(bench, stack, folder)
        _prepare(bench)
        _run_cases(bench)
        bench.rows += promises.rows(bench.options.databases, bench.runs, missing=bench.missing)
        _take_measures(bench)
        _warn_of_others(bench)
        results = _results(bench)
    print(rendered(bench.runs))
    print(f"\nwhat issue 3 asks, and what this run found\n\n{table(bench.rows)}")
    for warning in bench.warnings:
        print(f"\n!!! {warning}")
    bench.options.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{bench.options.out}")
    if bench.has_failed or (bench.options.strict and not all(row.is_met for row in bench.rows)):
        raise SystemExit(1)


def in_order(cases: Iterable[Case]) -> list[Case]:
    """Put the cases that are compared next to each other: the engine's two of 32 callers meet in the middle."""
    works = list(Work)

    def rank(case: Case) -> tuple[str, bool, int, int]:
        towards = -1 if case.hot else 1
        return (case.database, case.hot, towards * case.callers, -towards * works.index(case.work))

    return sorted(cases, key=rank)


def _open_places(bench: Bench, stack: ExitStack, folder: Path) -> None:
    if "sqlite" in bench.options.databases:
        bench.places.append(SqliteFiles(folder))
    if "postgresql" in bench.options.databases:
        try:
            bench.server = stack.enter_context(postgresql(folder))
        except Exception as error:  # noqa: BLE001 - whatever the reason, it is told, and SQLite is measured
            why = f"POSTGRESQL NOT MEASURED: it could not start ({type(error).__name__}: {error})."
            bench.warn(why)
            bench.missing |= dict.fromkeys(promises.needed("postgresql"), why)
            for measure in MEASURES:
                bench.rows += measure.unmeasured("postgresql", why=why)
        else:
            bench.places.append(bench.server)


def _prepare(bench: Bench) -> None:
    """Make the databases that the chosen cases copy, and list the cases."""
    found: list[Case] = []
    for place in bench.places:
        if _is_wanted(bench, place.name, Work.ENGINE, Work.ENGINE_BATCH, Work.SAME_RULES):
            _say(f"{place.name}: opening a town of 10,000 wallets and 1,000 shops…")
            town = engine_cases.prepare(place)
            found += engine_cases.cases(town)
            found += same_rules.cases(town)
        if _is_wanted(bench, place.name, *RAW_WORKS):
            found += raw_cases.cases(raw_cases.prepare(place))
    if bench.server:
        found += _peers(bench, bench.server)
    bench.cases = in_order(case for case in found if bench.options.takes_case(case.key))


def _peers(bench: Bench, server: PostgresqlServer) -> Iterator[Case]:
    """Yield the cases of other people's programs; one that is not there is missing, and it is said aloud."""
    if _is_wanted(bench, server.name, Work.PGBENCH):
        program = pgbench.find()
        if program is None:
            _lack(bench, Work.PGBENCH, "no pgbench beside the server nor in the PATH")
        else:
            _say("pgbench: filling its tables…")
            yield from pgbench.cases(pgbench.prepare(server, program))
    if _is_wanted(bench, server.name, Work.HORDAK, Work.HORDAK_GUARDED):
        if absent := hordak.absent():
            _lack(bench, Work.HORDAK, f"not installed: {', '.join(absent)} (requirements/bench.txt)")
        else:
            _say("django-hordak: migrating and opening its accounts…")
            yield from hordak.cases(hordak.prepare(server))


def _lack(bench: Bench, work: Work, why: str) -> None:
    bench.warn(f"{work} NOT MEASURED: {why}.")
    bench.missing |= {key: why for key in promises.needed("postgresql") if key.work == work}


def _is_wanted(bench: Bench, database: str, *works: Work) -> bool:
    """Tell whether a case of these kinds can be chosen, before its databases are made."""
    keys = (Key(database, work, callers, hot) for work in works for callers in CALLERS for hot in (False, True))
    return any(bench.options.takes_case(key) for key in keys)


def _run_cases(bench: Bench) -> None:
    """Run the rounds; a case that fails once has no figures, and its rows say why."""
    rounds, timing = bench.options.rounds, bench.options.timing
    total = rounds * len(bench.cases)
    minutes = total * (timing.warm_up_s + timing.seconds + OVERHEAD_S) / 60
    _say(f"{rounds} rounds of {len(bench.cases)} cases, {timing.seconds:g} s each: about {minutes:.0f} min")
    done = 0
    for round_no in range(1, rounds + 1):
        for case in bench.cases if round_no % 2 else reversed(bench.cases):
            done += 1
            if case.key in bench.missing:
                continue
            try:
                run = _measured(bench, case, round_no)
            except Exception as error:  # noqa: BLE001 - it is told, the command fails, and the others are measured
                traceback.print_exc()
                bench.has_failed = True
                bench.missing[case.key] = f"{type(error).__name__}: {error}"
                bench.warn(f"{case.key.name} FAILED: {bench.missing[case.key]}")
                continue
            bench.runs.append(run)
            others = "" if run.others_percent is None else f", others {run.others_percent:.0f} %"
            _say(f"[{done}/{total}] {case.key.name}: {run.figures.per_second:,.0f}/s{others}")
    bench.runs = [run for run in bench.runs if run.key not in bench.missing]


def _measured(bench: Bench, case: Case, round_no: int) -> Run:
    is_elsewhere = case.database == "postgresql" and bench.server is not None and bench.server.pid is None
    pid = bench.server.pid if bench.server else None
    with watched(pid, server_is_elsewhere=is_elsewhere) as load:
        figures = case.run(bench.options.timing)
    return Run(
        round_no=round_no,
        database=case.database,
        work=case.work,
        callers=case.callers,
        hot=case.hot,
        figures=figures,
        cpu_ms_per_posting=round(1000 * load.own_cpu_s / max(1, figures.acknowledged), 4),
        others_percent=load.others_percent,
    )


def _take_measures(bench: Bench) -> None:
    """Run the other modules, each on one database after the other, as the table reads."""
    options = bench.options
    for measure in MEASURES:
        for place in bench.places:
            if not options.takes(f"{place.name}/{measure.name}"):
                bench.rows += measure.unmeasured(place.name, why="left out of this run")
                continue
            _say(f"{place.name}/{measure.name}…")
            outcome = taken(measure, place, options.timing, quick=options.quick)
            bench.rows += outcome.rows
            if outcome.error:
                bench.has_failed = True
                bench.warn(f"{place.name}/{measure.name} FAILED: {outcome.error}")


def _warn_of_others(bench: Bench) -> None:
    disturbed = [run for run in bench.runs if (run.others_percent or 0) > OTHERS_PERCENT_MAX]
    if disturbed:
        bench.warn(
            f"{len(disturbed)} of {len(bench.runs)} runs were disturbed: other programs took more than"
            f" {OTHERS_PERCENT_MAX:.0f} % of the processors. Run it again on a quiet machine before quoting anything."
        )


def _results(bench: Bench) -> dict[str, object]:
    settings = {place.name: place.settings() for place in bench.places}
    program = pgbench.find()
    programs: dict[str, Sequence[str]] = {"wrk": ["wrk", "-v"]}
    programs["pgbench"] = [str(program or "pgbench"), "--version"]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": description(),
        "versions": versions(programs) | {"postgresql": settings.get("postgresql", {}).get("server_version", "absent")},
        "settings": settings,
        "timing": asdict(bench.options.timing) | {"rounds": bench.options.rounds},
        "callers": CALLERS,
        "warnings": bench.warnings,
        "rows": [asdict(row) | {"met": row.verdict} for row in bench.rows],
        "medians": [asdict(middle) for middle in medians(bench.runs)],
        "ratios": [asdict(ratio) for ratio in ratios(bench.runs)],
        "runs": [asdict(run) for run in bench.runs],
    }


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
