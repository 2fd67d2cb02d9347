"""The access log: without the secrets of addresses; what a payment says in it is written aside, so that none waits."""

import copy
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TextIO

from granian.log import LOGGING_CONFIG

# What follows these in an address opens a card, a till, a payment or a session: it never goes to a log.
SECRET_PATH = re.compile(r"(?i)^(.*?/(?:w|p|t|r|caisse/appairer|caisse/demandes|connexion/lien)/)[^/?\s]+")
MASK = "•••"
# How long a line may wait in memory: what a kill of the process may lose of this log. And how many lines, where nobody
# reads the output: the oldest go.
WRITTEN_EVERY_S = 0.1
KEPT_MAX = 100_000


def mask(path: str) -> str:
    """Return an address without the secret that it carries: "/W/9K3…" becomes "/W/•••"."""
    return SECRET_PATH.sub(rf"\1{MASK}", path)


class MaskSecrets(logging.Filter):
    """Take the secrets of addresses out of the access log, before any handler sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the path of an access record, and let every record pass."""
        if isinstance(record.args, Mapping) and "path" in record.args:
            record.args = {**record.args, "path": mask(str(record.args["path"])), "query_string": ""}
        return True


class PaymentsAside(logging.StreamHandler[TextIO]):
    """Write a line as it comes, but those of payments ten times a second, from a thread of its own.

    Written by each request, a line takes a lock and lets go of the interpreter's while it holds it: with thirty-two
    tills, two of a charge's fifteen changes of thread were for that. Light requests go on queueing there: written
    aside as well, a flood of them would take the interpreter again and again before a charge, which needs it four
    times, gets it once (DECISIONS 2026-11-27).
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write nothing yet; the thread begins with the first payment, in the process that serves."""
        super().__init__(stream)
        self._kept: deque[logging.LogRecord] = deque(maxlen=KEPT_MAX)
        self._thread: threading.Thread | None = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record that the filters let pass, or keep it; no lock for that: a deque takes from many threads."""
        if not _created(record):
            return super().handle(record)
        is_wanted = bool(self.filter(record))
        if is_wanted:
            self._kept.append(record)
            if self._thread is None:
                self._begin()
        return is_wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record behind those that are kept: they came before it."""
        self._kept.append(record)
        self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        self.acquire()
        try:
            records = [self._kept.popleft() for _ in range(len(self._kept))]
            if records:
                self._write(records)
        finally:
            self.release()

    def _write(self, records: list[logging.LogRecord]) -> None:
        try:
            self.stream.write("".join(self.format(record) + self.terminator for record in records))
            super().flush()
        except Exception:  # noqa: BLE001 - as every handler of `logging`: said on the error output, and one goes on
            self.handleError(records[-1])

    def _begin(self) -> None:
        self.acquire()
        try:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_often, name="access-log", daemon=False)
                self._thread.start()
        finally:
            self.release()

    def _write_often(self) -> None:
        # Not a daemon: the process waits for it, and what came last is written. The server's worker ends without
        # `logging.shutdown`, as every process of `multiprocessing` does.
        while threading.main_thread().is_alive():
            time.sleep(WRITTEN_EVERY_S)
            self.flush()


def _created(record: logging.LogRecord) -> bool:
    """Tell whether a request created something, as payments do: it had its turn with the writer, or a commit.

    So only who holds a key can send many, and each waits for as long as the books take.
    """
    told = record.args
    return isinstance(told, Mapping) and told.get("status") == HTTPStatus.CREATED


def logging_config() -> dict[str, Any]:
    """Return the server's logging, with the mask on its access log, and payments' lines written aside."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"secrets": {"()": MaskSecrets}}
    config["loggers"]["granian.access"]["filters"] = ["secrets"]
    config["handlers"]["access"]["class"] = f"{__name__}.{PaymentsAside.__name__}"
    return config
