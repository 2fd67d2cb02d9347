"""As many migrated databases as a test wants, one after the other."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import URL, Engine

from monnaie_locale.database.engine import open_engine
from tests.conftest import Databases


@pytest.fixture(name="fresh_engine")
def fresh_engine_fixture(
    db_engine: Engine, dialect: str, databases: Databases, migrated_templates: dict[str, URL]
) -> Iterator[Callable[[], Engine]]:
    """Give a function that opens an engine on one more migrated database."""
    made: list[URL] = []

    def fresh() -> Engine:
        made.append(databases.copy_of(migrated_templates[dialect]))
        return open_engine(made[-1].render_as_string(hide_password=False), pool_size=5)

    yield fresh
    for url in made:
        databases.drop(url)
