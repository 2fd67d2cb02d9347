"""`monnaie-locale backup` and `restore`, as an administrator types them, and everything that can be done wrong."""

import json
import re
import shutil
import stat

import pysqlite3.dbapi2 as sqlite3
import pytest
from click.testing import CliRunner

from monnaie_locale.__main__ import main
from monnaie_locale.commands import backing_up
from monnaie_locale.commands.backup_manifest import MANIFEST_FILE, PART
from monnaie_locale.database import sqlite_copy
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import downgrade
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE
from tests.factories import demo as small
from tests.factories.vandal import run, take_the_guards_down

SECRETS = ("pepper", "sealing_keys", "signing_key")


def typed(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(answer):
    """Return the code that a command refused with."""
    assert answer.exit_code == 2, answer.output
    return json.loads(answer.stdout)["code"]


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory):
    return small.small_demo(tmp_path_factory.mktemp("backed-up") / "out").home


@pytest.fixture
def home(demo_home, tmp_path):
    copy = tmp_path / "instance"
    shutil.copytree(demo_home, copy)
    return copy


@pytest.fixture
def keys(demo_home, tmp_path):
    """Give the keys, kept apart."""
    place = tmp_path / "safe"
    place.mkdir()
    shutil.copy(demo_home / KEYRING_FILE, place / "keys.json")
    return place / "keys.json"


@pytest.fixture(scope="module")
def one_backup(demo_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "backups"
    answer = typed("backup", folder, "--home", demo_home)
    assert answer.exit_code == 0, answer.output
    return folder


@pytest.fixture
def backups(one_backup, tmp_path):
    """Give a folder that holds one backup: each test damages its own."""
    folder = tmp_path / "backups"
    shutil.copytree(one_backup, folder)
    return folder


def the_backup(folder):
    (found,) = folder.iterdir()
    return found


def the_copy(folder):
    (found,) = the_backup(folder).glob("*.sqlite")
    return found


def restored(folder, tmp_path, keys, *more):
    return typed("restore", folder, "--into", tmp_path / "new", "--keyring", keys, "--json", *more)


def change_manifest(folder, **changes):
    path = the_backup(folder) / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_backup_says_in_french_what_it_is_where_it_is_and_that_the_keys_are_not_in_it(home, tmp_path):
    answer = typed("backup", tmp_path / "backups", "--home", home)
    done = the_backup(tmp_path / "backups")
    assert re.fullmatch(r"VILLEEX-\d{8}T\d{6}\.\d{3}Z", done.name)
    assert f"Sauvegarde terminée : {done}" in answer.stdout
    assert "Aucune anomalie" in answer.stdout
    assert "Les clés (keyring.json) n’y sont pas" in answer.stdout
    assert "même disque" in answer.stdout


def test_only_its_owner_reads_a_backup_and_no_key_is_in_it(home, backups):
    stored = json.loads((home / KEYRING_FILE).read_text())
    secrets = [word for name in SECRETS for word in ([stored[name]] if isinstance(stored[name], str) else stored[name])]
    for path in the_backup(backups).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not any(secret.encode() in path.read_bytes() for secret in secrets)
    assert stat.S_IMODE(the_backup(backups).stat().st_mode) == 0o700


def test_the_manifest_describes_the_copy(backups):
    manifest = json.loads((the_backup(backups) / MANIFEST_FILE).read_text())
    db = sqlite3.connect(f"file:{the_copy(backups)}?mode=ro&immutable=1", uri=True)
    (last,) = db.execute("SELECT MAX(id) FROM journal_entries").fetchone()
    size, root = db.execute("SELECT size, root FROM log_heads ORDER BY size DESC LIMIT 1").fetchone()
    db.close()
    # Everything was sealed before it was copied.
    assert manifest["last_entry"] == manifest["head"]["size"] == size == last
    assert manifest["head"]["root"] == root.hex()
    assert manifest["size_bytes"] == the_copy(backups).stat().st_size
    assert (manifest["territory_code"], manifest["verified"], manifest["findings"]) == ("VILLEEX", "full", [])


def test_a_copy_opens_alone_and_reading_it_leaves_nothing_beside(backups):
    before = sorted(path.name for path in the_backup(backups).iterdir())
    db = sqlite3.connect(str(the_copy(backups)))
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert db.execute("SELECT COUNT(*) FROM journal_entries").fetchone()[0] > 0
    db.close()
    assert sorted(path.name for path in the_backup(backups).iterdir()) == before


def test_what_is_restored_is_the_same_books_and_says_what_is_lost(home, backups, keys, tmp_path):
    answer = typed("restore", backups, "--into", tmp_path / "new", "--keyring", keys)
    assert answer.exit_code == 0, answer.output
    assert "Propre" in answer.stdout
    assert re.search(r"Tout ce qui a été confirmé après l’écriture n° \d+ est perdu", answer.stdout)
    assert "--head TAILLE:RACINE" in answer.stdout
    size, root = re.search(r"Empreinte de cette sauvegarde : (\d+):([0-9a-f]{64})", answer.stdout).groups()
    assert typed("verify", "--home", tmp_path / "new", "--head", f"{size}:{root}").exit_code == 0
    rows = [
        open_engine(f"sqlite:///{folder / DATABASE_FILE}").connect().exec_driver_sql(
            "SELECT id, leaf_hash FROM journal_entries ORDER BY id"
        ).all()
        for folder in (home, tmp_path / "new")
    ]  # fmt: skip
    assert rows[0] == rows[1]
    assert stat.S_IMODE((tmp_path / "new" / KEYRING_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / DATABASE_FILE).stat().st_mode) == 0o600


def test_a_restored_installation_is_backed_up_again(backups, keys, tmp_path):
    assert restored(backups, tmp_path, keys).exit_code == 0
    answer = typed("backup", tmp_path / "again", "--home", tmp_path / "new", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["ok"] is True


def test_nothing_is_overwritten_and_the_newest_is_restored(home, backups, keys, tmp_path):
    first = the_backup(backups)
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    assert typed("backup", backups, "--home", home).exit_code == 0
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    newest = max(backups.iterdir())
    assert newest != first
    answer = json.loads(restored(backups, tmp_path, keys).stdout)
    assert answer["source"] == str(newest)


def test_a_damaged_newest_backup_is_refused_and_an_older_one_can_be_named(home, backups, keys, tmp_path):
    first = the_backup(backups)
    assert typed("backup", backups, "--home", home).exit_code == 0
    (max(backups.iterdir()) / MANIFEST_FILE).unlink()
    assert refused(restored(backups, tmp_path, keys)) == "manifest_unreadable"
    assert restored(first, tmp_path, keys).exit_code == 0


def test_a_quick_backup_says_what_it_did_not_read(home, tmp_path, keys):
    answer = typed("backup", tmp_path / "backups", "--home", home, "--quick")
    assert "journal signé recalculé" in answer.stdout
    assert "Aucune anomalie" not in answer.stdout
    assert restored(tmp_path / "backups", tmp_path, keys).exit_code == 0


def test_books_with_a_fault_are_copied_all_the_same_and_it_is_said(home, keys, tmp_path):
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    take_the_guards_down(engine)
    run(engine, "UPDATE balances SET credits_cents = credits_cents + 5000 WHERE kind = 3")
    engine.dispose()
    answer = typed("backup", tmp_path / "backups", "--home", home)
    assert answer.exit_code == 1
    assert "balance_differs" in answer.stdout
    answer = restored(tmp_path / "backups", tmp_path, keys)
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["verdict"]["ok"] is False


def test_a_log_that_was_rewritten_is_not_kept_as_a_backup(home, tmp_path):
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    take_the_guards_down(engine)
    run(engine, "UPDATE journal_entries SET leaf_hash = zeroblob(32) WHERE id = 7")
    engine.dispose()
    assert refused(typed("backup", tmp_path / "backups", "--home", home, "--json")) == "copy_faulty"
    assert list((tmp_path / "backups").iterdir()) == []
    # Not even when the entries are not read one by one.
    assert refused(typed("backup", tmp_path / "backups", "--home", home, "--json", "--quick")) == "copy_faulty"


def test_books_of_an_older_schema_are_backed_up_before_the_upgrade_and_upgraded_by_the_restoration(
    home, keys, tmp_path
):
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    downgrade(engine, revision="0031")
    engine.dispose()
    answer = typed("backup", tmp_path / "backups", "--home", home, "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["manifest"]["schema_revision"] == "0031"
    assert restored(tmp_path / "backups", tmp_path, keys).exit_code == 0
    assert typed("verify", "--home", tmp_path / "new").exit_code == 0


# The keys, and the books.


def test_the_keys_are_written_apart_once_and_only_their_owner_reads_them(home, tmp_path):
    safe = tmp_path / "safe"
    safe.mkdir()
    answer = typed("backup", tmp_path / "backups", "--keyring", safe / "keys.json", "--home", home)
    assert answer.exit_code == 0, answer.output
    assert stat.S_IMODE((safe / "keys.json").stat().st_mode) == 0o600
    kept = Keyring.load(safe / "keys.json")
    assert kept.public_key_pem == Keyring.load(home / KEYRING_FILE).public_key_pem
    again = typed("backup", "--keyring", safe / "keys.json", "--home", home)
    assert again.exit_code == 0
    assert "les mêmes" in again.stdout


def test_a_file_that_holds_something_else_is_left_alone(home, tmp_path):
    other = tmp_path / "other.json"
    other.write_text("precious")
    assert refused(typed("backup", "--keyring", other, "--home", home, "--json")) == "keyring_file_taken"
    assert other.read_text() == "precious"


@pytest.mark.parametrize("where", ["backups/keys.json", "backups/below/keys.json", "keys.json"])
def test_the_keys_do_not_go_where_the_books_go(home, tmp_path, where):
    file = tmp_path / where
    file.parent.mkdir(parents=True, exist_ok=True)
    words = ("backup", tmp_path / "backups", "--keyring", file, "--home", home, "--json")
    assert refused(typed(*words)) == "keyring_beside_books"
    assert not file.exists()


def test_the_keys_do_not_go_beside_a_backup_of_yesterday(home, backups):
    for place in (backups, the_backup(backups)):
        words = ("backup", "--keyring", place / "keys.json", "--home", home, "--json")
        assert refused(typed(*words)) == "keyring_beside_books"


def test_the_books_do_not_go_where_the_keys_lie(home, keys, tmp_path):
    assert refused(typed("backup", keys.parent, "--home", home, "--json")) == "keyring_beside_books"
    (tmp_path / "link").symlink_to(home)
    for folder in (home, home / "backups", home.parent, tmp_path / "link" / "backups"):
        assert refused(typed("backup", folder, "--home", home, "--json")) == "backup_beside_keys"


def test_a_command_without_any_place_is_told_what_to_give(home):
    answer = typed("backup", "--home", home)
    assert answer.exit_code == 2
    assert "Donnez le dossier" in answer.output


# What is refused at the restoration.


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
    from_disk = backing_up.Manifest.from_json(path.read_text())
    resigned = backing_up.replace(from_disk, sha256=backing_up.durable.sha256_of(the_copy(backups)))
    signature = Keyring.load(home / KEYRING_FILE).sign(resigned.signed_text()).hex()
    path.write_text(backing_up.replace(resigned, signature=signature).to_json())
    assert refused(restored(backups, tmp_path, keys)) == "copy_head_differs"
    assert not (tmp_path / "new").exists()


def test_an_interrupted_backup_is_said_and_never_restored(home, backups, keys, tmp_path):
    left = backups / f"{the_backup(backups).name}{PART}"
    the_backup(backups).rename(left)
    assert refused(restored(left, tmp_path, keys)) == "backup_interrupted"
    assert refused(restored(backups, tmp_path, keys)) == "backup_missing"
    answer = typed("backup", backups, "--home", home)
    assert f"interrompue, jamais restaurée, à effacer : {left}" in answer.stdout


def test_backups_of_two_towns_are_not_mixed_up(backups, keys, tmp_path):
    other = backups / "AUTRE-20261126T100000.000Z"
    shutil.copytree(the_backup(backups), other)
    assert refused(restored(backups, tmp_path, keys)) == "backups_of_several_towns"


def test_a_backup_of_a_newer_version_is_not_taken(home, backups, keys, tmp_path):
    path = the_backup(backups) / MANIFEST_FILE
    newer = backing_up.replace(backing_up.Manifest.from_json(path.read_text()), schema_revision="9999")
    signature = Keyring.load(home / KEYRING_FILE).sign(newer.signed_text()).hex()
    path.write_text(backing_up.replace(newer, signature=signature).to_json())
    assert refused(restored(backups, tmp_path, keys)) == "schema_unknown"


def test_a_backup_of_sqlite_does_not_go_into_another_database(backups, keys, tmp_path):
    for url in ("postgresql+psycopg://nowhere/books", "sqlite:///other.sqlite"):
        answer = restored(backups, tmp_path, keys, "--database-url", url)
        assert refused(answer) == "backup_of_another_database"


def test_a_copy_that_fails_leaves_nothing_and_is_said(home, tmp_path, monkeypatch):
    def full(_engine, _target):
        raise sqlite_copy.CopyFailed("database or disk is full")

    monkeypatch.setattr(sqlite_copy, "copy_online", full)
    answer = typed("backup", tmp_path / "backups", "--home", home)
    assert answer.exit_code == 1
    assert "La copie a échoué" in answer.output
    assert list((tmp_path / "backups").iterdir()) == []
