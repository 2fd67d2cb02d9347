"""The command line, as an operator types it: found, hire, import, verify, export, serve; what is wrong is said."""

import contextlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner
from granian.log import access_logger

from monnaie_locale.__main__ import main
from monnaie_locale.commands.access_log import MaskSecrets, mask
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE
from tests.factories import demo as small
from tests.factories.camt import balance_xml, entry_xml, message_xml
from tests.judges.month import judge

IBAN = "FR7630006000011234567890189"
TOWN = {
    "--name": "Ville-Neuve",
    "--code": "VNEUVE",
    "--currency-name": "la Neuve",
    "--host": "monnaie.ville-neuve.test",
    "--issuer-name": "Association de Ville-Neuve",
    "--issuer-siret": "73282932000074",
    "--issuer-street": "Grande Rue",
    "--issuer-building": "1",
    "--issuer-postcode": "64100",
    "--issuer-town": "Ville-Neuve",
    "--reserve-iban": IBAN,
    "--reserve-bic": "AGRIFRPP",
    "--ccas-name": "CCAS de Ville-Neuve",
    "--ccas-phone": "05 00 00 00 00",
    "--operator-login": "exploitation",
    "--operator-name": "Charlie Exemple",
}
GIFT_CENTS = 50_000


def typed(*words):
    """Return what a command answered."""
    return CliRunner().invoke(main, [str(word) for word in words])


def found(home, **changes):
    values = TOWN | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return typed("init", "--home", home, *(word for pair in values.items() for word in pair))


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    home = tmp_path_factory.mktemp("founded") / "instance"
    answer = found(home)
    assert answer.exit_code == 0, answer.output
    return home, answer.output


@pytest.fixture
def home(founded, tmp_path):
    """Give a copy of a new installation: each test changes its own."""
    copy = tmp_path / "instance"
    shutil.copytree(founded[0], copy)
    return copy


@pytest.fixture(scope="module")
def demo_out(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "out"
    small.small_demo(out)
    return out


@pytest.fixture
def statement(tmp_path):
    """Give the statement of an unexpected gift."""
    body = balance_xml("OPBD", 0) + balance_xml("CLBD", GIFT_CENTS) + entry_xml(GIFT_CENTS)
    path = tmp_path / "releve.xml"
    # The commands run on the real clock, and a statement of tomorrow is refused.
    path.write_bytes(message_xml(body, iban=IBAN).replace(b"2026-11-2", b"2026-11-1"))
    return path


def test_an_installation_is_founded_with_keys_that_only_its_owner_reads(founded):
    home, printed = founded
    assert (home / KEYRING_FILE).stat().st_mode & 0o777 == 0o600
    assert (home / DATABASE_FILE).exists()
    assert "Mot de passe" in printed
    assert "ne seront plus affichés" in printed


def test_the_password_shown_is_stored_nowhere(founded):
    home, printed = founded
    password = re.search(r"Mot de passe : (\S+)", printed)[1]
    assert password.encode() not in b"".join(path.read_bytes() for path in home.iterdir())


def test_two_installations_have_different_keys(founded, tmp_path):
    found(tmp_path / "other")
    keys = {Keyring.load(folder / KEYRING_FILE).public_key_pem for folder in (founded[0], tmp_path / "other")}
    assert len(keys) == 2


def test_an_installation_is_never_overwritten(home):
    before = (home / KEYRING_FILE).read_bytes()
    answer = found(home)
    assert answer.exit_code == 1
    assert "déjà une installation" in answer.output
    assert (home / KEYRING_FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer_siret": "73282932000075"}, "SIRET"),
        ({"reserve_iban": "FR7630006000011234567890188"}, "IBAN"),
        ({"code": "Ville Neuve"}, "code du territoire"),
        ({"host": "https://monnaie.ville-neuve.test/"}, "nom d’hôte"),
    ],
)
def test_a_wrong_number_founds_nothing(tmp_path, changes, said):
    answer = found(tmp_path / "wrong", **changes)
    assert answer.exit_code == 2
    assert said in answer.output
    assert not (tmp_path / "wrong").exists()


def test_what_was_mistyped_can_be_typed_again(tmp_path):
    refused = found(tmp_path / "home", operator_login="É")
    assert refused.exit_code == 2
    assert found(tmp_path / "home").exit_code == 0


def test_a_new_installation_is_clean(home):
    answer = typed("verify", "--home", home, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, {"ok": True, "entries": 0, "findings": []})


def test_staff_is_added_once(home):
    words = ("staff", "add", "compta", "--name", "Maxime Exemple", "--role", "accountant", "--home", home)
    assert "Identifiant : compta" in typed(*words).output
    again = typed(*words)
    assert again.exit_code == 2
    assert "Refusé" in again.stderr


def test_a_role_that_does_not_exist_is_named(home):
    answer = typed("staff", "add", "x1", "--name", "X", "--role", "emperor", "--home", home)
    assert answer.exit_code == 2
    assert "emperor" in answer.output


def test_a_rehearsed_import_leaves_nothing_and_a_real_one_is_done_once(home, statement):
    rehearsed = typed("import-statement", statement, "--home", home, "--dry-run", "--json")
    assert json.loads(rehearsed.stdout)["imported"] is False
    assert json.loads(typed("verify", "--home", home, "--json").stdout)["entries"] == 0

    imported = typed("import-statement", statement, "--home", home, "--json")
    said = json.loads(imported.stdout)
    assert said["imported"] is True
    assert [(line["amount_cents"], line["in_suspense"]) for line in said["lines"]] == [(GIFT_CENTS, True)]
    assert json.loads(typed("verify", "--home", home, "--json").stdout)["entries"] == 1

    again = typed("import-statement", statement, "--home", home, "--json")
    assert again.exit_code == 2
    assert json.loads(again.stdout)["code"] == "statement_already_imported"


def test_people_read_what_an_import_did(home, statement):
    answer = typed("import-statement", statement, "--home", home, "--dry-run")
    assert "Essai à blanc" in answer.output
    assert "500,00" in answer.output
    assert "1 ligne" in answer.output


def test_a_file_that_is_not_a_statement_is_refused_in_french(home, tmp_path):
    path = tmp_path / "photo.xml"
    path.write_text("not xml")
    answer = typed("import-statement", path, "--home", home)
    assert answer.exit_code == 2
    assert "n’est pas un relevé bancaire lisible" in answer.stderr


def test_the_files_of_a_closed_month_are_written_again_to_the_byte(demo_out, tmp_path):
    answer = typed("export", "2026-10", "--home", demo_out / "instance", "--out", tmp_path / "again")
    assert answer.exit_code == 0, answer.output
    written = sorted((tmp_path / "again").iterdir())
    assert len(written) >= 6
    for path in written:
        assert path.read_bytes() == (demo_out / path.name).read_bytes(), path.name


def test_the_books_of_a_year_are_written_as_their_judges_want_them(demo_out, tmp_path):
    answer = typed("export", "2026", "--home", demo_out / "instance", "--out", tmp_path / "2026")
    assert answer.exit_code == 0, answer.output
    found = {path.name: judge(path) for path in (tmp_path / "2026").iterdir() if path.suffix != ".hledger"}
    assert found == {"000000018FEC20261231.txt": [], "journal-2026.beancount": []}
    assert (tmp_path / "2026" / "journal-2026.hledger").is_file()
    assert typed("export", "26", "--home", demo_out / "instance").exit_code == 2


def test_a_month_that_may_not_be_closed_says_why(demo_out):
    assert typed("close", "2026-10", "--home", demo_out / "instance").exit_code == 0
    answer = typed("close", "2026-11", "--home", demo_out / "instance", "--json")
    assert answer.exit_code == 1
    said = json.loads(answer.stdout)
    assert "statements_imported" in {check["code"] for check in said["checks"] if not check["ok"]}


def test_a_word_that_is_not_a_month_is_refused(demo_out):
    answer = typed("close", "octobre", "--home", demo_out / "instance", "--json")
    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["code"] == "month_malformed"


def test_a_demonstration_does_not_write_over_something_else(tmp_path):
    (tmp_path / "memoire.txt").write_text("des années")
    answer = typed("demo", "--no-serve", "--out", tmp_path)
    assert answer.exit_code == 1
    assert "autre chose qu’une démonstration" in answer.output


def test_a_demonstration_begins_with_a_month(tmp_path):
    answer = typed("demo", "--no-serve", "--out", tmp_path / "out", "--from", "2026-13")
    assert answer.exit_code == 2
    assert "n’est pas un mois" in answer.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--households", "--merchants", "--charges"])
def test_a_demonstration_too_small_to_show_anything_is_refused(tmp_path, flag):
    answer = typed("demo", "--no-serve", "--out", tmp_path / "out", flag, "1")
    assert answer.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_demonstration_runs_from_its_flags(tmp_path):
    flags = ("--households", 10, "--merchants", 4, "--charges", 50, "--seed", 3)
    answer = typed("demo", "--no-serve", "--out", tmp_path / "out", *flags)
    assert answer.exit_code == 0, answer.output
    assert "propre" in answer.output
    assert "http" not in answer.output


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/W/Q71S4EEQWBT6KTCPQ29VP", "/W/•••"),
        ("/w/Q71S4EEQWBT6KTCPQ29VP", "/w/•••"),
        ("/P/ABCDEF", "/P/•••"),
        ("/T/ABCDEF", "/T/•••"),
        ("/R/ABCDEF", "/R/•••"),
        ("/CAISSE/APPAIRER/ABC", "/CAISSE/APPAIRER/•••"),
        ("/caisse/demandes/ABC/etat", "/caisse/demandes/•••/etat"),
        ("/connexion/lien/abc", "/connexion/lien/•••"),
        ("/connexion", "/connexion"),
        ("/bureau/menages/3", "/bureau/menages/3"),
    ],
)
def test_an_access_log_never_holds_what_opens_something(path, logged, caplog):
    assert mask(path) == logged
    with caplog.at_level(logging.INFO, logger=access_logger.name):
        record = logging.LogRecord("granian.access", logging.INFO, "", 0, "%(path)s%(query_string)s", None, None)
        record.args = {"path": path, "query_string": "?secret=1"}
        MaskSecrets().filter(record)
    assert record.getMessage() == logged


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    """Wait until somebody listens; a server that never does makes the next request fail."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20):
            return
        threading.Event().wait(0.1)


def until(sign, lines):
    """Yield lines up to the one that holds the sign: a request is logged a moment after its answer."""
    for line in lines:
        yield line
        if sign in line:
            return


def test_an_installation_is_served_and_its_log_keeps_no_card(home):
    port = free_port()
    command = [sys.executable, "-m", "monnaie_locale", "serve", "--home", str(home), "--port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as server:
        try:
            wait_for(port)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/connexion", timeout=20) as page:
                assert "Ville-Neuve" in page.read().decode()
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/W/SECRETSECRET/x", timeout=20)
            assert refused.value.code == 404
            heard = list(until("/W/", server.stdout))
        finally:
            server.send_signal(signal.SIGINT)
        log = "".join(heard) + server.stdout.read()
    assert "/connexion" in log
    assert "/W/•••" in log
    assert "SECRET" not in log


def test_a_missing_installation_is_not_served(tmp_path):
    answer = typed("serve", "--home", tmp_path)
    assert answer.exit_code == 1
    assert "monnaie-locale init" in answer.output
