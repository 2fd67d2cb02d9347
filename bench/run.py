"""Measure the posting engine beside the raw limits of this machine: a table, and bench/results.json.

The cases of a round follow each other, compared ones side by side, and every other round goes backwards: what else the
machine does then falls on all alike. Read the ratios; the absolute figures are this machine's.
"""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import engine_cases, pgbench, raw_cases
from bench.cases import CALLERS, Case, Work
from bench.machine import description, versions, watched
from bench.measure import Timing
from bench.places import Place, PostgresqlServer, SqliteFiles, postgresql, scratch_folder
from bench.table import Run, medians, ratios, rendered

FOLDER = Path(__file__).parent
# What others may take of the processors before a run's figures are called disturbed.
OTHERS_PERCENT_MAX = 10.0
# Copying and checking the books, a run: for the estimate only.
OVERHEAD_S = 1.5


@dataclass(slots=True)
class Bench:
    """What has been prepared, and what is to be said about it."""

    cases: list[Case] = field(default_factory=list)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    server: PostgresqlServer | None = None

    def warn(self, text: str) -> None:
        """Say it now, and again at the end and in the file."""
        self.warnings.append(text)
        print(f"!!! {text}", file=sys.stderr, flush=True)


def main() -> None:
    options = _options()
    timing = Timing(options.warm_up, options.seconds)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(options.scratch))
        bench = _prepared(stack, folder, options.database)
        bench.cases = [case for case in in_order(bench.cases) if options.only in case.name]
        if not bench.cases:
            raise SystemExit(f"no case has {options.only!r} in its name")
        each_s = timing.warm_up_s + timing.seconds + OVERHEAD_S
        minutes = options.rounds * len(bench.cases) * each_s / 60
        _say(f"{options.rounds} rounds of {len(bench.cases)} cases, {timing.seconds:g} s each: about {minutes:.0f} min")
        runs = list(_rounds(bench, timing, rounds=options.rounds))
    _warn_of_others(bench, runs)
    print(rendered(runs))
    for warning in bench.warnings:
        print(f"\n!!! {warning}")
    out = options.out or FOLDER / ("results.quick.json" if options.quick else "results.json")
    out.write_text(json.dumps(_results(bench, timing, runs), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{out}")


def in_order(cases: Sequence[Case]) -> list[Case]:
    """Put the cases that are compared next to each other."""
    works = list(Work)
    return sorted(cases, key=lambda case: (case.database, case.hot, case.callers, works.index(case.work)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--quick", action="store_true", help="one short round, to see that it works: no figures to quote"
    )
    parser.add_argument("--rounds", type=int, help="how many times each case runs (3)")
    parser.add_argument("--seconds", type=float, help="length of a run, warm-up not included (5)")
    parser.add_argument("--warm-up", type=float, help="seconds before counting starts (1)")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument(
        "--only", default="", help="only the cases that have this in their name, e.g. sqlite/engine/random"
    )
    parser.add_argument("--scratch", type=Path, help="a folder on a disk for the databases (not tmpfs)")
    parser.add_argument("--out", type=Path, help="the file to write (bench/results.json)")
    options = parser.parse_args()
    usual = (1, 0.5, 0.2) if options.quick else (3, 5.0, 1.0)
    options.rounds = options.rounds or usual[0]
    options.seconds = options.seconds or usual[1]
    options.warm_up = usual[2] if options.warm_up is None else options.warm_up
    return options


def _prepared(stack: ExitStack, folder: Path, database: str) -> Bench:
    """Make the databases that the runs copy, and list the cases."""
    bench = Bench()
    places: list[Place] = []
    if database != "postgresql":
        places.append(SqliteFiles(folder))
    if database != "sqlite":
        bench.server = _server(stack, folder, bench)
        places += [bench.server] if bench.server else []
    for place in places:
        _say(f"{place.name}: opening a town of 10,000 wallets and 1,000 shops…")
        bench.settings[place.name] = place.settings()
        bench.cases += engine_cases.cases(engine_cases.prepare(place))
        bench.cases += raw_cases.cases(raw_cases.prepare(place))
    if bench.server:
        program = pgbench.find()
        if program is None:
            bench.warn("PGBENCH NOT RUN: no pgbench beside the server nor in the PATH.")
        else:
            _say("pgbench: filling its tables…")
            bench.cases += pgbench.cases(pgbench.prepare(bench.server, program))
    return bench


def _server(stack: ExitStack, folder: Path, bench: Bench) -> PostgresqlServer | None:
    try:
        return stack.enter_context(postgresql(folder))
    except Exception as error:  # noqa: BLE001 - whatever the reason, it is told, and SQLite is measured
        bench.warn(f"POSTGRESQL NOT MEASURED: it could not start ({type(error).__name__}: {error}).")
        return None


def _rounds(bench: Bench, timing: Timing, *, rounds: int) -> Iterator[Run]:
    total = rounds * len(bench.cases)
    done = 0
    for round_no in range(1, rounds + 1):
        for case in bench.cases if round_no % 2 else reversed(bench.cases):
            run = _measured(bench, case, timing, round_no)
            done += 1
            others = "" if run.others_percent is None else f", others {run.others_percent:.0f} %"
            _say(f"[{done}/{total}] {case.name}: {run.figures.per_second:,.0f}/s{others}")
            yield run


def _measured(bench: Bench, case: Case, timing: Timing, round_no: int) -> Run:
    is_elsewhere = case.database == "postgresql" and bench.server is not None and bench.server.pid is None
    pid = bench.server.pid if bench.server else None
    with watched(pid, server_is_elsewhere=is_elsewhere) as load:
        figures = case.run(timing)
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


def _warn_of_others(bench: Bench, runs: Sequence[Run]) -> None:
    disturbed = [run for run in runs if (run.others_percent or 0) > OTHERS_PERCENT_MAX]
    if disturbed:
        bench.warn(
            f"{len(disturbed)} of {len(runs)} runs were disturbed: other programs took more than"
            f" {OTHERS_PERCENT_MAX:.0f} % of the processors. Run it again on a quiet machine before quoting anything."
        )


def _results(bench: Bench, timing: Timing, runs: Sequence[Run]) -> dict[str, object]:
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": description(),
        "versions": versions(),
        "settings": bench.settings,
        "timing": asdict(timing),
        "callers": CALLERS,
        "warnings": bench.warnings,
        "medians": [asdict(middle) for middle in medians(runs)],
        "ratios": [asdict(ratio) for ratio in ratios(runs)],
        "runs": [asdict(run) for run in runs],
    }


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
