"""The fast verification says what the careful one says, in one process or in two, on clean books and altered ones."""

import datetime

import pytest
from sqlalchemy import Engine

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal import verify_scan
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import verify
from monnaie_locale.journal.verify_entries import kinds_table
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from tests.factories.ledger import NOON_MS, TERRITORY_ID, World, small_world
from tests.factories.vandal import run, take_the_guards_down

KEYRING = Keyring.generate(lambda size: bytes(range(size)))
# Spans of four entries: the fourteen entries of these books make four of them.
SMALL_SPAN = 4
CORRUPTIONS = {
    "nothing": [],
    "an amount": ["UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = 6"],
    "a party": ["UPDATE transfers SET credit_account_id = 1, credit_kind = 1 WHERE entry_id = 6"],
    "a kind of account": ["UPDATE transfers SET credit_kind = 3 WHERE entry_id = 6"],
    "an account that does not exist": ["UPDATE transfers SET debit_account_id = 999 WHERE entry_id = 6"],
    "an account of no number": ["UPDATE transfers SET debit_account_id = -1 WHERE entry_id = 6"],
    "a date": ["UPDATE journal_entries SET accounted_on = '2026-10-04' WHERE id = 6"],
    "a caller": ["UPDATE journal_entries SET caller = 'x' WHERE id = 6"],
    "an entry gone": ["DELETE FROM transfers WHERE entry_id = 6", "DELETE FROM journal_entries WHERE id = 6"],
    "the first entry gone": ["DELETE FROM transfers WHERE entry_id = 1", "DELETE FROM journal_entries WHERE id = 1"],
    "the last entry gone": ["DELETE FROM transfers WHERE entry_id = 14", "DELETE FROM journal_entries WHERE id = 14"],
    "an entry without its transfers": ["DELETE FROM transfers WHERE entry_id = 8"],
    "transfers without their entry": ["DELETE FROM journal_entries WHERE id = 8"],
    "an entry numbered far away": ["UPDATE journal_entries SET id = 4000000000 WHERE id = 14"],
    "transfers of an entry far away": ["UPDATE transfers SET entry_id = 4000000000 WHERE entry_id = 14"],
    "a leaf hash": ["UPDATE journal_entries SET leaf_hash = key_digest WHERE id = 6"],
    "a kind": ["UPDATE journal_entries SET kind = 99 WHERE id = 6"],
    "the owner of an account": ["UPDATE accounts SET wallet_id = 66 WHERE wallet_id = 7"],
    "the number of an account": ["UPDATE accounts SET id = 4000000 WHERE wallet_id = 7"],
    "a head": ["UPDATE log_heads SET root = accounts_root WHERE size = 5"],
    "a signature": ["UPDATE log_heads SET signature = root WHERE size = 5"],
    "two entries swapped": [
        "UPDATE journal_entries SET id = 99 WHERE id = 6",
        "UPDATE journal_entries SET id = 6 WHERE id = 10",
        "UPDATE journal_entries SET id = 10 WHERE id = 99",
    ],
}
# Two processes take a second to start: some of each sort are enough.
IN_TWO_PROCESSES = {"nothing", "an amount", "an entry gone", "an entry numbered far away", "a signature"}
ONLY_SQLITE = {
    "an entry numbered below zero": "UPDATE journal_entries SET id = -5 WHERE id = 9",
    "half a cent": "UPDATE transfers SET amount_cents = 0.5 WHERE entry_id = 6",
    "a cent in words": "UPDATE transfers SET amount_cents = 'one' WHERE entry_id = 6",
    "half a millisecond": "UPDATE journal_entries SET recorded_at_ms = 0.5 WHERE id = 6",
    "a date in words": "UPDATE journal_entries SET accounted_on = 'never' WHERE id = 6",
    "a date written otherwise": "UPDATE journal_entries SET accounted_on = '20261005' WHERE id = 6",
    "a key in words": "UPDATE journal_entries SET key_digest = 'key' WHERE id = 6",
    "a caller in bytes": "UPDATE journal_entries SET caller = x'00' WHERE id = 6",
    "half a wallet": "UPDATE accounts SET wallet_id = 0.5 WHERE wallet_id = 7",
}


@pytest.fixture
def engine(db_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Give books of fourteen entries, signed at five and at fourteen."""
    monkeypatch.setattr(verify_scan, "SPAN_ENTRIES", SMALL_SPAN)
    world = small_world(db_engine)
    for number in range(2):
        world.charge(7, 3 + number, 100)
    sign = {"territory_id": TERRITORY_ID, "sign": KEYRING.sign}
    transact(db_engine, seal, now_ms=NOON_MS, **sign)
    for number in range(9):
        world.charge(7, 3 + number, 10 + number)
    transact(db_engine, seal, now_ms=NOON_MS + 1, **sign)
    return db_engine


def told(engine: Engine, **how: object):
    """Return what a verification finds, how many entries it read, and whatever is no charge."""
    events: list[verify_scan.Event] = []
    with reading(engine) as db:
        verdict = verify(
            db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem, visit=events.append, **how
        )
    return verdict.findings, verdict.entries, [event for event in events if event.kind is not EntryKind.CHARGE]


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_fast_or_careful_the_verdict_is_the_same(engine: Engine, corruption: str) -> None:
    take_the_guards_down(engine)
    run(engine, *CORRUPTIONS[corruption])

    carefully = told(engine, carefully=True)

    assert told(engine, processes=1) == carefully
    if corruption in IN_TWO_PROCESSES:
        assert told(engine, processes=2) == carefully
    assert (carefully[0] == ()) == (corruption == "nothing")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("corruption", ONLY_SQLITE)
def test_what_only_sqlite_would_keep_is_told_the_same(engine: Engine, corruption: str) -> None:
    take_the_guards_down(engine)
    run(engine, "PRAGMA ignore_check_constraints = ON", ONLY_SQLITE[corruption])

    carefully = told(engine, carefully=True)

    assert told(engine, processes=1) == carefully


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_half_a_cent_with_a_hash_of_its_own_is_not_taken_for_whole(engine: Engine) -> None:
    """A scan that trusted the hash alone would not see it: the sums must be of integers."""
    take_the_guards_down(engine)
    run(engine, "PRAGMA ignore_check_constraints = ON", "UPDATE transfers SET amount_cents = 12.5 WHERE entry_id = 6")
    with reading(engine) as db:
        leaf = _leaf_of_whole_cents(db)
    run(engine, "UPDATE journal_entries SET leaf_hash = :leaf WHERE id = 6", leaf=leaf)

    found = {(finding.code, finding.subject) for finding in told(engine, processes=1)[0]}
    assert ("row_unreadable", "entry 6") in found


def _leaf_of_whole_cents(db) -> bytes:
    """Return the leaf that the row would have if its amount were cut to whole cents, as %d cuts it."""
    span = {"territory_id": TERRITORY_ID, "first": 6, "last": 6}
    (row,) = verify_scan.raw_rows(db, verify_scan.ENTRIES.format_map(span))
    (line,) = verify_scan.raw_rows(db, verify_scan.TRANSFERS.format_map(span))
    content = verify_scan.entry_bytes(TERRITORY_ID, *row[:4], row[4], *row[5:10], [(line[3], line[4], int(line[5]))])
    return verify_scan.sha256(b"\x00" + content).digest()


def test_a_worker_that_dies_is_an_error_and_not_a_clean_verdict(engine: Engine, monkeypatch) -> None:
    monkeypatch.setattr("monnaie_locale.journal.verify_workers.PROGRAM", "raise SystemExit(3)")
    with reading(engine) as db, pytest.raises((ChildProcessError, BrokenPipeError)):
        verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem, processes=2)


def test_both_processes_see_the_books_as_they_were_when_it_began(engine: Engine) -> None:
    """Entries that come in meanwhile are no fault: PostgreSQL shares its state, SQLite's rows are only ever added."""
    world = World(engine, keys=1_000)
    with reading(engine) as db:
        db.exec_driver_sql("SELECT count(*) FROM journal_entries").scalar_one()
        for _ in range(3):
            world.charge(7, 3, 1)
        verdict = verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem, processes=2)
    assert verdict.ok
    assert verdict.entries == 14


def test_kinds_have_a_place_by_account_number() -> None:
    assert kinds_table({1: AccountKind.RESERVE, 3: AccountKind.PURSE}) == bytes([0, 1, 0, 3])
    assert kinds_table({1: AccountKind.RESERVE, 10**9: AccountKind.PURSE}) == b""
    assert kinds_table({-1: AccountKind.RESERVE}) == b""
    assert kinds_table({}) == b"\x00"
    assert datetime.date(2026, 10, 5).isoformat() == verify_scan.iso_day("20261005")
