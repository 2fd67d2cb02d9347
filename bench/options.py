"""What a run of the benchmark is asked to do, and the choice of what it measures."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Key
from bench.measure import Timing
from bench.promises import needed

FOLDER = Path(__file__).parent
DATABASES = ("sqlite", "postgresql")
# Many short rounds rather than few long ones: what disturbs the machine for a minute then spoils few of them.
ROUNDS = 7
USUAL = Timing(warm_up_s=1, seconds=4)
QUICK = Timing(warm_up_s=0.2, seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    quick: bool
    rounds: int
    timing: Timing
    databases: tuple[str, ...] = DATABASES
    every_case: bool = False
    only: str = ""
    skip: tuple[str, ...] = ()
    strict: bool = False
    scratch: Path | None = None
    out: Path

    def takes(self, name: str) -> bool:
        """Tell whether what has this name is chosen, by --only and --skip."""
        return self.only in name and not any(part in name for part in self.skip)

    def takes_case(self, key: Key) -> bool:
        """Tell whether a case is run: without --all only those that a promise needs."""
        return self.takes(key.name) and (self.every_case or key in needed(key.database))


def parsed(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    found = _parser().parse_args(arguments)
    usual = QUICK if found.quick else USUAL
    timing = Timing(
        warm_up_s=usual.warm_up_s if found.warm_up is None else found.warm_up,
        seconds=found.seconds or usual.seconds,
    )
    is_whole = found.database == "both" and not found.only and not found.skip
    # The file that is kept holds whole runs: a part of one must not take its place unasked.
    file = "results.quick.json" if found.quick else "results.json" if is_whole else "results.part.json"
    return Options(
        quick=found.quick,
        rounds=found.rounds or (1 if found.quick else ROUNDS),
        timing=timing,
        databases=DATABASES if found.database == "both" else (found.database,),
        every_case=found.all,
        only=found.only,
        skip=tuple(found.skip),
        strict=found.strict,
        scratch=found.scratch,
        out=found.out or FOLDER / file,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure what issue 3 asks of the engine beside the raw limits of this machine."
    )
    flag = parser.add_argument
    flag("--quick", action="store_true", help="one short round, to see that it works: no figures to quote")
    flag("--rounds", type=int, help=f"how many times each case of the engine runs ({ROUNDS})")
    flag("--seconds", type=float, help=f"length of a run, warm-up not included ({USUAL.seconds:g})")
    flag("--warm-up", type=float, help=f"seconds before counting starts ({USUAL.warm_up_s:g})")
    flag("--database", choices=(*DATABASES, "both"), default="both")
    flag("--all", action="store_true", help="also the cases that no promise needs: other counts of callers, batches")
    flag("--only", default="", help="only what has this in its name, e.g. sqlite/engine/random or http")
    flag("--skip", action="append", default=[], help="not what has this in its name, e.g. scale; may be repeated")
    flag("--strict", action="store_true", help="exit with 1 when a promise is not met or not measured")
    flag("--scratch", type=Path, help="a folder on a disk for the databases (not tmpfs)")
    flag("--out", type=Path, help="the file to write (bench/results.json, for a whole run)")
    return parser
