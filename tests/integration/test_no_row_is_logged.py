"""What PostgreSQL tells of a refused row reaches neither the log of the service nor the screen of a command."""

import traceback

import psycopg
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from monnaie_locale.__main__ import main
from monnaie_locale.database.driver import execute, sent_ahead
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.keys import key_digest
from monnaie_locale.runtime import KEYRING_FILE
from tests.factories.market import HOST, Market
from tests.factories.site import Site
from wallets.codes.card_token import card_url

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
CANARY = "canari4711"
# Rules that nobody knows of: what breaks them is a fault of ours, which is what goes to the log.
ONE_CHARGE = "CREATE UNIQUE INDEX unforeseen ON journal_entries (reference) WHERE reference LIKE 'CARD:%'"
CHECK = "ALTER TABLE journal_entries ADD CONSTRAINT unforeseen CHECK (kind < 0) NOT VALID"
NO_STAFF = "ALTER TABLE staff ADD CONSTRAINT unforeseen CHECK (id < 0) NOT VALID"
ONE_ROLE = "CREATE UNIQUE INDEX unforeseen ON staff_roles (role)"


def rule(engine: Engine, statement: str) -> None:
    with engine.begin() as db:
        db.execute(text(statement))


def charge(client: FlaskClient, market: Market, key: str, once: str) -> int:
    body = {"card": card_url(host=HOST, token=market.card.token), "amount_cents": 1_000}
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
    return client.post("/api/v1/charges", json=body, headers=headers).status_code


def told(error: BaseException | None) -> str:
    """Return what the server said of the row, from the driver's error among the causes."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__
    assert error is not None
    return error.diag.message_detail or ""


@pytest.mark.parametrize(
    ("statement", "canary", "named"),
    [
        (ONE_CHARGE, "CARD:1", "UniqueViolation"),
        (CHECK, "", "CheckViolation"),
    ],
)
def test_a_refused_posting_is_logged_without_its_row(
    site: Site, market: Market, key: str, caplog: pytest.LogCaptureFixture, *, statement: str, canary: str, named: str
):
    client = site.app.test_client()
    assert charge(client, market, key, "k1") == 201
    rule(site.rt.engine, statement)
    canary = canary or key_digest(caller=market.till.caller, idempotency_key=CANARY).hex()[:40]

    assert charge(client, market, key, CANARY) == 503

    (record,) = [one for one in caplog.records if one.exc_info]
    assert named in caplog.text
    assert "unforeseen" in caplog.text, "the rule is what mends it"
    assert canary in told(record.exc_info[1]), "the control: the row was there to be told"
    assert canary not in caplog.text
    assert "DETAIL" not in caplog.text


def test_a_refused_row_of_a_page_is_logged_without_it(site: Site, caplog: pytest.LogCaptureFixture):
    client = site.client_of(Role.OPERATOR)
    token = client.get("/personnel").text.partition('name="csrf-token" content="')[2].partition('"')[0]
    rule(site.rt.engine, NO_STAFF)

    form = {"login": CANARY, "name": "Dominique Exemple", "roles": Role.AUDITOR.value, "csrf_token": token}
    assert client.post("/personnel", data=form).status_code == 500

    (record,) = [one for one in caplog.records if one.exc_info]
    assert "CheckViolation" in caplog.text
    assert CANARY in told(record.exc_info[1])
    assert CANARY not in caplog.text


@pytest.mark.parametrize(("statement", "names"), [(NO_STAFF, "CheckViolation"), (ONE_ROLE, "UniqueViolation")])
def test_a_command_that_breaks_shows_no_row(site: Site, tmp_path, statement: str, names: str):
    site.rt.keyring.save(tmp_path / KEYRING_FILE)
    url = site.rt.engine.url.render_as_string(hide_password=False)
    words = ["staff", "add", "autre", "--name", "Autre", "--role", Role.AUDITOR.value]
    where = ["--home", str(tmp_path), "--database-url", url]
    assert CliRunner().invoke(main, [*words, *where]).exit_code == 0
    rule(site.rt.engine, statement)

    words[2] = CANARY
    broken = CliRunner().invoke(main, [*words, *where])

    shown = broken.output + "".join(traceback.format_exception(broken.exception))
    assert names in shown
    assert CANARY in told(broken.exception) or Role.AUDITOR.value in told(broken.exception)
    assert CANARY not in shown
    assert told(broken.exception) not in shown


def _by_sqlalchemy(db: Connection) -> None:
    db.execute(text("INSERT INTO notes VALUES (:note)"), {"note": CANARY})


def _by_the_driver(db: Connection) -> None:
    execute(db, "INSERT INTO notes VALUES (%s)", (CANARY,))


def _ahead(db: Connection) -> None:
    with sent_ahead(db):
        _by_the_driver(db)


def _with_the_commit(db: Connection) -> None:
    with sent_ahead(db, until_commit=True):
        _by_the_driver(db)


@pytest.mark.parametrize("write", [_by_sqlalchemy, _by_the_driver, _ahead, _with_the_commit])
@pytest.mark.parametrize("when", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_whichever_way_a_row_goes_its_refusal_names_the_rule_alone(db_engine: Engine, write, when: str):
    """At the statement, or at the commit."""
    rule(db_engine, f"CREATE TABLE notes (note TEXT CONSTRAINT uq_notes UNIQUE {when})")
    transact(db_engine, write)

    with pytest.raises(IntegrityError) as caught:
        transact(db_engine, write)

    shown = "".join(traceback.format_exception(caught.value))
    assert "uq_notes" in shown
    assert CANARY in told(caught.value)
    assert CANARY not in shown
    # The control: the driver alone says it.
    with psycopg.connect(db_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as raw:
        with pytest.raises(psycopg.errors.UniqueViolation, match=CANARY):
            raw.execute("SET CONSTRAINTS ALL IMMEDIATE").connection.execute("INSERT INTO notes VALUES (%s)", (CANARY,))
        raw.rollback()


@pytest.mark.parametrize("is_ours", [False, True])
def test_data_that_is_not_what_a_type_asks_for_is_not_quoted(db_engine: Engine, *, is_ours: bool):
    def _asks(db: Connection) -> None:
        if is_ours:
            execute(db, "SELECT %s::text::bigint", (CANARY,))
        else:
            db.execute(text("SELECT CAST(CAST(:note AS text) AS bigint)"), {"note": CANARY})

    with pytest.raises((DataError, DBAPIError)) as caught:
        transact(db_engine, _asks)

    shown = "".join(traceback.format_exception(caught.value))
    assert "InvalidTextRepresentation" in shown
    assert CANARY not in shown
