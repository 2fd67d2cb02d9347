"""An acknowledged commit is on the disk: the settings that make it so, on both databases, and what is refused."""

import pysqlite3.dbapi2
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import CommitInDoubt, reading, transact

WARN = "DO $$ BEGIN RAISE WARNING '{}'; END $$"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_sqlite_waits_for_the_disk_and_checks_foreign_keys(db_engine: Engine) -> None:
    with db_engine.connect() as db:
        settings = {
            name: db.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }

    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}


def test_a_sqlite_that_can_corrupt_itself_is_not_opened(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'books.sqlite'}"
    open_engine(url).dispose()
    monkeypatch.setattr(pysqlite3.dbapi2, "sqlite_version_info", (3, 51, 2))

    with pytest.raises(RuntimeError, match="too old"):
        open_engine(url)


def test_a_statement_that_fails_says_nothing_of_the_values_it_was_given(db_engine: Engine) -> None:
    with db_engine.connect() as db, pytest.raises(DBAPIError) as failed:
        db.execute(text("INSERT INTO nowhere VALUES (:code)"), {"code": "9K3TWQ"})
    assert "INSERT INTO nowhere" in str(failed.value)
    assert "9K3TWQ" not in str(failed.value)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("server", "ours"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
def test_postgresql_waits_for_the_disk_whatever_the_server_says(db_engine: Engine, server: str, ours: str) -> None:
    transact(
        db_engine,
        lambda db: db.execute(text(f"ALTER DATABASE {db.engine.url.database} SET synchronous_commit = {server}")),
    )
    url = db_engine.url.render_as_string(hide_password=False)
    engine = open_engine(url, pool_size=1)

    with engine.connect() as db:
        assert db.exec_driver_sql("SHOW synchronous_commit").scalar() == ours
    engine.dispose()


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_commit_whose_standby_did_not_answer_is_in_doubt(db_engine: Engine) -> None:
    said = "canceling wait for synchronous replication due to user request"

    with pytest.raises(CommitInDoubt):
        transact(db_engine, lambda db: db.exec_driver_sql(WARN.format(said)))
    transact(db_engine, lambda db: db.exec_driver_sql(WARN.format("something else")))


def test_whoever_reads_cannot_write_and_the_next_user_of_the_connection_can(db_engine: Engine) -> None:
    url = db_engine.url.render_as_string(hide_password=False)
    engine = open_engine(url, pool_size=1)
    write = "INSERT INTO closed_periods VALUES (9, '2026-01-31', '2026-01-01', 1, 0)"

    if engine.dialect.name == "postgresql":
        with pytest.raises(DBAPIError, match="read-only"), reading(engine) as db:
            db.exec_driver_sql(write)
    else:
        with reading(engine) as db:
            db.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            db.exec_driver_sql(write)
        with reading(engine) as db:
            assert db.exec_driver_sql("SELECT count(*) FROM closed_periods").scalar() == 0
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
        transact(engine, lambda db: db.exec_driver_sql(write))
    engine.dispose()
