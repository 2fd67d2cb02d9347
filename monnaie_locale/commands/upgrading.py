"""`upgrade`: bring the books of an older version to the schema of this one; every other command waits for it."""

from pathlib import Path

import click
from sqlalchemy import Engine

from monnaie_locale.commands.errors import BooksAtWork
from monnaie_locale.commands.schema import is_newest
from monnaie_locale.commands.terminal import check_home, database_option, french_refusals, home_option
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.in_use import BooksInUse
from monnaie_locale.database.migrate import known_revisions
from monnaie_locale.database.migrate import upgrade as migrate
from monnaie_locale.runtime import address_of


def bring_up_to_date(engine: Engine) -> str | None:
    """Run the migrations that are missing, all or none; return the revision before, None when none was missing.

    Args:
        engine: one that does not announce itself (`database.in_use`), as `open_engine` gives it.

    Refuses schema_unknown, books_at_work.

    """
    try:
        before = migrate(engine, refuse=is_newest)
    except BooksInUse as error:
        raise BooksAtWork from error
    return None if before == known_revisions()[0] else before


@click.command()
@home_option
@database_option
def upgrade(home: Path, database_url: str | None) -> None:
    """Mettre les comptes au schéma de cette version ; sauvegardez d’abord, puis arrêtez le service."""
    check_home(home)
    engine = open_engine(address_of(home, database_url))
    with french_refusals():
        before = bring_up_to_date(engine)
    engine.dispose()
    newest = known_revisions()[0]
    if before is None:
        click.echo(f"Rien à faire : les comptes sont au schéma {newest}.")
    else:
        click.echo(f"Les comptes sont passés du schéma {before} au schéma {newest}.")
