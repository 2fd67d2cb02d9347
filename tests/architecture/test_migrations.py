"""The schema, on both databases: one way up, one way down, and the same tables as the code believes."""

import ast
import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Engine, Inspector, inspect, text

from monnaie_locale.database.metadata import metadata
from monnaie_locale.database.migrate import downgrade, upgrade
from tests.architecture.source_tree import PROJECT, ROOTS, sources

MIGRATIONS = sources("migrations/versions")
TABLE_MODULES = [".".join(file.path.with_suffix("").parts) for file in sources(*ROOTS) if file.path.stem == "tables"]
FOR_ALEMBIC_ONLY = {"alembic_version"}

for module in TABLE_MODULES:
    importlib.import_module(module)


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(PROJECT / "migrations"))
    return ScriptDirectory.from_config(config)


def tables_in(inspector: Inspector) -> set[str]:
    return set(inspector.get_table_names()) - FOR_ALEMBIC_ONLY


def leftovers(db: Connection) -> list[str]:
    """Name what a schema still holds besides tables: triggers, functions, views, sequences, types."""
    statements = {
        "sqlite": "SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view')",
        "postgresql": """
            SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL SELECT relname::text FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'S')
            UNION ALL SELECT typname::text FROM pg_type
                WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
        """,
    }
    return list(db.scalars(text(statements[db.dialect.name])))


def test_there_is_one_head_and_one_base() -> None:
    assert len(scripts().get_heads()) == 1
    assert scripts().get_bases() == ["0001"]


def test_a_migration_is_named_after_its_revision() -> None:
    revisions = {revision.revision: revision.path for revision in scripts().walk_revisions()}
    assert len(revisions) == len(MIGRATIONS)
    for revision, path in revisions.items():
        assert len(revision) == len("0001")
        assert path.rpartition("/")[2].startswith(f"{revision}_")


def test_migrations_follow_their_numbers() -> None:
    ordered = [revision.revision for revision in scripts().walk_revisions()][::-1]
    assert ordered == sorted(ordered)


def test_a_migration_imports_nothing_of_ours() -> None:
    # The code moves on; a migration must still do tomorrow what it did on the day it was written.
    assert MIGRATIONS
    for file in MIGRATIONS:
        assert not set(ROOTS) & set(file.imported()), file.path


def test_up_down_up_leaves_nothing_and_makes_the_same_tables(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    with empty_engine.connect() as db:
        first = tables_in(inspect(db))
    downgrade(empty_engine)
    with empty_engine.connect() as db:
        assert tables_in(inspect(db)) == set()
        assert leftovers(db) == []
    upgrade(empty_engine)
    with empty_engine.connect() as db:
        assert tables_in(inspect(db)) == first
    assert first


def test_each_step_down_can_be_taken_alone(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    for revision in scripts().walk_revisions():
        downgrade(empty_engine, revision=str(revision.down_revision or "base"))
    upgrade(empty_engine)


def disagreements(db: Connection) -> list[object]:
    """Return where the schema and the code's tables differ.

    A table module may leave keys, indexes and constraints to the migration, which is their home; it may not speak of
    one that the schema lacks, and tables and columns must be the same on both sides.
    """
    context = MigrationContext.configure(db, opts={"compare_type": True})
    at_home_in_the_migration = {"remove_fk", "remove_index", "remove_constraint"}
    return [one for one in compare_metadata(context, metadata) if one[0] not in at_home_in_the_migration]


def test_the_schema_is_the_one_the_code_believes_in(db_engine: Engine) -> None:
    with db_engine.connect() as db:
        assert disagreements(db) == []


def test_a_difference_between_schema_and_code_would_be_seen(db_engine: Engine) -> None:
    with db_engine.connect() as db:
        victim = max(tables_in(inspect(db)))
        db.execute(text(f'ALTER TABLE "{victim}" ADD COLUMN forgotten INTEGER'))
        assert disagreements(db)


def test_the_checks_are_the_ones_the_code_believes_in(db_engine: Engine) -> None:
    # Alembic does not compare CHECK constraints; the books stand on them.
    with db_engine.connect() as db:
        inspector = inspect(db)
        there = {
            (table, check["name"]) for table in tables_in(inspector) for check in inspector.get_check_constraints(table)
        }
    believed = {
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert believed <= there


def test_the_territory_leads_every_key(db_engine: Engine) -> None:
    with db_engine.connect() as db:
        inspector = inspect(db)
        for table in tables_in(inspector):
            key = inspector.get_pk_constraint(table)["constrained_columns"]
            assert key[0] == "territory_id", table
            for foreign in inspector.get_foreign_keys(table):
                assert foreign["constrained_columns"][0] == "territory_id", (table, foreign["name"])


@pytest.mark.parametrize("kind", ["check", "foreign", "unique"])
def test_constraints_are_named_after_table_and_reason(kind: str, db_engine: Engine) -> None:
    prefix = {"check": "ck", "foreign": "fk", "unique": "uq"}[kind]
    with db_engine.connect() as db:
        inspector = inspect(db)
        found = {
            "check": inspector.get_check_constraints,
            "foreign": inspector.get_foreign_keys,
            "unique": inspector.get_unique_constraints,
        }[kind]
        names = [(table, str(one["name"])) for table in tables_in(inspector) for one in found(table)]
    assert [name for table, name in names if not name.startswith(f"{prefix}_{table}_")] == []


def test_every_tables_module_is_known_to_the_metadata() -> None:
    assert TABLE_MODULES
    declared = sum(
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"Table", "sqlalchemy.Table", "sa.Table"}
        for file in sources(*ROOTS)
        for node in ast.walk(file.tree)
    )
    assert declared == len(metadata.tables)
