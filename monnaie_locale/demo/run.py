"""Run the demonstration from its flags to its files."""

import datetime
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from monnaie_locale.demo import settling, town
from monnaie_locale.demo.appointments import DEFAULT_MONTH, Appointments, day_of, first_of_months
from monnaie_locale.demo.drawing import draw_plan
from monnaie_locale.demo.installation import Clock, found
from monnaie_locale.demo.month import Ended, run_month
from monnaie_locale.demo.output import claim, files_of, write
from monnaie_locale.demo.plan import Grants, Plan
from monnaie_locale.demo.progress import Progress, Silent
from monnaie_locale.demo.summary import Row, summary, year_rows
from monnaie_locale.demo.year import LivedMonth, live_months
from monnaie_locale.demo.yearly import year_files
from monnaie_locale.ledger.periods import Month
from monnaie_locale.runtime import Runtime

DEFAULT_SEED = 1
LATER_CHARGES_SHARE = 3
DEFAULT_HOUSEHOLDS, DEFAULT_SHOPS, DEFAULT_CHARGES = 200, 25, 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demonstration that was run: its installation is still open, on the clock of the plan."""

    rt: Runtime
    home: Path
    plan: Plan
    ended: Ended
    rows: list[Row]
    later: list[LivedMonth] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Return whether nothing is wrong in the books at the end."""
        return self.ended.verdict.ok

    @property
    def grants(self) -> list[Grants]:
        """Return everything that was given out, month after month."""
        return [*self.plan.grants, *(each for month in self.later for each in month.grants)]


def run_demo(
    *,
    out: Path,
    base_url: str = "http://127.0.0.1:8000",
    seed: int = DEFAULT_SEED,
    households: int = DEFAULT_HOUSEHOLDS,
    shops: int = DEFAULT_SHOPS,
    charges: int = DEFAULT_CHARGES,
    first: Month = DEFAULT_MONTH,
    months: int = 1,
    progress: Progress | None = None,
) -> Demo:
    """Live the months and write their files to a folder; the caller stops the runtime.

    Args:
        out: where to write; a folder that holds anything else raises FolderInUse.
        base_url: where the installation will be served.
        seed: the same one, with the same first month, gives the same files, to the last byte.
        households: how many.
        shops: how many.
        charges: about how many payments are accepted in the first month; in each of the later months a third of that.
        first: the first month.
        months: how many; more than one, and each has its folder.
        progress: told of every stage.

    """
    started = time.perf_counter()
    progress = progress or Silent()
    home = claim(out)
    listed, listed_households = town.shops(shops), town.households(households)
    categories = tuple(shop.category for shop in listed)
    plan = draw_plan(seed=seed, days=Appointments(first), households=households, categories=categories, charges=charges)
    plan = replace(plan, months=months)
    clock = Clock(plan.days.installed_at)
    with progress.stage("Base de données", length=1) as advance:
        rt = found(home, seed=seed, clock=clock, base_url=base_url)
        advance(1)
    ended = run_month(rt, clock=clock, plan=plan, households=listed_households, shops=listed, progress=progress)
    with progress.stage("Documents", length=1) as advance:
        files = files_of(rt, ended)
        advance(1)
    share = max(1, charges // LATER_CHARGES_SHARE)
    later = list(live_months(ended.stage, ended, count=months - 1, charges=share, progress=progress))
    if later:
        ended = replace(ended, verdict=settling.verified(ended.stage))
        files = _in_folders(plan.month, files, later) | _of_years(rt, plan.month, later[-1].month, progress)
    write(out, files)
    took_s = time.perf_counter() - started
    rows = summary(rt, plan=plan, ended=ended, later=later, names=list(files), seconds=took_s)
    return Demo(rt=rt, home=home, plan=plan, ended=ended, rows=[*rows, *year_rows(later)], later=later)


def first_month(months: int, *, now: datetime.datetime) -> Month:
    """Return in which month the demonstration begins when nobody says so.

    A month alone is the one that the documentation tells of; more of them end with the last month that is over, so
    that what is served afterwards lies in the past.
    """
    return DEFAULT_MONTH if months == 1 else first_of_months(months, today=day_of(now))


def _of_years(rt: Runtime, first: Month, through: Month, progress: Progress) -> dict[str, bytes]:
    """Return the files of each year of these months, each in the folder of its year."""
    years = range(first.year, through.year + 1)
    found = {}
    with progress.stage("Documents de l’année", length=len(years)) as advance:
        for year in years:
            files = year_files(rt, year=year, through=through)
            found.update({f"{year}/{name}": content for name, content in files.items()})
            advance(1)
    return found


def _in_folders(first: Month, files: dict[str, bytes], later: list[LivedMonth]) -> dict[str, bytes]:
    """Return the files of every month, each in the folder of its month."""
    months = [(first, files), *((each.month, each.files) for each in later)]
    return {f"{month}/{name}": content for month, files in months for name, content in files.items()}
