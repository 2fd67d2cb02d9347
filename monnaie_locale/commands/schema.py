"""The schema of the books that a command opens: this program reads and writes those of its own only."""

from sqlalchemy import Engine

from monnaie_locale.commands.errors import SchemaOld, SchemaUnknown
from monnaie_locale.database.migrate import known_revisions, revision_of
from monnaie_locale.database.transaction import reading


def is_newest(revision: str) -> bool:
    """Return whether a schema is the newest; refuses schema_unknown when this version does not know it."""
    newest, *older = known_revisions()
    if revision != newest and revision not in older:
        raise SchemaUnknown(revision=revision or "?", newest=newest)
    return revision == newest


def refuse_foreign_schema(engine: Engine, *, older_too: bool = False) -> None:
    """Refuse schema_unknown, and schema_old unless `older_too`: what only copies the books takes older ones."""
    with reading(engine) as db:
        revision = revision_of(db)
    if not is_newest(revision) and not older_too:
        raise SchemaOld(revision=revision, newest=known_revisions()[0])
