"""`verify` on clean books, and on books that somebody altered with every guard taken down."""

import pytest
from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.sealer import BackgroundSealer, latest_head, seal
from monnaie_locale.journal.verify import verify
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.merkle import root_of
from tests.factories.ledger import NOON_MS, TERRITORY_ID, small_world
from tests.factories.vandal import run, take_the_guards_down

KEYRING = Keyring.generate(lambda size: bytes(range(size)))
LAST = "(SELECT MAX(id) FROM journal_entries)"

# What was done by hand -> the SQL -> the code and the subject that verify must name.
CORRUPTIONS = {
    "an amount changed": (["UPDATE transfers SET amount_cents = 1251 WHERE entry_id = 3"], "entry_altered", "entry 3"),
    "the shop changed": (
        ["UPDATE transfers SET credit_account_id = :other WHERE entry_id = 3"],
        "entry_altered",
        "entry 3",
    ),
    "the date changed": (
        ["UPDATE journal_entries SET accounted_on = '2026-10-04' WHERE id = 3"],
        "entry_altered",
        "entry 3",
    ),
    "a purse filled": (
        ["UPDATE balances SET credits_cents = credits_cents + 100 WHERE account_id = :purse"],
        "balance_differs",
        "account purse",
    ),
    "an entry deleted": (
        ["DELETE FROM transfers WHERE entry_id = 3", "DELETE FROM journal_entries WHERE id = 3"],
        "entry_number_gap",
        "entry 4",
    ),
    "the tail deleted": (
        [f"DELETE FROM transfers WHERE entry_id = {LAST}", f"DELETE FROM journal_entries WHERE id = {LAST}"],
        "log_shortened",
        "log head 5",
    ),
    "the transfers of an entry deleted": (
        ["DELETE FROM transfers WHERE entry_id = 3"],
        "entry_without_transfer",
        "entry 3",
    ),
    "the entry of transfers deleted": (
        ["DELETE FROM journal_entries WHERE id = 3"],
        "transfer_without_entry",
        "entry 3",
    ),
    "an account's balance deleted": (
        ["DELETE FROM balances WHERE account_id = :purse"],
        "balance_missing",
        "account purse",
    ),
    "two entries swapped": (
        [
            "UPDATE journal_entries SET id = 99 WHERE id = 3",
            "UPDATE journal_entries SET id = 3 WHERE id = 4",
            "UPDATE journal_entries SET id = 4 WHERE id = 99",
        ],
        "entry_altered",
        "entry 3",
    ),
    "an entry rewritten with its hash": (
        ["UPDATE journal_entries SET reference = 'X1', leaf_hash = :rehashed WHERE id = 3"],
        "log_rewritten",
        "log head 5",
    ),
    "a head signed by somebody else": (
        ["UPDATE log_heads SET signature = :forged"],
        "log_signature_invalid",
        "log head 5",
    ),
    "the reserve emptied in the counters": (["UPDATE ledger_heads SET owed_cents = 0"], "head_differs", "territory 1"),
    "the idempotency key of an entry erased": (
        ["UPDATE journal_entries SET key_digest = :forged WHERE id = 3"],
        "entry_altered",
        "entry 3",
    ),
    "a payment hidden from its purse": (
        ["UPDATE transfers SET debit_previous_id = 2 WHERE entry_id = 5"],
        "chain_broken",
        "account purse",
    ),
    "the last payment hidden from its purse": (
        ["UPDATE balances SET last_entry_id = 4 WHERE account_id = :purse"],
        "chain_broken",
        "account purse",
    ),
    "a purse given to another wallet": (
        ["UPDATE accounts SET wallet_id = 66 WHERE id = :purse"],
        "account_altered",
        "account purse",
    ),
    "a purse given to another wallet with its hash": (
        ["UPDATE accounts SET wallet_id = 66, leaf_hash = :rehashed WHERE id = :purse"],
        "accounts_rewritten",
        "accounts head 10",
    ),
    "a kind that does not exist": (["UPDATE journal_entries SET kind = 99 WHERE id = 3"], "row_unreadable", "entry 3"),
    "a close slipped under an entry": (
        ["INSERT INTO closed_periods VALUES (1, '2026-10-31', '2026-10-01', 2, 0)"],
        "entry_in_closed_period",
        "entry 3",
    ),
}


@pytest.fixture
def world(db_engine: Engine):
    world = small_world(db_engine)
    world.charge(7, 3, 100)
    world.charge(7, 4, 200)
    transact(db_engine, seal, territory_id=TERRITORY_ID, sign=KEYRING.sign, now_ms=NOON_MS)
    return world


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("UPDATE journal_entries SET accounted_on = 'never' WHERE id = 3", "entry 3"),
        ("UPDATE transfers SET amount_cents = 0.5 WHERE entry_id = 3", "entry 3"),
        ("UPDATE accounts SET expires_on = 'soon' WHERE id = 1", "account 1"),
        ("UPDATE accounts SET kind = 99 WHERE id = 1", "account 1"),
        ("INSERT INTO closed_periods VALUES (1, 'abc', 'aaa', 1, 0)", "period abc"),
    ],
)
def test_what_sqlite_would_keep_though_it_means_nothing_is_named(world, statement: str, subject: str) -> None:
    take_the_guards_down(world.engine)
    run(world.engine, "PRAGMA ignore_check_constraints = ON", statement)

    found = {(finding.code, finding.subject) for finding in _verdict(world.engine).findings}
    assert ("row_unreadable", subject) in found, found


def _verdict(engine: Engine):
    with reading(engine) as db:
        return verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem)


def test_clean_books_have_no_finding(world) -> None:
    verdict = _verdict(world.engine)

    assert verdict.ok
    assert verdict.entries == 5


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corruption_is_found_and_named(world, corruption: str) -> None:
    statements, code, subject = CORRUPTIONS[corruption]
    purse = world.purse(7)
    available = {"other": world.shop(4), "purse": purse, "forged": b"\x05" * 32}
    with reading(world.engine) as db:
        from_books = list(_leaves(db))
    available["rehashed"] = from_books[2][::-1]
    take_the_guards_down(world.engine)

    for statement in statements:
        run(world.engine, statement, **{name: value for name, value in available.items() if f":{name}" in statement})

    found = {(finding.code, finding.subject) for finding in _verdict(world.engine).findings}
    assert (code, subject.replace("purse", str(purse))) in found, found


def test_the_root_is_that_of_all_leaves(world) -> None:
    with reading(world.engine) as db:
        head = latest_head(db, territory_id=TERRITORY_ID)
        assert head is not None
        assert head.size == 5
        assert head.root == root_of(list(_leaves(db)))


def test_sealing_again_without_a_new_entry_changes_nothing(world) -> None:
    again = transact(world.engine, seal, territory_id=TERRITORY_ID, sign=KEYRING.sign, now_ms=NOON_MS + 5)

    with reading(world.engine) as db:
        assert latest_head(db, territory_id=TERRITORY_ID) == again
    assert again.sealed_at_ms == NOON_MS


def test_the_background_sealer_seals_what_was_posted_before_it_ends(world) -> None:
    world.charge(7, 3, 1)
    sealer = BackgroundSealer(
        world.engine, territory_id=TERRITORY_ID, sign=KEYRING.sign, clock_ms=lambda: NOON_MS + 1_000
    )

    sealer.stop()

    with reading(world.engine) as db:
        head = latest_head(db, territory_id=TERRITORY_ID)
    assert head is not None
    assert head.size == 6


def _leaves(db):
    return db.exec_driver_sql("SELECT leaf_hash FROM journal_entries ORDER BY id").scalars()
