"""`monnaie-locale upgrade`, and `serve` before it: a program meets only books of its own schema."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.commands.upgrading import bring_up_to_date
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import downgrade, known_revisions, revision_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.runtime import DATABASE_FILE
from tests.factories.backed_up import demo_home_fixture, home_fixture, typed  # noqa: F401 - fixtures of these tests

OLDER = "0031"
NEWEST = known_revisions()[0]


@pytest.fixture
def old_home(home):
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    downgrade(engine, revision=OLDER)
    engine.dispose()
    return home


def test_older_books_are_not_served_and_the_sentence_says_what_to_do(old_home):
    answer = typed("serve", "--home", old_home)
    assert answer.exit_code == 2
    for said in (f"schéma {OLDER}", f"il faut {NEWEST}", "monnaie-locale backup", "monnaie-locale upgrade"):
        assert said in answer.output


def test_upgraded_once_they_verify_and_a_second_time_there_is_nothing_to_do(old_home):
    answer = typed("upgrade", "--home", old_home)
    assert (answer.exit_code, answer.stdout) == (0, f"Les comptes sont passés du schéma {OLDER} au schéma {NEWEST}.\n")
    assert typed("verify", "--home", old_home).exit_code == 0
    assert typed("upgrade", "--home", old_home).stdout == f"Rien à faire : les comptes sont au schéma {NEWEST}.\n"


def test_two_people_may_upgrade_at_once(db_engine: Engine):
    downgrade(db_engine, revision=OLDER)
    start = threading.Barrier(2)

    def once(_person: int) -> str | None:
        start.wait()
        return bring_up_to_date(db_engine)

    with ThreadPoolExecutor(2) as people:
        assert set(people.map(once, range(2))) <= {OLDER, None}
    with reading(db_engine) as db:
        assert revision_of(db) == NEWEST


@pytest.mark.parametrize("command", ["serve", "upgrade"])
def test_books_of_a_newer_program_are_left_alone(home, command):
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    with engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    answer = typed(command, "--home", home)
    assert answer.exit_code == 2
    assert "version plus récente du programme" in answer.output
