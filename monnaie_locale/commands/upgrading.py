"""`upgrade`: bring the books of an older version to the schema of this one; `serve` waits for it."""

from pathlib import Path

import click
from sqlalchemy import Engine

from monnaie_locale.commands.errors import SchemaOld, SchemaUnknown
from monnaie_locale.commands.terminal import database_option, french_refusals, home_option, opened
from monnaie_locale.database.migrate import known_revisions, revision_of
from monnaie_locale.database.migrate import upgrade as migrate
from monnaie_locale.database.transaction import reading


def refuse_schema(revision: str) -> bool:
    """Return whether a schema is the newest; refuses schema_unknown when this version does not know it."""
    known = known_revisions()
    if revision not in known:
        raise SchemaUnknown(revision=revision or "?", newest=known[0])
    return revision == known[0]


def refuse_old_schema(engine: Engine) -> None:
    """Refuse schema_old or schema_unknown: this program reads and writes books of its own schema only."""
    with reading(engine) as db:
        revision = revision_of(db)
    if not refuse_schema(revision):
        raise SchemaOld(revision=revision, newest=known_revisions()[0])


def bring_up_to_date(engine: Engine) -> str | None:
    """Run the migrations that are missing, all or none; return the revision before, None when none was missing.

    Refuses schema_unknown.
    """
    with reading(engine) as db:
        before = revision_of(db)
    if refuse_schema(before):
        return None
    migrate(engine)
    return before


@click.command()
@home_option
@database_option
def upgrade(home: Path, database_url: str | None) -> None:
    """Mettre les comptes au schéma de cette version du programme, après l’avoir installée ; sauvegardez d’abord."""
    with opened(home, database_url) as rt, french_refusals():
        before = bring_up_to_date(rt.engine)
    newest = known_revisions()[0]
    if before is None:
        click.echo(f"Rien à faire : les comptes sont au schéma {newest}.")
    else:
        click.echo(f"Les comptes sont passés du schéma {before} au schéma {newest}.")
