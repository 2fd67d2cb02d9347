"""Statements sent ahead and the commit behind them: nothing is done before all is answered, nothing is hushed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.driver import execute, sent_ahead
from monnaie_locale.database.transaction import CommitInDoubt, StandingConnection, reading

POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, of_id INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED)"


@pytest.fixture
def standing(db_engine: Engine) -> Iterator[StandingConnection]:
    with db_engine.begin() as db:
        db.execute(text(TABLE))
    connection = StandingConnection(db_engine)
    yield connection
    connection.close()


def _note(db: Connection, *numbers: object) -> None:
    """Write notes, the last thing that the transaction does."""
    with sent_ahead(db, until_commit=True):
        for number in numbers:
            execute(db, f"INSERT INTO notes VALUES ({number}, NULL)")


def _noted(engine: Engine) -> list[int]:
    with reading(engine) as db:
        return list(db.scalars(text("SELECT id FROM notes ORDER BY id")))


def test_what_is_sent_with_the_commit_is_there_for_others_when_the_transaction_returns(
    db_engine: Engine, standing: StandingConnection
) -> None:
    for number in range(3):
        standing.transact(_note, 2 * number, 2 * number + 1)
        assert _noted(db_engine) == list(range(2 * number + 2))


def test_what_breaks_among_them_is_raised_and_takes_the_others_back(
    db_engine: Engine, standing: StandingConnection
) -> None:
    with pytest.raises(DBAPIError):
        standing.transact(_note, 1, "'not a number'", 2)
    assert _noted(db_engine) == []
    # The control: the same connection goes on.
    standing.transact(_note, 1, 2)
    assert _noted(db_engine) == [1, 2]


def test_what_the_commit_itself_refuses_is_raised(db_engine: Engine, standing: StandingConnection) -> None:
    def _of_nobody(db: Connection) -> None:
        with sent_ahead(db, until_commit=True):
            execute(db, "INSERT INTO notes VALUES (1, 99)")

    with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
        standing.transact(_of_nobody)
    assert _noted(db_engine) == []


def test_what_the_operation_raises_after_it_sent_is_what_is_raised(
    db_engine: Engine, standing: StandingConnection
) -> None:
    def _changes_its_mind(db: Connection) -> None:
        _note(db, 1)
        raise LookupError

    with pytest.raises(LookupError):
        standing.transact(_changes_its_mind)
    assert _noted(db_engine) == []


@pytest.mark.parametrize("goes_with_the_commit", [False, True])
def test_a_block_inside_another_is_refused_at_once_and_the_connection_goes_on(
    db_engine: Engine, standing: StandingConnection, *, goes_with_the_commit: bool
) -> None:
    def _nests(db: Connection) -> None:
        with sent_ahead(db, until_commit=goes_with_the_commit):
            execute(db, "INSERT INTO notes VALUES (1, NULL)")
            _note(db, 2)

    with pytest.raises(RuntimeError, match="sent_ahead inside sent_ahead"):
        standing.transact(_nests)
    assert _noted(db_engine) == []
    # The control: one after the other, on the same connection, is what it is for.
    standing.transact(_one_after_the_other)
    assert _noted(db_engine) == [1, 2, 3]


def test_nothing_follows_the_block_that_goes_with_the_commit(db_engine: Engine, standing: StandingConnection) -> None:
    def _goes_on(db: Connection) -> None:
        _note(db, 1)
        _note(db, 2)

    with pytest.raises(RuntimeError, match="after the one that goes with the commit"):
        standing.transact(_goes_on)
    assert _noted(db_engine) == []


def _one_after_the_other(db: Connection) -> None:
    for number in (1, 2):
        with sent_ahead(db):
            execute(db, f"INSERT INTO notes VALUES ({number}, NULL)")
    _note(db, 3)


@POSTGRESQL
def test_a_commit_that_the_server_answers_with_a_rollback_is_in_doubt(
    db_engine: Engine, standing: StandingConnection
) -> None:
    """A statement failed and somebody kept silent about it: the server has undone all, and says so by one word."""

    def _hushes(db: Connection) -> None:
        try:
            execute(db, "SELECT 1 / 0")
        except DBAPIError:
            with sent_ahead(db, until_commit=True):
                pass

    with pytest.raises(CommitInDoubt):
        standing.transact(_hushes)
    standing.transact(_note, 1)
    assert _noted(db_engine) == [1]
