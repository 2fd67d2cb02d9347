"""A server process under attack: the service itself, with the delays or the mutant that a test asked for.

Nothing of this is in the service: delays are listeners on the engine's statements, mutants replace a part of the
running service in this process only.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask
from granian.constants import Interfaces
from granian.server import Server
from sqlalchemy import Engine, event
from werkzeug.serving import WSGIRequestHandler, make_server

from monnaie_locale.app import create_app
from monnaie_locale.commands.serving import BLOCKING_THREADS
from monnaie_locale.journal.sealer import BackgroundSealer
from monnaie_locale.runtime import open_home
from tests.factories.merchants import NOW
from tests.torture.server_mutants import MUTANTS
from wallets.paying import card_use

SETTINGS_VARIABLE = "TORTURE_SETTINGS"
# How balances are read before a payment: a table, or the function that reads them under the lock.
READS = ("balances", "ledger_open_batch")
# Where a charge can be made to wait.
AFTER_READ, BEFORE_WRITE, BEFORE_COMMIT = "after read", "before write", "before commit"
HOOKS = (AFTER_READ, BEFORE_WRITE, BEFORE_COMMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server process is told."""

    home: str
    database_url: str
    began_s: float
    hook: str = ""
    delay_ms: int = 0
    mutant: str = ""
    seed: int = 0

    def to_json(self) -> str:
        """Return the settings as one line."""
        return json.dumps(asdict(self))


def serve(settings: Settings, told: Callable[[dict[str, object]], None]) -> None:
    """Serve on a free port until killed; `told` learns the port, or why there is none."""
    try:
        server = make_server("127.0.0.1", 0, build(settings), threaded=True, request_handler=_Silent)
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever started us must hear of it
        told({"pid": os.getpid(), "error": repr(error)})
        return
    told({"pid": os.getpid(), "port": server.port})
    server.serve_forever()


def serve_as_in_production(port: int) -> None:
    """Serve with granian, as `monnaie_locale.commands.serving` does; the settings are in the environment."""
    Server(
        f"{__name__}:application",
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        websockets=False,
        log_enabled=False,
    ).serve()


def application() -> Flask:
    """Return the application that granian's worker serves."""
    return build(Settings(**json.loads(os.environ[SETTINGS_VARIABLE])))


def build(settings: Settings) -> Flask:
    """Return the service on the town's database, with what the settings add to it."""
    rt = open_home(Path(settings.home), base_url="http://127.0.0.1", database_url=settings.database_url)
    rt.clock = lambda: NOW + timedelta(seconds=time.time() - settings.began_s)
    _pay_without_pin()
    if settings.hook:
        delay(rt.engine, settings.hook, delay_ms=settings.delay_ms, chance=random.Random(settings.seed))
    if settings.mutant:
        MUTANTS[settings.mutant](rt)
    app = create_app(rt)
    BackgroundSealer(rt.engine, territory_id=rt.territory_id, sign=rt.keyring.sign, clock_ms=rt.now_ms)
    return app


def delay(engine: Engine, hook: str, *, delay_ms: int, chance: random.Random) -> None:
    """Make every transaction wait up to `delay_ms` at one spot, where a race has its window."""

    def wait() -> None:
        time.sleep(chance.random() * delay_ms / 1000)

    def after(_db, _cursor, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith("SELECT") and any(word in statement for word in READS):
            wait()

    def before(_db, _cursor, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO transfers"):
            wait()

    if hook == AFTER_READ:
        event.listen(engine, "after_cursor_execute", after)
    elif hook == BEFORE_WRITE:
        event.listen(engine, "before_cursor_execute", before)
    elif hook == BEFORE_COMMIT:
        event.listen(engine, "commit", lambda _db: wait())
    else:
        raise ValueError(hook)


def _pay_without_pin() -> None:
    """Let one card pay thousands of times: the limits without PIN are tested elsewhere, and argon2 is slow."""
    card_use.Unpinned.needs_pin = lambda _self, *, amount_cents: False
    card_use.CardUses.accept = lambda _self, _companion, _posted: None


class _Silent(WSGIRequestHandler):
    """Write no access log."""

    def log(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    serve_as_in_production(int(sys.argv[1]))
