"""A connection that the server closes: what is raised says so, and whoever kept it goes on with another."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from monnaie_locale.database.driver import execute, sent_ahead
from monnaie_locale.database.transaction import StandingConnection, reading, transact

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
OWN_PROCESS = "SELECT pg_backend_pid()"


@pytest.fixture
def standing(db_engine: Engine) -> Iterator[StandingConnection]:
    with db_engine.begin() as db:
        db.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
    connection = StandingConnection(db_engine)
    yield connection
    connection.close()


def _end(engine: Engine, process: int) -> None:
    """Close a connection at the server, as a restart of it does."""
    with engine.connect() as db:
        db.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})


def _process(db: Connection) -> int:
    return int(execute(db, OWN_PROCESS).fetchall()[0][0])


def _note(db: Connection, number: int) -> None:
    execute(db, f"INSERT INTO notes VALUES ({number})")


def _note_through_sqlalchemy(db: Connection, number: int) -> None:
    db.execute(text("INSERT INTO notes VALUES (:number)"), {"number": number})


def _note_ahead(db: Connection, number: int) -> None:
    with sent_ahead(db):
        _note(db, number)


def _note_with_the_commit(db: Connection, number: int) -> None:
    with sent_ahead(db, until_commit=True):
        _note(db, number)


WRITERS = pytest.mark.parametrize("write", [_note, _note_through_sqlalchemy, _note_ahead, _note_with_the_commit])


@WRITERS
def test_a_standing_connection_lost_between_transactions_is_replaced_unnoticed(
    db_engine: Engine, standing: StandingConnection, write: Callable[[Connection, int], None]
) -> None:
    process = standing.transact(_process)
    _end(db_engine, process)
    standing.transact(write, 1)
    with reading(db_engine) as db:
        assert db.scalars(text("SELECT id FROM notes")).all() == [1]
    assert standing.transact(_process) != process


@WRITERS
def test_a_connection_lost_in_the_middle_is_what_is_raised(
    db_engine: Engine, standing: StandingConnection, write: Callable[[Connection, int], None]
) -> None:
    def _loses(db: Connection) -> None:
        _end(db_engine, _process(db))
        write(db, 1)

    for run in (standing.transact, lambda operation: transact(db_engine, operation)):
        with pytest.raises(OperationalError):
            run(_loses)
    # The control: the engine and the standing connection go on.
    standing.transact(write, 2)
    with reading(db_engine) as db:
        assert db.scalars(text("SELECT id FROM notes")).all() == [2]
