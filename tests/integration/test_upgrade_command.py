"""`monnaie-locale upgrade`, and every command before it: a program meets only books of its own schema."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from monnaie_locale.commands.errors import BooksAtWork
from monnaie_locale.commands.serving import BASE_URL_VARIABLE
from monnaie_locale.commands.terminal import DATABASE_VARIABLE, HOME_VARIABLE
from monnaie_locale.commands.upgrading import bring_up_to_date
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.in_use import BooksInUse, alone
from monnaie_locale.database.migrate import downgrade, known_revisions, revision_of
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.directory import create_territory
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE, open_home
from tests.factories.backed_up import demo_home_fixture, home_fixture, typed  # noqa: F401 - fixtures of these tests
from tests.factories.ledger import territory

OLDER = "0031"
NEWEST = known_revisions()[0]


@pytest.fixture
def old_home(home):
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    downgrade(engine, revision=OLDER)
    engine.dispose()
    return home


COMMANDS = (
    ["serve"],
    ["verify"],
    ["prove", "1"],
    ["export", "2026-10"],
    ["export-audit", "export.jsonl"],
    ["staff", "add", "autre", "--name", "Autre", "--role", "auditor"],
    ["distribution", "approve", "1"],
    ["cards", "print", "cards.pdf"],
    ["import-statement", "--folder", "."],
    ["close", "check", "2026-10"],
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_older_books_are_opened_by_no_command_and_the_sentence_says_what_to_do(old_home, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = typed(*words, "--home", old_home)
    assert answer.exit_code == 2, answer.output
    assert not list(tmp_path.glob("*.*")), "no file was begun"
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


@pytest.mark.parametrize("words", [*COMMANDS, ["upgrade"], ["backup", "backups"]], ids=lambda words: words[0])
def test_books_of_a_newer_program_are_left_alone(home, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    with engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    answer = typed(*words, "--home", home)
    assert answer.exit_code == 2
    assert "version plus récente du programme" in answer.output


# What a worker of the server does before it answers anybody.
SERVICE = """
from monnaie_locale.commands.serving import application
application()
print("up", flush=True)
input()
"""


@pytest.fixture
def founded(db_engine: Engine, tmp_path: Path) -> Path:
    """Give the folder of an installation whose books are in the test's database."""
    transact(db_engine, create_territory, territory=territory(), now_ms=0)
    Keyring.generate().save(tmp_path / KEYRING_FILE)
    return tmp_path


@contextmanager
def service(home: Path, engine: Engine) -> Iterator[subprocess.Popen[str]]:
    """Start what serves an installation, in another process, and wait until it is up or has ended."""
    said = {
        HOME_VARIABLE: str(home),
        BASE_URL_VARIABLE: "http://127.0.0.1",
        DATABASE_VARIABLE: engine.url.render_as_string(hide_password=False),
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], env=os.environ | said, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_books_are_not_changed_under_a_service_and_its_death_is_enough(db_engine: Engine, founded: Path):
    with service(founded, db_engine) as process:
        assert process.poll() is None
        assert bring_up_to_date(db_engine) is None, "nothing to do disturbs nobody"
        with pytest.raises(BooksInUse):
            # The way back, for the way up needs a service of an older program.
            downgrade(db_engine, revision=OLDER)
        with reading(db_engine) as db:
            assert revision_of(db) == NEWEST
        process.kill()
        process.wait()
    # The control, and what a kill leaves behind: nothing.
    downgrade(db_engine, revision=OLDER)
    assert bring_up_to_date(db_engine) == OLDER


def test_a_command_at_work_is_waited_for_by_who_upgrades(db_engine: Engine, founded: Path):
    downgrade(db_engine, revision=OLDER)
    rt = open_home(founded, base_url="http://127.0.0.1", database_url=db_engine.url.render_as_string(False))
    with reading(rt.engine), pytest.raises(BooksAtWork):
        bring_up_to_date(db_engine)
    with reading(db_engine) as db:
        assert revision_of(db) == OLDER, "nothing was changed"
    rt.stop()
    assert bring_up_to_date(db_engine) == OLDER


def test_a_service_that_starts_meanwhile_waits_and_then_sees_the_new_books(db_engine: Engine, founded: Path):
    seen: list[str] = []

    def starts() -> None:
        rt = open_home(founded, base_url="http://127.0.0.1", database_url=db_engine.url.render_as_string(False))
        with reading(rt.engine) as db:
            seen.append(revision_of(db))
        rt.stop()

    starting = threading.Thread(target=starts)
    with ExitStack() as until_committed:

        def upgrades(db) -> None:
            until_committed.enter_context(alone(db))
            starting.start()
            time.sleep(0.3)
            assert not seen
            db.execute(text("UPDATE alembic_version SET version_num = 'changed'"))

        transact(db_engine, upgrades)
    starting.join()
    assert seen == ["changed"]


def test_a_worker_that_finds_other_books_than_the_command_did_ends_with_the_sentence(db_engine: Engine, founded: Path):
    downgrade(db_engine, revision=OLDER)
    with service(founded, db_engine) as process:
        _, shown = process.communicate()
    assert process.returncode == 2
    assert f"schéma {OLDER}" in shown
    assert "Traceback" not in shown
