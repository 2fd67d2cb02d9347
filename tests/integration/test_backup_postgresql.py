"""Backup and restoration of PostgreSQL, by its own pg_dump and pg_restore: what they say, and what is said of them."""

import json
import stat

import pytest
from click.testing import CliRunner

from monnaie_locale.__main__ import main
from monnaie_locale.commands.backup_manifest import MANIFEST_FILE
from monnaie_locale.database import postgresql_dump
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import KEYRING_FILE
from tests.factories.ledger import World, small_world

pytestmark = [pytest.mark.parametrize("dialect", ["postgresql"], indirect=True), pytest.mark.usefixtures("pg_dump")]
PASSWORD = "canary-of-the-database"


def typed(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(answer):
    assert answer.exit_code == 2, answer.output
    return json.loads(answer.stdout)["code"]


@pytest.fixture
def home(db_engine, tmp_path):
    """Give the folder of an installation whose books are on a server: it holds the keys."""
    folder = tmp_path / "instance"
    folder.mkdir()
    Keyring.generate().save(folder / KEYRING_FILE)
    small_world(db_engine)
    return folder


@pytest.fixture
def backed_up(db_engine, home, tmp_path):
    """Give a function that backs the books up, and the folder."""

    def back_up(url=db_engine.url):
        address = url.render_as_string(hide_password=False)
        return typed("backup", tmp_path / "backups", "--home", home, "--database-url", address, "--json")

    return back_up, tmp_path / "backups"


@pytest.fixture
def target(databases):
    """Give the address of a database without any table."""
    url = databases.empty()
    yield url.render_as_string(hide_password=False)
    databases.drop(url)


@pytest.fixture
def restored(home, tmp_path):
    """Give a function that restores a folder."""

    def restore(folder, *words):
        into = ("--into", tmp_path / "new", "--keyring", home / KEYRING_FILE)
        return typed("restore", folder, *into, "--json", *words)

    return restore


def wrap(tmp_path, monkeypatch, tool, script):
    """Put a program of that name first in the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir(exist_ok=True)
    program = folder / tool
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_books_go_to_another_database_and_are_the_same(db_engine, backed_up, restored, target, tmp_path):
    back_up, folder = backed_up
    answer = back_up()
    assert answer.exit_code == 0, answer.output
    manifest = json.loads(answer.stdout)["manifest"]
    assert (manifest["database"], manifest["verified"], manifest["last_entry"]) == ("postgresql", "full", 3)
    answer = restored(folder, "--database-url", target)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["verdict"]["ok"], told["last_entry"]) == (True, 3)
    engine = open_engine(target)
    leaves = []
    for each in (db_engine, engine):
        with reading(each) as db:
            leaves.append(db.exec_driver_sql("SELECT id, leaf_hash FROM journal_entries ORDER BY id").all())
    engine.dispose()
    assert leaves[0] == leaves[1]
    # The guards came along.
    answer = typed("verify", "--home", tmp_path / "new", "--database-url", target)
    assert answer.exit_code == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == [KEYRING_FILE]


def test_the_password_is_on_no_command_line(db_engine, backed_up, tmp_path, monkeypatch):
    back_up, _ = backed_up
    real = postgresql_dump.shutil.which("pg_dump")
    wrap(tmp_path, monkeypatch, "pg_dump", f'echo "$@" >> {tmp_path}/words; env >> {tmp_path}/env; exec {real} "$@"')
    url = db_engine.url if db_engine.url.password else db_engine.url.set(password=PASSWORD)
    answer = back_up(url)
    assert answer.exit_code == 0, answer.output
    assert "--format=custom" in (tmp_path / "words").read_text()
    assert url.password not in (tmp_path / "words").read_text()
    assert url.password not in answer.output
    assert f"PGPASSWORD={url.password}" in (tmp_path / "env").read_text()


def test_without_pg_dump_one_is_told_what_to_install(backed_up, monkeypatch, tmp_path):
    back_up, folder = backed_up
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = back_up()
    assert refused(answer) == "database_tool_missing"
    assert "postgresql-client" in json.loads(answer.stdout)["french"]
    assert list(folder.iterdir()) == []


def test_a_pg_dump_older_than_the_server_is_refused_before_it_begins(backed_up, monkeypatch, tmp_path):
    back_up, folder = backed_up
    wrap(tmp_path, monkeypatch, "pg_dump", "echo 'pg_dump (PostgreSQL) 9.6.24'")
    assert refused(back_up()) == "database_tool_too_old"
    assert list(folder.iterdir()) == []


def test_a_pg_dump_that_fails_is_quoted_and_nothing_is_left(backed_up, monkeypatch, tmp_path):
    back_up, folder = backed_up
    script = 'case "$1" in --version) echo "pg_dump (PostgreSQL) 99.1";; *) echo "no space" >&2; exit 1;; esac'
    wrap(tmp_path, monkeypatch, "pg_dump", script)
    answer = back_up()
    assert refused(answer) == "database_tool_failed"
    assert "no space" in json.loads(answer.stdout)["french"]
    assert list(folder.iterdir()) == []


def test_a_dump_of_another_moment_than_the_one_verified_is_refused(db_engine, backed_up, restored, target, monkeypatch):
    """Negative control: without its snapshot, the dump would be of books that nobody verified."""
    back_up, folder = backed_up
    real = postgresql_dump._run

    def late(tool, *words, environment):
        if tool == postgresql_dump.DUMP:
            small = [word for word in words if not word.startswith("--snapshot")]
            # A till charges between the snapshot and the dump.
            World(db_engine, keys=100).charge(7, 3, 100)
            return real(tool, *small, environment=environment)
        return real(tool, *words, environment=environment)

    monkeypatch.setattr(postgresql_dump, "_run", late)
    assert back_up().exit_code == 0
    assert refused(restored(folder, "--database-url", target)) == "copy_head_differs"


def test_a_database_that_holds_tables_is_left_alone(db_engine, backed_up, restored, tmp_path):
    back_up, folder = backed_up
    assert back_up().exit_code == 0
    url = db_engine.url.render_as_string(hide_password=False)
    assert refused(restored(folder, "--database-url", url)) == "database_not_empty"
    assert not (tmp_path / "new").exists()


def test_a_flipped_byte_is_refused_before_the_database_is_touched(backed_up, restored, target):
    back_up, folder = backed_up
    assert back_up().exit_code == 0
    (copy,) = folder.glob("*/*.pgdump")
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    assert refused(restored(folder, "--database-url", target)) == "copy_altered"
    engine = open_engine(target)
    with reading(engine) as db:
        assert postgresql_dump.is_empty(db)
    engine.dispose()


def test_a_backup_of_postgresql_does_not_become_a_file(backed_up, restored):
    back_up, folder = backed_up
    assert back_up().exit_code == 0
    assert refused(restored(folder)) == "backup_of_another_database"
    assert (next(folder.iterdir()) / MANIFEST_FILE).exists()
