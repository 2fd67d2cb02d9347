"""Edits by hand, with every guard of the database down: `verify` names each, and cries wolf at none of the clean towns.

Each edit is made in a transaction that is rolled back once it was verified, so one town serves for all of them.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from tests.torture.edits import KINDS, SUBTLE, Edit
from tests.torture.fresh_databases import fresh_engine_fixture  # noqa: F401 - a fixture of these tests
from tests.torture.oracles import balances_are_sums, entries_balance, money_is_conserved
from tests.torture.random_worlds import RandomWorld, random_world


@contextmanager
def guards_down(engine: Engine) -> Iterator[Connection]:
    """Give a transaction in which no trigger, no foreign key and no CHECK of balances speaks; nothing of it stays."""
    with engine.connect() as db, db.begin() as transaction:
        if db.dialect.name == "sqlite":
            for name in db.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                db.exec_driver_sql(f"DROP TRIGGER {name}")
            # Foreign keys would speak at the commit, which never comes.
            db.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            db.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        else:
            for table in db.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
                db.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            db.exec_driver_sql("ALTER TABLE balances DROP CONSTRAINT ck_balances_not_below_zero")
        yield db
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
        transaction.rollback()


@contextmanager
def a_world(engine_of: Callable[[], Engine], rng: random.Random) -> Iterator[RandomWorld]:
    world = random_world(engine_of(), rng)
    yield world
    world.writer.stop()
    world.engine.dispose()


def found_by_verify(world: RandomWorld, edit: Edit, rng: random.Random) -> tuple[bool, str]:
    """Return whether the finding that names the edit is there, and what was said."""
    with guards_down(world.engine) as db:
        code, subject = edit(db, rng)
        said = [(finding.code, finding.subject) for finding in world.verdict(db).findings]
    return (code, subject) in said, f"{edit.__name__}: expected {(code, subject)}, verify says {said}"


def found_by_sums(world: RandomWorld, edit: Edit, rng: random.Random) -> bool:
    """Return whether an auditor who only adds up would see the edit."""
    with guards_down(world.engine) as db:
        edit(db, rng)
        return bool(entries_balance(db) + balances_are_sums(db) + money_is_conserved(db))


def test_each_edit_by_hand_is_named(fresh_engine, dose, seed, figures) -> None:
    rng = random.Random(seed)
    worlds = dose(short=1, full=20)
    missed, blind = [], 0
    for _ in range(worlds):
        with a_world(fresh_engine, rng) as world:
            for edit in (*KINDS, *SUBTLE):
                found, said = found_by_verify(world, edit, rng)
                missed += [] if found else [said]
                blind += not found_by_sums(world, edit, rng)
            # Everything was rolled back: the town itself is as clean as before.
            assert world.verified().findings == ()
    figures(worlds=worlds, kinds=len(KINDS), subtle_kinds=len(SUBTLE), missed=len(missed), missed_by_sums_alone=blind)

    assert len(KINDS) == 15
    assert missed == []
    # The negative control: who only adds up, as an accountant's spreadsheet does, does not see most of these.
    assert blind >= worlds * 8


def test_no_clean_town_is_accused(fresh_engine, dose, seed, figures) -> None:
    rng = random.Random(seed)
    worlds = dose(short=1, full=50)
    entries = 0
    for _ in range(worlds):
        with a_world(fresh_engine, rng) as world:
            verdict = world.verified()
            assert verdict.findings == ()
            entries += verdict.entries
    figures(worlds=worlds, entries=entries, false_alarms=0)
