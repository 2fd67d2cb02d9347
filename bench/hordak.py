"""django-hordak, the double-entry ledger that a Python team would take from PyPI, on the same PostgreSQL as we.

As its documentation says: `Account.transfer_to` for each posting, in its own transaction, with the triggers and the
constraints that its migrations install. It has no idempotency keys, no limits on balances, no numbering and no log.

Measured twice: bare, with the accounts at hand, and doing one more part of our job, that no purse falls below zero. For
that a team must lock the payer's account and sum its legs first; its callers know numbers of accounts, as ours do.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from bench.cases import Case, Work
from bench.measure import STUCK_S, Figures, Timing
from bench.places import ROOT, PostgresqlServer, conninfo

CALLERS = (1, 32)
PACKAGES = ("django", "hordak", "moneyed")
PREPARE_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a process of hordak's is to do on a database; without callers it makes the tables and the accounts."""

    database: Mapping[str, str]
    callers: int = 0
    guarded: bool = False
    warm_up_s: float = 0
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Hordak:
    """A migrated database with hordak's accounts, copied before each run."""

    place: PostgresqlServer
    template: URL


def absent() -> list[str]:
    """Return the packages that are not installed; without one of them there is nothing to measure."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def prepare(place: PostgresqlServer) -> Hordak:
    """Make hordak's tables and accounts, once."""
    template = place.empty()
    _do(Job(database=_address(template)), timeout_s=PREPARE_TIMEOUT_S)
    return Hordak(place, template)


def cases(hordak: Hordak) -> Iterator[Case]:
    """Yield one caller, and thirty-two in one process of Django."""
    for callers in CALLERS:
        for work in (Work.HORDAK, Work.HORDAK_GUARDED):
            yield Case(hordak.place.name, work, callers, hot=False, run=partial(_run, hordak, callers, work))


def _run(hordak: Hordak, callers: int, work: Work, timing: Timing) -> Figures:
    url = hordak.place.copy_of(hordak.template)
    job = Job(database=_address(url), callers=callers, guarded=work is Work.HORDAK_GUARDED, **asdict(timing))
    figures = _do(job, timeout_s=timing.warm_up_s + timing.seconds + STUCK_S)
    hordak.place.drop(url)
    return Figures(**json.loads(figures))


def _address(url: URL) -> dict[str, str]:
    return {key: str(value) for key, value in conninfo_to_dict(conninfo(url)).items() if value is not None}


def _do(job: Job, *, timeout_s: float) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench.hordak_process"],
        input=json.dumps(asdict(job)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"django-hordak failed: {done.stderr.strip()}")
    return done.stdout
