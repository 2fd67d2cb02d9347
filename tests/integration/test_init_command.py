"""`monnaie-locale init` on a database that is not empty: somebody's books are left as they are."""

import pytest
from sqlalchemy import Engine

from monnaie_locale.commands.errors import BooksPresent
from monnaie_locale.commands.founding import found_installation
from monnaie_locale.database.migrate import downgrade, revision_of
from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.errors import LoginMalformed
from monnaie_locale.runtime import KEYRING_FILE, wall_clock
from tests.factories.ledger import territory
from tests.factories.merchants import chance

OLDER = "0031"


def found(engine: Engine, home, login: str = "exploitation") -> None:
    found_installation(
        home=home, territory=territory(), database_url=engine.url.render_as_string(hide_password=False),
        operator_login=login, operator_name="Charlie", now=wall_clock(), random_bytes=chance(),
    )  # fmt: skip


def test_the_books_of_an_older_program_are_neither_upgraded_nor_founded_again(empty_engine: Engine, tmp_path) -> None:
    found(empty_engine, tmp_path / "first")
    downgrade(empty_engine, revision=OLDER)
    with pytest.raises(BooksPresent):
        found(empty_engine, tmp_path / "second")
    with reading(empty_engine) as db:
        assert revision_of(db) == OLDER
    assert not (tmp_path / "second" / KEYRING_FILE).exists()


def test_after_a_refusal_the_same_command_is_typed_again(empty_engine: Engine, tmp_path) -> None:
    """The control: tables without a territory are what a refused login leaves."""
    with pytest.raises(LoginMalformed):
        found(empty_engine, tmp_path / "home", login="é è")
    found(empty_engine, tmp_path / "home")
    assert (tmp_path / "home" / KEYRING_FILE).exists()
