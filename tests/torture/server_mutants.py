"""Faults put into a running service on purpose: what the oracles must catch. Each takes the runtime and spoils it."""

import secrets
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine, event

from monnaie_locale.database import engine as engine_module
from monnaie_locale.database import transaction
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.plans import Request
from monnaie_locale.journal.post import post
from monnaie_locale.ledger.accounts import Balance
from monnaie_locale.ledger.posting import Posted, Posting
from monnaie_locale.runtime import Runtime

CHECK_THEN_ACT = "check then act"
KEY_OUTSIDE = "key outside the money transaction"
ANSWER_BEFORE_COMMIT = "answer before the commit"
COMMIT_WITHOUT_DISK = "commit that does not wait for the disk"
SHOWS_ALL = "shows what the standby may not have"
DEAF = "deaf to the server's warning that a standby did not answer"
LATE_COMMIT_S = 0.05


def check_then_act(rt: Runtime) -> None:
    """Leave the check to the reader: the posting engine and the database no longer look at the balance."""
    Balance.debitable_cents = lambda _self: None
    if rt.engine.dialect.name == "sqlite":
        _on_connect(rt.engine, "PRAGMA ignore_check_constraints = ON")


class _Wrapped:
    """A writer that spoils what it passes on to the real one."""

    def __init__(self, rt: Runtime) -> None:
        self.rt = rt
        self.real = rt.writer

    def stop(self) -> None:
        self.real.stop()

    def submit(self, request: Request) -> Posted:
        """Work a plan out by itself, as an engine without batches would, and pass on what came of it."""
        if isinstance(request, Posting):
            return self.spoil(request)
        with reading(self.rt.engine) as db:
            (outcome,) = request.plan.prepare(db, territory_id=request.territory_id, plans=[request.plan])
        if isinstance(outcome, Exception):
            raise outcome
        return self.spoil(outcome) if isinstance(outcome, Posting) else outcome

    def spoil(self, posting: Posting) -> Posted:
        raise NotImplementedError


class KeysInMemory(_Wrapped):
    """Keys are kept by the process, beside the money: another process and the next life do not know them."""

    def __init__(self, rt: Runtime) -> None:
        super().__init__(rt)
        self.answers: dict[bytes, Posted] = {}

    def spoil(self, posting: Posting) -> Posted:
        known = self.answers.get(posting.key_digest)
        if known is not None:
            return known._replace(replayed=True)
        posted = self.real.submit(posting._replace(idempotency_key=secrets.token_hex(16)))
        self.answers[posting.key_digest] = posted
        return posted


class AnswersEarly(_Wrapped):
    """The answer goes out first; the commit follows, if the process lives."""

    def spoil(self, posting: Posting) -> Posted:
        try:
            transact(self.rt.engine, _foretell, posting, now_ms=self.rt.now_ms())
        except _Foretold as foretold:
            threading.Thread(target=self._commit, args=(posting,), daemon=True).start()
            return foretold.posted
        raise AssertionError

    def _commit(self, posting: Posting) -> None:
        time.sleep(LATE_COMMIT_S)
        self.real.submit(posting)


class _Foretold(Exception):
    def __init__(self, posted: Posted) -> None:
        super().__init__()
        self.posted = posted


def _foretell(db, posting: Posting, *, now_ms: int) -> None:
    # Raised inside the transaction, so that all of it is rolled back.
    raise _Foretold(post(db, posting, recorded_at_ms=now_ms))


def commit_without_disk(rt: Runtime) -> None:
    """Undo, on each connection, what `monnaie_locale.database.engine` sets: the settings of a "faster" installation."""
    sqlite = rt.engine.dialect.name == "sqlite"
    _on_connect(rt.engine, "PRAGMA synchronous = NORMAL" if sqlite else "SET synchronous_commit TO off")


def deaf(_rt: Runtime) -> None:
    """Take every COMMIT for one, whatever the server says about its standby."""
    transaction.REPLICATION_WARNING = "said by nobody"


def shows_all(_rt: Runtime) -> None:
    """Open connections at once, whatever the standby has."""
    engine_module.MARK = "SELECT 1"


def _wrap(wrapper: type[_Wrapped]) -> Callable[[Runtime], None]:
    def apply(rt: Runtime) -> None:
        rt.writer = wrapper(rt)

    return apply


def _on_connect(engine: Engine, statement: str) -> None:
    def execute(connection, _record: object) -> None:
        postgresql = engine.dialect.name == "postgresql"
        if postgresql:
            connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        if postgresql:
            connection.autocommit = False

    event.listen(engine, "connect", execute)
    # Those that were opened before are closed, and opened again with the statement.
    engine.dispose()


MUTANTS: dict[str, Callable[[Runtime], None]] = {
    CHECK_THEN_ACT: check_then_act,
    KEY_OUTSIDE: _wrap(KeysInMemory),
    ANSWER_BEFORE_COMMIT: _wrap(AnswersEarly),
    COMMIT_WITHOUT_DISK: commit_without_disk,
    DEAF: deaf,
    SHOWS_ALL: shows_all,
}
