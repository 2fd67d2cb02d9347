"""`monnaie-locale restore`: what does not agree with its manifest, its keys or an empty folder is refused."""

import shutil
from dataclasses import replace

import pytest

from monnaie_locale.commands import durable, restoring
from monnaie_locale.commands.backup_manifest import MANIFEST_FILE, PART, Manifest
from monnaie_locale.database.engine import open_engine
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE
from tests.factories.backed_up import (  # noqa: F401 - fixtures of these tests
    backups_fixture,
    change_manifest,
    demo_home_fixture,
    home_fixture,
    keys_fixture,
    one_backup_fixture,
    refused,
    restored,
    the_backup,
    the_copy,
    typed,
)
from tests.factories.vandal import run, take_the_guards_down


def test_a_home_that_holds_something_is_left_alone(home, backups, keys, tmp_path):
    before = (home / DATABASE_FILE).read_bytes()
    words = ("restore", backups, "--into", home, "--keyring", keys, "--json")
    assert refused(typed(*words)) == "home_not_empty"
    assert (home / DATABASE_FILE).read_bytes() == before
    (tmp_path / "new").write_text("a file")
    assert refused(restored(backups, tmp_path, keys)) == "home_not_empty"


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.999])
def test_one_byte_flipped_in_the_copy_is_refused_and_leaves_nothing(backups, keys, tmp_path, part):
    content = bytearray(the_copy(backups).read_bytes())
    content[int(len(content) * part)] ^= 1
    the_copy(backups).write_bytes(content)
    assert refused(restored(backups, tmp_path, keys)) == "copy_altered"
    assert not (tmp_path / "new").exists()
    # A folder that was there stays, empty, so that the same command can be typed again.
    (tmp_path / "new").mkdir()
    assert refused(restored(backups, tmp_path, keys)) == "copy_altered"
    assert list((tmp_path / "new").iterdir()) == []


def test_a_copy_cut_short_or_gone_is_refused(backups, keys, tmp_path):
    content = the_copy(backups).read_bytes()
    the_copy(backups).write_bytes(content[:-4096])
    assert refused(restored(backups, tmp_path, keys)) == "copy_altered"
    the_copy(backups).unlink()
    assert refused(restored(backups, tmp_path, keys)) == "copy_altered"


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 64},
        {"last_entry": 5},
        {"head": None},
        {"taken_at_ms": 1},
        {"findings": ["balance_differs account 1"]},
        {"signature": "00" * 64},
        {"signature": "not hexadecimal"},
    ],
    ids="-".join,
)
def test_a_manifest_that_somebody_changed_is_refused(backups, keys, tmp_path, change):
    change_manifest(backups, **change)
    assert refused(restored(backups, tmp_path, keys)) == "manifest_altered"


@pytest.mark.parametrize(
    "change",
    [
        {"format": "something else"},
        {"version": 2},
        {"file": "../../etc/passwd"},
        {"last_entry": "5"},
        {"head": {"size": 1}},
        {"unexpected": 1},
        {"database": "oracle"},
    ],
    ids="-".join,
)
def test_a_manifest_that_means_nothing_is_refused(backups, keys, tmp_path, change):
    change_manifest(backups, **change)
    assert refused(restored(backups, tmp_path, keys)) == "manifest_unreadable"


@pytest.mark.parametrize("content", ["", "[]", "{", '"manifest"', "{}"])
def test_a_manifest_that_is_none_is_refused(backups, keys, tmp_path, content):
    (the_backup(backups) / MANIFEST_FILE).write_text(content)
    assert refused(restored(backups, tmp_path, keys)) == "manifest_unreadable"


def test_other_keys_are_refused(backups, tmp_path):
    Keyring.generate().save(tmp_path / "others.json")
    assert refused(restored(backups, tmp_path, tmp_path / "others.json")) == "keyring_of_another"
    (tmp_path / "text.json").write_text("no keys")
    assert refused(restored(backups, tmp_path, tmp_path / "text.json")) == "keyring_unreadable"
    assert refused(restored(backups, tmp_path, tmp_path / "missing.json")) == "keyring_unreadable"
    assert not (tmp_path / "new").exists()


def test_the_books_of_another_day_under_this_manifest_are_refused(home, backups, keys, tmp_path, monkeypatch):
    """Even somebody who could sign a manifest anew cannot pass other books off: the head is recomputed."""
    engine = open_engine(f"sqlite:///{the_copy(backups)}")
    take_the_guards_down(engine)
    run(engine, "UPDATE journal_entries SET leaf_hash = zeroblob(32) WHERE id = 7")
    run(engine, "UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = 7")
    engine.dispose()
    path = the_backup(backups) / MANIFEST_FILE
    from_disk = Manifest.from_json(path.read_text())
    resigned = replace(from_disk, sha256=durable.sha256_of(the_copy(backups)))
    signature = Keyring.load(home / KEYRING_FILE).sign(resigned.signed_text()).hex()
    path.write_text(replace(resigned, signature=signature).to_json())
    assert refused(restored(backups, tmp_path, keys)) == "copy_head_differs"
    assert not (tmp_path / "new").exists()


def test_an_interrupted_backup_is_said_and_never_restored(home, backups, keys, tmp_path):
    left = backups / f"{the_backup(backups).name}{PART}"
    the_backup(backups).rename(left)
    assert refused(restored(left, tmp_path, keys)) == "backup_interrupted"
    assert refused(restored(backups, tmp_path, keys)) == "backup_missing"
    answer = typed("backup", backups, "--home", home)
    assert f"a été interrompue et ne se restaure pas : {left}" in answer.stdout


def test_half_a_restoration_is_no_installation(backups, keys, tmp_path):
    """A restoration killed before the keys are there: nothing opens it, nothing is restored over it."""
    (tmp_path / "new").mkdir()
    shutil.copy(the_copy(backups), tmp_path / "new" / DATABASE_FILE)
    assert "pas d’installation" in typed("verify", "--home", tmp_path / "new").output
    assert refused(restored(backups, tmp_path, keys)) == "home_not_empty"


def test_a_restoration_that_is_given_up_leaves_nothing(backups, keys, tmp_path, monkeypatch):
    def given_up(*_arguments, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "verify_installation", given_up)
    assert restored(backups, tmp_path, keys).exit_code != 0
    assert not (tmp_path / "new").exists()


def test_backups_of_two_towns_are_not_mixed_up(backups, keys, tmp_path):
    other = backups / "AUTRE-20261126T100000.000Z"
    shutil.copytree(the_backup(backups), other)
    assert refused(restored(backups, tmp_path, keys)) == "backups_of_several_towns"


def test_a_backup_of_a_newer_version_is_not_taken(home, backups, keys, tmp_path):
    path = the_backup(backups) / MANIFEST_FILE
    newer = replace(Manifest.from_json(path.read_text()), schema_revision="9999")
    signature = Keyring.load(home / KEYRING_FILE).sign(newer.signed_text()).hex()
    path.write_text(replace(newer, signature=signature).to_json())
    assert refused(restored(backups, tmp_path, keys)) == "schema_unknown"


def test_a_backup_of_sqlite_does_not_go_into_another_database(backups, keys, tmp_path):
    for url in ("postgresql+psycopg://nowhere/books", "sqlite:///other.sqlite"):
        answer = restored(backups, tmp_path, keys, "--database-url", url)
        assert refused(answer) == "backup_of_another_database"
