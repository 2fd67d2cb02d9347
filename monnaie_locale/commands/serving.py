"""Serve an installation with granian: one process, so that one writer posts for every till."""

import os
from pathlib import Path

from flask import Flask
from granian.constants import Interfaces
from granian.server import Server

from monnaie_locale.app import create_app
from monnaie_locale.commands.access_log import logging_config
from monnaie_locale.commands.schema import refuse_foreign_schema
from monnaie_locale.commands.terminal import DATABASE_VARIABLE, HOME_VARIABLE, french_refusals
from monnaie_locale.identity.audit_log import seal_audit
from monnaie_locale.journal.sealer import BackgroundSealer
from monnaie_locale.runtime import collect_rarely, open_home

# The server's worker is another process: it learns through the environment what to serve.
BASE_URL_VARIABLE = "MONNAIE_LOCALE_BASE_URL"
# Of granian with 16 or 32 threads, waitress and gunicorn, the fastest (bench/servers.json). A charge waits for the
# database twice: with fewer threads than tills that ask at once, batches are smaller and tills wait for a thread.
BLOCKING_THREADS = 32


def serve(*, home: Path, base_url: str, address: str, port: int, database_url: str | None = None) -> None:
    """Serve until the process is told to stop.

    Args:
        home: the folder of the installation.
        base_url: the public address, "https://monnaie.exemple.fr"; cookies are Secure when it begins with https.
        address: what to listen on.
        port: what to listen on.
        database_url: of the database, when it is not the file in the folder.

    """
    os.environ[HOME_VARIABLE] = str(home)
    os.environ[BASE_URL_VARIABLE] = base_url
    if database_url:
        os.environ[DATABASE_VARIABLE] = database_url
    Server(
        f"{__name__}:application",
        factory=True,
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        websockets=False,
        log_access=True,
        log_dictconfig=logging_config(),
    ).serve()


def application() -> Flask:
    """Return the application that a worker serves, and start its sealer."""
    rt = open_home(
        Path(os.environ[HOME_VARIABLE]),
        base_url=os.environ[BASE_URL_VARIABLE],
        database_url=os.environ.get(DATABASE_VARIABLE),
    )
    with french_refusals():
        # The command looked before it made this process: only now, with a connection open, can nobody change it.
        refuse_foreign_schema(rt.engine)
    app = create_app(rt)
    BackgroundSealer(
        rt.engine, territory_id=rt.territory_id, sign=rt.keyring.sign, clock_ms=rt.now_ms, also=(seal_audit,)
    )
    collect_rarely()
    return app
