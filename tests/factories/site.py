"""A small site on a real database: Ville-Exemple, a clock the test holds, and people of every role."""

import datetime
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Blueprint, Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from monnaie_locale.database.transaction import transact
from monnaie_locale.identity import operations, totp
from monnaie_locale.identity.model import NewCredentials
from monnaie_locale.identity.pages import site
from monnaie_locale.identity.roles import Role
from monnaie_locale.journal.directory import create_territory
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.runtime import Runtime
from tests.factories.ledger import TERRITORY_ID, territory

START = datetime.datetime(2026, 10, 5, 8, 0, tzinfo=datetime.UTC)
CSRF = re.compile(r'<meta name="csrf-token" content="([0-9a-f]+)">')


@dataclass
class Clock:
    """A clock that moves when the test says so."""

    now: datetime.datetime = START

    def __call__(self) -> datetime.datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += datetime.timedelta(**span)


@dataclass
class Site:
    """The application, its clock, and what the tests do over and over."""

    app: Flask
    rt: Runtime
    clock: Clock
    logins: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    def staff(self, *roles: Role, name: str = "Camille Exemple") -> NewCredentials:
        """Create a staff member."""
        return transact(
            self.rt.engine,
            operations.create_staff,
            territory_id=TERRITORY_ID,
            login=f"agent{next(self.logins)}",
            name=name,
            roles=roles,
            keyring=self.rt.keyring,
            actor="job:test",
            now=self.clock(),
            random_bytes=self.rt.random_bytes,
        )

    def code(self, person: NewCredentials) -> str:
        """Return the six digits that the person's phone shows now."""
        return totp.code_at(secret=person.totp_secret, step=instant_ms(self.clock()) // 1000 // totp.STEP_S)

    def sign_in(self, client: FlaskClient, person: NewCredentials, **changes: str) -> TestResponse:
        """Fill in the sign-in form as the person would, except for `changes`."""
        typed = {"login": person.login, "password": person.password, "code": self.code(person)}
        return client.post("/connexion", data=typed | changes)

    def client_of(self, *roles: Role) -> FlaskClient:
        """Return a browser in which somebody of these roles has signed in."""
        client = self.app.test_client()
        response = self.sign_in(client, self.staff(*roles))
        assert response.status_code == 303, response.text
        return client


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve the application on a free port of this machine; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def csrf_token(client: FlaskClient, path: str = "/personnel") -> str:
    """Return the token in the pages of the browser's session."""
    found = CSRF.search(client.get(path).text)
    assert found, path
    return found[1]


def build_site(
    engine: Engine, *, blueprints: tuple[Blueprint, ...] = (), init: Callable[[Flask], None] | None = None,
    base_url: str = "http://localhost",
) -> Site:  # fmt: skip
    """Return a site on `engine`, which holds the schema and nothing else."""
    clock = Clock()
    rt = Runtime(
        engine=engine, keyring=Keyring.generate(), territory_id=TERRITORY_ID, base_url=base_url, clock=clock
    )  # fmt: skip
    transact(engine, create_territory, territory=territory(), now_ms=instant_ms(clock()))
    app = Flask("site", static_folder=None)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    # A test says itself when a close is to outlast the page.
    app.config["CLOSE_PATIENCE_SECONDS"] = 600
    site.init_app(app, rt, territory=territory())
    if init is not None:
        init(app)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return Site(app=app, rt=rt, clock=clock)
