"""`monnaie-locale backup`, as an administrator types it, and what can be done wrong with it."""

import json
import re
import stat

import pysqlite3.dbapi2 as sqlite3
import pytest

from monnaie_locale.commands.backup_manifest import MANIFEST_FILE
from monnaie_locale.database import sqlite_copy
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.migrate import downgrade
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE
from tests.factories.backed_up import (  # noqa: F401 - fixtures of these tests
    backups_fixture,
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

SECRETS = ("pepper", "sealing_keys", "signing_key")


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


def test_a_copy_that_fails_leaves_nothing_and_is_said(home, tmp_path, monkeypatch):
    def full(_engine, _target):
        raise sqlite_copy.CopyFailed("database or disk is full")

    monkeypatch.setattr(sqlite_copy, "copy_online", full)
    answer = typed("backup", tmp_path / "backups", "--home", home)
    assert answer.exit_code == 1
    assert "La copie a échoué" in answer.output
    assert list((tmp_path / "backups").iterdir()) == []
