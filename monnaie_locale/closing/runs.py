"""A close that takes longer than a page can wait: it goes on in a thread, and says in the database how far it is.

Any process of the service can show it. A process that dies leaves a run that no longer moves: the work is begun again,
and what was durable is found done.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, update

from monnaie_locale.closing.model import Stage
from monnaie_locale.closing.tables import close_runs
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import Month
from monnaie_locale.runtime import Runtime

PREPARE, APPROVE = "prepare", "approve"
# What is told more often than this would be written for nobody.
SECONDS_BETWEEN_TELLS = 1.0
BROKEN_FR = (
    "L’arrêté s’est interrompu sans rien changer de plus. Recommencez ; si cela se répète, prévenez l’exploitant."
)

Work = Callable[[Callable[[Stage], None]], object]


@dataclass(slots=True)
class Started:
    """A run under way in this process; `refusal` is why it ended without its result, once it ended."""

    run_id: int
    thread: threading.Thread
    refusal: Refusal | None = None
    error: Exception | None = field(default=None)

    def wait(self, seconds: float) -> bool:
        """Wait for the end; return whether it came. Raises what the work refused or broke on."""
        self.thread.join(seconds)
        if self.thread.is_alive():
            return False
        broken = self.refusal or self.error
        if broken is not None:
            raise broken
        return True


def start(rt: Runtime, *, month: Month, step: str, actor: str, work: Work) -> Started:
    """Begin the work in a thread of its own.

    Args:
        rt: the running service; the thread outlives the request.
        month: which month is being closed.
        step: PREPARE or APPROVE.
        actor: who asked, "staff:3".
        work: what to do, given whom to tell how far it is.

    """
    run_id = transact(rt.engine, _open_run, rt=rt, month=month, step=step, actor=actor)
    started = Started(run_id, threading.Thread(target=lambda: _work(rt, started, work), name=f"close-{run_id}"))
    started.thread.start()
    return started


def _work(rt: Runtime, started: Started, work: Work) -> None:
    teller = _Teller(rt, started.run_id)
    try:
        work(teller.tell)
    except Refusal as refusal:
        started.refusal = refusal
        _end(rt, started.run_id, refusal.sentence())
    except Exception as error:  # noqa: BLE001 - who waits is told, and the page of the run
        started.error = error
        _end(rt, started.run_id, BROKEN_FR)
    else:
        _end(rt, started.run_id, "")


@dataclass(slots=True)
class _Teller:
    """Writes how far the work is: each new stage at once, its steps now and then."""

    rt: Runtime
    run_id: int
    told_at: float = 0.0
    label: str = ""

    def tell(self, stage: Stage) -> None:
        """Take a stage."""
        now = time.monotonic()
        if stage.label_fr == self.label and now - self.told_at < SECONDS_BETWEEN_TELLS:
            return
        self.told_at, self.label = now, stage.label_fr
        _change(
            self.rt,
            self.run_id,
            stage=stage.label_fr,
            done=min(stage.done, stage.total),
            total=stage.total,
            told_at_ms=self.rt.now_ms(),
        )


def _open_run(db: Connection, *, rt: Runtime, month: Month, step: str, actor: str) -> int:
    run_id = next_id(db, close_runs, territory_id=rt.territory_id)
    db.execute(
        insert(close_runs),
        {
            "territory_id": rt.territory_id,
            "id": run_id,
            "period_ends_on": month.last_day,
            "step": step,
            "started_by": actor,
            "stage": "",
            "done": 0,
            "total": 0,
            "told_at_ms": rt.now_ms(),
            "ended_at_ms": None,
            "refusal_fr": "",
        },
    )
    return run_id


def _end(rt: Runtime, run_id: int, refusal_fr: str) -> None:
    now_ms = rt.now_ms()
    _change(rt, run_id, told_at_ms=now_ms, ended_at_ms=now_ms, refusal_fr=refusal_fr)


def _change(rt: Runtime, run_id: int, **values: object) -> None:
    statement = update(close_runs).where(close_runs.c.territory_id == rt.territory_id, close_runs.c.id == run_id)
    transact(rt.engine, lambda db: db.execute(statement.values(**values)))
