"""Two processes for one verification: each scans every other span of the entries on a connection of its own.

They are programs of their own, not forks: whoever verifies may have
threads, and a thread's lock is never released in a fork. What they are told and what they answer is pickled over their
pipes; the database's address goes that way too, never on a command line.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

from sqlalchemy import Connection

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.journal.verify_scan import Scanned, scan_span
from monnaie_locale.keyring import signature_is_valid

# Not `-m`: what is pickled must belong to this module under its own name, and not to `__main__`.
PROGRAM = f"from {__name__} import main; main()"
EXPORT_SNAPSHOT = "SELECT pg_export_snapshot()"


@dataclass(frozen=True, slots=True)
class Span:
    """Entries to scan, and the sizes at which the log was signed among them."""

    first: int
    last: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SignedText:
    """A signature to check: the size of its head, the text."""

    size: int
    signature: bytes
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The spans to scan; `snapshot` is the state of a PostgreSQL database that the parent sees, to see it too."""

    database_url: str
    snapshot: str | None
    territory_id: int
    kinds: bytes
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """The signatures to check, by one key."""

    public_key_pem: str
    signed: Sequence[SignedText]

    def forged(self) -> list[int]:
        """Return the sizes of the heads whose signature is not that of their text."""
        return [
            each.size
            for each in self.signed
            if not signature_is_valid(public_key_pem=self.public_key_pem, signature=each.signature, text=each.text)
        ]


class Workers:
    """The processes of one verification. They start at once, and wait for their job."""

    def __init__(self, count: int) -> None:
        """Start the processes."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._processes = [
            subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
            for _ in range(count)
        ]

    def check(self, signatures: Signatures) -> None:
        """Share the signatures out; they are checked while the parent reads the accounts."""
        count = len(self._processes)
        for number, process in enumerate(self._processes):
            _tell(process, replace(signatures, signed=signatures.signed[number::count]))

    def scan(self, job: Job) -> tuple[list[int], Iterator[Scanned | None]]:
        """Share the spans out; return the sizes of the heads whose signature is false, and what each span holds."""
        count = len(self._processes)
        for number, process in enumerate(self._processes):
            _tell(process, replace(job, spans=job.spans[number::count]))
        return sorted(size for process in self._processes for size in _answer(process)), self._scanned(job)

    def _scanned(self, job: Job) -> Iterator[Scanned | None]:
        for number, _ in enumerate(job.spans):
            answer: Scanned | None = _answer(self._processes[number % len(self._processes)])
            yield answer

    def stop(self) -> None:
        """End the processes, done or not."""
        for process in self._processes:
            process.kill()
            process.communicate()


def _tell(process: "subprocess.Popen[bytes]", what: Signatures | Job) -> None:
    pickle.dump(what, _pipe(process.stdin))
    _pipe(process.stdin).flush()


def _answer(process: "subprocess.Popen[bytes]") -> Any:  # noqa: ANN401 - whatever the worker was asked for
    try:
        return pickle.load(_pipe(process.stdout))  # noqa: S301 - from the process that we started
    except (EOFError, pickle.UnpicklingError) as error:
        message = "a process of the verification ended before its work"
        raise ChildProcessError(message) from error


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Give so many workers, ended whatever happens."""
    started = Workers(count)
    try:
        yield started
    finally:
        started.stop()


def shared_state(db: Connection) -> str | None:
    """Return the name of the state that the connection sees, for others to see it; None on SQLite.

    There rows are only ever added, and the verifier looks no further than the last one it saw itself.
    """
    return str(db.exec_driver_sql(EXPORT_SNAPSHOT).scalar_one()) if db.dialect.name == "postgresql" else None


def scanned(db: Connection, *, territory_id: int, kinds: bytes, asked: Iterable[Span]) -> Iterator[Scanned | None]:
    """Yield what each span holds; None for one that must be read carefully."""
    for span in asked:
        yield scan_span(db, territory_id=territory_id, first=span.first, last=span.last, kinds=kinds, sizes=span.sizes)


def main() -> None:
    """Do what comes in on the standard input, first the signatures and then the job; answer on the standard output."""
    told, answers = sys.stdin.buffer, sys.stdout.buffer
    signatures: Signatures = pickle.load(told)  # noqa: S301 - from the process that started us
    pickle.dump(signatures.forged(), answers)
    answers.flush()
    job: Job = pickle.load(told)  # noqa: S301 - same
    engine = open_engine(job.database_url, pool_size=1)
    with reading(engine) as db:
        if job.snapshot is not None:
            db.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{job.snapshot}'")
        for found in scanned(db, territory_id=job.territory_id, kinds=job.kinds, asked=job.spans):
            pickle.dump(found, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
    engine.dispose()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError
    return stream
