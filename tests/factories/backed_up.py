"""A demonstration that was backed up, its keys apart: commands as they are typed, and fixtures for who imports them."""

import json
import shutil

import pytest
from click.testing import CliRunner

from monnaie_locale.__main__ import main
from monnaie_locale.commands.backup_manifest import MANIFEST_FILE
from monnaie_locale.runtime import KEYRING_FILE
from tests.factories import demo as small


def typed(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(answer):
    """Return the code that a command refused with."""
    assert answer.exit_code == 2, answer.output
    return json.loads(answer.stdout)["code"]


@pytest.fixture(scope="module", name="demo_home")
def demo_home_fixture(tmp_path_factory):
    return small.small_demo(tmp_path_factory.mktemp("backed-up") / "out").home


@pytest.fixture(name="home")
def home_fixture(demo_home, tmp_path):
    copy = tmp_path / "instance"
    shutil.copytree(demo_home, copy)
    return copy


@pytest.fixture(name="keys")
def keys_fixture(demo_home, tmp_path):
    """Give the keys, kept apart."""
    place = tmp_path / "safe"
    place.mkdir()
    shutil.copy(demo_home / KEYRING_FILE, place / "keys.json")
    return place / "keys.json"


@pytest.fixture(scope="module", name="one_backup")
def one_backup_fixture(demo_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "backups"
    answer = typed("backup", folder, "--home", demo_home)
    assert answer.exit_code == 0, answer.output
    return folder


@pytest.fixture(name="backups")
def backups_fixture(one_backup, tmp_path):
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
