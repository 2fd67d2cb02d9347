"""A batch of cards on the command line: one file with all the secrets, none of them anywhere else."""

import io
import logging
import os
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from monnaie_locale.__main__ import main
from monnaie_locale.commands import cards as command
from monnaie_locale.commands.acting import KEY_VARIABLE
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.operations import create_staff
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.journal.directory import create_territory
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import KEYRING_FILE
from tests.factories import programmes as made
from tests.factories.cards import decoded, pictures, text_of
from tests.factories.ledger import NOON_MS, TERRITORY_ID, territory
from wallets.printing.export import FOR_THE_PRINTER

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
HOUSEHOLDS = (
    "reference;alias;contact;adresse\n"
    "D-1;Mme Exemple;courrier;12 RUE DES LILAS|76530 VILLE-EXEMPLE\n"
    "D-2;M. Modèle;;\n"
    "D-3;;;\n"
)


@dataclass
class Desk:
    """An installation, and an agent with a key."""

    engine: Engine
    home: Path
    key: str

    def print(self, out: Path, *options: object, key: str | None = None) -> Result:
        url = self.engine.url.render_as_string(hide_password=False)
        words = ["cards", "print", out, *options, "--home", self.home, "--database-url", url]
        return CliRunner(env={KEY_VARIABLE: key or self.key}).invoke(main, [str(word) for word in words])

    def states(self) -> list[str]:
        with reading(self.engine) as db:
            return list(db.scalars(text("SELECT state FROM cards ORDER BY id")))

    def stored(self) -> bytes:
        files = (self.engine.url.database, f"{self.engine.url.database}-wal")
        return b"".join(Path(str(file)).read_bytes() for file in files if Path(str(file)).exists())


@pytest.fixture
def desk(db_engine: Engine, tmp_path: Path) -> Desk:
    home = tmp_path / "instance"
    home.mkdir()
    keyring = Keyring.generate()
    keyring.save(home / KEYRING_FILE)
    transact(db_engine, create_territory, territory=territory(), now_ms=NOON_MS)
    common = {"territory_id": TERRITORY_ID, "actor": "job:cli", "now": made.NOW, "random_bytes": os.urandom}
    key = ""
    for login, role in (("chloe", Role.APPROVER), ("maud", Role.AGENT)):
        hired = transact(db_engine, create_staff, login=login, name=login, roles=[role], keyring=keyring, **common)
        of_person = {"kind": SubjectKind.STAFF, "subject_id": hired.staff_id, "label": "essai"}
        key = transact(db_engine, issue_api_key, **of_person, **common)
    return Desk(db_engine, home, key)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "menages.csv"
    path.write_text(HOUSEHOLDS, encoding="utf-8")
    return path


def test_a_file_of_households_gives_letters_and_the_secrets_are_nowhere_else(
    desk: Desk, file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "lettres.pdf"
    answer = desk.print(out, "--support", "letters", "--households", file)
    assert answer.exit_code == 0, answer.output
    assert "3 cartes" in answer.stdout
    for label in ("Codes secrets", "Cartes"):
        assert label in answer.stderr, "the progress bar"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    pages = text_of(out.read_bytes())
    assert "Mme Exemple 12 RUE DES LILAS 76530 VILLE-EXEMPLE" in pages[0]
    assert "Ménage n° 3" in pages[2]
    urls = decoded(pictures(out.read_bytes(), dpi=150))
    assert len(urls) == 3
    stored = desk.stored()
    told = (answer.output + caplog.text).encode()
    for url in urls:
        token = url.rpartition("/")[2].encode()
        assert len(token) == 21
        for place in (stored, stored.lower(), told):
            assert token not in place
            assert token.lower() not in place
    for name in (b"Mme Exemple", b"RUE DES LILAS", b"D-1"):
        assert name not in stored
    # The negative control: what is printed and not secret is found by the same search.
    number = re.search(r"Carte n° (\d{3} \d{3} \d{3} \d)", pages[0])
    assert number
    assert number[1].replace(" ", "").encode() in stored
    # Nothing but the keyring and the database (here elsewhere) is left in the folder of the service.
    assert {path.name for path in desk.home.iterdir()} <= {KEYRING_FILE}


def test_wallets_without_a_card_get_one_and_a_second_run_has_nothing_to_do(
    desk: Desk, file: Path, tmp_path: Path
) -> None:
    assert desk.print(tmp_path / "a.pdf", "--households", file).exit_code == 0
    nothing = desk.print(tmp_path / "b.pdf", "--count", 5)
    assert (nothing.exit_code, "Aucune carte à faire" in nothing.stderr) == (1, True)
    assert not (tmp_path / "b.pdf").exists()
    again = desk.print(tmp_path / "c.pdf", "--households", file)
    assert (again.exit_code, "déjà une carte active" in again.stderr) == (2, True)
    assert not (tmp_path / "c.pdf").exists()
    assert desk.states() == ["active"] * 3
    replaced = desk.print(tmp_path / "d.zip", "--households", file, "--replace", "--support", "plastic")
    assert replaced.exit_code == 0, replaced.output
    assert desk.states() == ["replaced"] * 3 + ["active"] * 3
    with zipfile.ZipFile(tmp_path / "d.zip") as outer:
        inner = zipfile.ZipFile(io.BytesIO(outer.read(FOR_THE_PRINTER)))
    assert len(inner.namelist()) == 7
    with reading(desk.engine) as db:
        public_key = Keyring.load(desk.home / KEYRING_FILE).public_key_pem
        assert verify_installation(db, territory_id=TERRITORY_ID, public_key_pem=public_key).ok


def test_cards_whose_paper_could_not_be_made_are_blocked(
    desk: Desk, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "document_of", full)
    answer = desk.print(tmp_path / "a.pdf", "--households", file)
    assert answer.exit_code == 1
    assert not (tmp_path / "a.pdf").exists()
    assert desk.states() == ["blocked"] * 3
    monkeypatch.undo()
    assert desk.print(tmp_path / "a.pdf", "--households", file).exit_code == 0
    assert desk.states() == ["blocked"] * 3 + ["active"] * 3


def test_nothing_is_issued_when_the_file_is_there_already_or_the_caller_may_not(
    desk: Desk, file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.pdf"
    out.write_bytes(b"mine")
    answer = desk.print(out, "--households", file)
    assert (answer.exit_code, "existe déjà" in answer.stderr) == (1, True)
    assert out.read_bytes() == b"mine"
    refused = desk.print(tmp_path / "b.pdf", "--households", file, key="mlk_invented")
    assert (refused.exit_code, "inconnue ou révoquée" in refused.stderr) == (2, True)
    assert desk.print(tmp_path / "c.pdf", "--replace").exit_code == 2
    assert desk.states() == []
    assert not (tmp_path / "b.pdf").exists()
