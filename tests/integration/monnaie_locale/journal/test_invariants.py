"""Each invariant of the ledger attacked by raw SQL, on both databases: the database itself says no.

Every attack has its twin that passes, or the world it attacks is shown whole afterwards, so that none passes because
the SQL was merely malformed.
"""

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import head_of
from monnaie_locale.journal.sealer import seal
from monnaie_locale.journal.verify import verify
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.posting import Draw
from tests.factories.ledger import NOON_MS, TERRITORY_ID, open_world, small_world
from tests.factories.vandal import run

KEYRING = Keyring.generate(lambda size: bytes(range(size)))
ENTRY = (
    "INSERT INTO journal_entries VALUES"
    " (:territory, :entry, 3, 0, 0, '2026-10-05', 'vandal:1', :key, :key, NULL, '', :key)"
)
LINE = "INSERT INTO transfers VALUES (:territory, :entry, 1, :debit_kind, :credit_kind, :debit, :credit, :amount, 0, 0)"
CLOSE = "INSERT INTO closed_periods VALUES (1, '2026-10-31', '2026-10-01', 3, 0)"


def _entry(world, **changes):
    """Return the values of a well-formed charge of 1 € by raw SQL, with changes."""
    return {
        "territory": TERRITORY_ID,
        "entry": 4,
        "key": b"\x07" * 32,
        "debit_kind": int(AccountKind.PURSE),
        "credit_kind": int(AccountKind.MERCHANT),
        "debit": world.purse(7),
        "credit": world.shop(3),
        "amount": 100,
    } | changes


def _findings(engine: Engine):
    """Return what verify says; raw SQL writes no true hash, so an earlier allowed step may already be named."""
    with reading(engine) as db:
        return verify(db, territory_id=TERRITORY_ID, public_key_pem=KEYRING.public_key_pem)


def _refused(engine: Engine, *statements: str, reason: str, **values: object) -> None:
    before = _findings(engine)
    with pytest.raises((DBAPIError, Refusal)) as caught:
        run(engine, *statements, **values)
    chain = f"{caught.value} {caught.value.__cause__}".lower()
    assert reason.lower() in chain, chain
    assert _findings(engine) == before


def test_a_well_formed_entry_by_raw_sql_passes_and_moves_the_balances(db_engine: Engine) -> None:
    world = small_world(db_engine)

    run(db_engine, LINE, ENTRY, **_entry(world))

    with reading(db_engine) as db:
        assert head_of(db, territory_id=TERRITORY_ID).last_entry_id == 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 0}, "ck_transfers_amount"),
        ({"amount": -100}, "ck_transfers_amount"),
        ({"amount": 2**53}, "ck_"),
        ({"credit_kind": 3, "same": True}, "ck_transfers_accounts_differ"),
    ],
)
def test_1_an_unbalanced_or_empty_transfer_cannot_be_written(db_engine: Engine, changes, reason) -> None:
    world = small_world(db_engine)
    values = _entry(world, **{name: value for name, value in changes.items() if name != "same"})
    if "same" in changes:
        values["credit"] = values["debit"]

    _refused(db_engine, LINE, ENTRY, reason=reason, **values)


def test_1_an_entry_without_a_transfer_cannot_be_written(db_engine: Engine) -> None:
    world = small_world(db_engine)

    _refused(db_engine, ENTRY, reason="entry_without_transfer", **_entry(world))


def test_1_a_transfer_without_its_entry_cannot_be_committed(db_engine: Engine) -> None:
    world = small_world(db_engine)

    _refused(db_engine, LINE, reason="foreign key", **_entry(world))


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE balances SET credits_cents = credits_cents + 100 WHERE account_id = :purse",
        "UPDATE balances SET debits_cents = 0 WHERE account_id = :purse",
        "UPDATE balances SET last_entry_id = 3, credits_cents = credits_cents + 1250 WHERE account_id = :purse",
        "DELETE FROM balances WHERE account_id = :purse",
        "UPDATE ledger_heads SET owed_cents = 0 WHERE territory_id = 1 AND :purse > 0",
        "UPDATE ledger_heads SET last_entry_id = 9 WHERE territory_id = 1 AND :purse > 0",
        "DELETE FROM ledger_heads WHERE territory_id = 1 AND :purse > 0",
    ],
)
def test_2_a_counter_changes_only_together_with_a_transfer(db_engine: Engine, attack: str) -> None:
    world = small_world(db_engine)

    _refused(db_engine, attack, reason="", purse=world.purse(7))


def test_3_a_purse_a_fund_or_a_shop_cannot_go_below_zero(db_engine: Engine) -> None:
    world = small_world(db_engine)
    below = "ck_balances_not_below_zero"
    funds = {"debit": world.funds(), "debit_kind": 2}
    shop = {"debit": world.shop(3), "debit_kind": 4, "credit": world.purse(7), "credit_kind": 3}

    _refused(db_engine, LINE, ENTRY, reason=below, **_entry(world, amount=8_751))
    _refused(db_engine, LINE, ENTRY, reason=below, **_entry(world, amount=90_001, **funds))
    _refused(db_engine, LINE, ENTRY, reason=below, **_entry(world, amount=1_251, **shop))


def test_3_an_offline_guarantee_cannot_go_below_zero(db_engine: Engine) -> None:
    world = small_world(db_engine)
    guarantee = world.account(AccountKind.OFFLINE_GUARANTEE, programme=1)
    world.do(EntryKind.GUARANTEE_FUNDED, Draw((world.funds(),), guarantee, 500))
    pays = _entry(world, entry=5, debit=guarantee, debit_kind=12)

    _refused(db_engine, LINE, ENTRY, reason="ck_balances_not_below_zero", **{**pays, "amount": 501})
    run(db_engine, LINE, ENTRY, **{**pays, "amount": 500})


def test_4_an_offline_guarantee_is_owed_so_it_needs_the_reserve(db_engine: Engine) -> None:
    world = small_world(db_engine)
    guarantee = world.account(AccountKind.OFFLINE_GUARANTEE, programme=1)
    suspense = _entry(
        world, debit=world.single(AccountKind.SUSPENSE_IN), debit_kind=8, credit=guarantee, credit_kind=12
    )

    _refused(db_engine, LINE, ENTRY, reason="issue_exceeds_reserve", **{**suspense, "amount": 90_001})
    run(db_engine, LINE, ENTRY, **{**suspense, "amount": 90_000})
    with reading(db_engine) as db:
        assert head_of(db, territory_id=TERRITORY_ID).owed_cents == 100_000
    # What it pays is owed already: no issue. What goes back to the funds is owed no more.
    pays = _entry(world, entry=5, key=b"\x08" * 32, debit=guarantee, debit_kind=12, amount=40_000)
    run(db_engine, LINE, ENTRY, **pays)
    back = {**pays, "entry": 6, "key": b"\x09" * 32, "credit": world.funds(), "credit_kind": 2}
    run(db_engine, LINE, ENTRY, **back)
    with reading(db_engine) as db:
        assert head_of(db, territory_id=TERRITORY_ID).owed_cents == 60_000


def test_no_account_is_of_a_kind_that_nobody_knows(db_engine: Engine) -> None:
    world = small_world(db_engine)
    account = "INSERT INTO accounts VALUES (1, :number, :kind, 1, 0, 0, '9999-12-31', 0, :leaf)"
    number = world.account(AccountKind.OFFLINE_GUARANTEE, programme=2) + 1

    run(db_engine, account, number=number, kind=12, leaf=b"\x01" * 32)
    _refused(db_engine, account, reason="ck_accounts_kind", number=number + 1, kind=13, leaf=b"\x01" * 32)


@pytest.mark.parametrize("policy", ["OR IGNORE", "OR FAIL", "OR REPLACE"])
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_3_no_conflict_policy_of_sqlite_makes_money(db_engine: Engine, policy: str) -> None:
    world = small_world(db_engine)
    line = LINE.replace("INSERT", f"INSERT {policy}")

    _refused(db_engine, line, ENTRY, reason="ck_balances_not_below_zero", **_entry(world, amount=50_000))
    with pytest.raises((DBAPIError, Refusal)):
        run(db_engine, line, ENTRY, **_entry(world, amount=-1))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_1_half_a_cent_is_no_amount(db_engine: Engine) -> None:
    world = small_world(db_engine)

    _refused(db_engine, LINE, ENTRY, reason="ck_transfers_amount", **_entry(world, amount=1.5))


def test_4_units_issued_from_anywhere_need_the_reserve(db_engine: Engine) -> None:
    world = small_world(db_engine)
    suspense = {"debit": world.single(AccountKind.SUSPENSE_IN), "debit_kind": 8}
    to_purse = {"credit": world.purse(7), "credit_kind": 3}
    values = _entry(world, **suspense, **to_purse)

    _refused(db_engine, LINE, ENTRY, reason="issue_exceeds_reserve", **{**values, "amount": 90_001})
    run(db_engine, LINE, ENTRY, **{**values, "amount": 90_000})


def test_4_an_issue_cannot_put_more_in_circulation_than_the_reserve_holds(db_engine: Engine) -> None:
    world = small_world(db_engine)
    fee = {"debit": world.single(AccountKind.BANK_CHARGES), "debit_kind": 10}
    fee |= {"credit": world.single(AccountKind.RESERVE), "credit_kind": 1}
    issue = {"debit": world.funds(), "debit_kind": 2, "credit": world.purse(7), "credit_kind": 3}
    run(db_engine, LINE, ENTRY, **_entry(world, amount=100, **fee))
    rest = _entry(world, entry=5, key=b"\x08" * 32, **issue)

    _refused(db_engine, LINE, ENTRY, reason="issue_exceeds_reserve", **{**rest, "amount": 89_901})
    run(db_engine, LINE, ENTRY, **{**rest, "amount": 89_900})


@pytest.mark.parametrize("table", ["journal_entries", "transfers", "accounts", "closed_periods", "log_heads"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET territory_id = territory_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_5_history_is_never_changed_nor_deleted(db_engine: Engine, table: str, verb: str) -> None:
    if "TRUNCATE" in verb and db_engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    small_world(db_engine)
    run(db_engine, CLOSE)
    transact(db_engine, seal, territory_id=TERRITORY_ID, sign=KEYRING.sign, now_ms=NOON_MS)

    _refused(db_engine, verb.format(table), reason="append_only")


def test_5_replacing_a_row_in_sqlite_is_no_way_round(db_engine: Engine) -> None:
    if db_engine.dialect.name != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    world = small_world(db_engine)
    values = _entry(world, entry=3)

    _refused(db_engine, LINE.replace("INSERT", "INSERT OR REPLACE"), reason="entry_already_written", **values)
    _refused(db_engine, "INSERT OR REPLACE INTO balances VALUES (1, 1, 1, 0, 0, 0, 0)", reason="balance_without")
    _refused(db_engine, "INSERT OR REPLACE INTO ledger_heads VALUES (1, 0, 0, 0, 0, 0)", reason="head_without")


def test_5_an_entry_is_reversed_once(db_engine: Engine) -> None:
    world = small_world(db_engine)
    reversal = ENTRY.replace("NULL", "3")
    run(db_engine, LINE, reversal, **_entry(world))

    _refused(
        db_engine, LINE, reversal, reason="uq_journal_entries_reverses", **_entry(world, entry=5, key=b"\x09" * 32)
    )


def test_6_the_same_key_cannot_be_posted_twice(db_engine: Engine) -> None:
    world = small_world(db_engine)
    run(db_engine, LINE, ENTRY, **_entry(world))

    _refused(db_engine, LINE, ENTRY, reason="uq_journal_entries_key", **_entry(world, entry=5))


def test_7_a_closed_month_takes_no_entry_and_the_next_one_does(db_engine: Engine) -> None:
    world = small_world(db_engine)
    run(db_engine, CLOSE)

    _refused(db_engine, LINE, ENTRY, reason="period_closed", **_entry(world))
    run(db_engine, LINE, ENTRY.replace("2026-10-05", "2026-11-01"), **_entry(world))


def test_7_months_are_closed_once_and_in_order(db_engine: Engine) -> None:
    small_world(db_engine)
    run(db_engine, CLOSE)

    _refused(db_engine, CLOSE, reason="period_already_closed")
    december = "INSERT INTO closed_periods VALUES (1, '2026-12-31', '2026-12-01', 3, 0)"
    _refused(db_engine, december, reason="period_out_of_order")
    run(db_engine, "INSERT INTO closed_periods VALUES (1, '2026-11-30', '2026-11-01', 3, 0)", december)


@pytest.mark.parametrize("entry", [3, 5, 40])
def test_8_numbers_have_no_gap_and_no_double(db_engine: Engine, entry: int) -> None:
    world = small_world(db_engine)
    # PostgreSQL sees the double primary key before its statement trigger speaks.
    reason = (
        "entry_number_gap" if entry > 3 else "transfers" if "postgresql" in str(db_engine.url) else "already_written"
    )

    _refused(db_engine, LINE, ENTRY, reason=reason, **_entry(world, entry=entry))


def test_8_a_written_entry_gets_no_further_transfer(db_engine: Engine) -> None:
    world = small_world(db_engine)
    second_line = LINE.replace(":entry, 1,", ":entry, 2,")

    _refused(db_engine, second_line, reason="entry_already_written", **_entry(world, entry=3))


def test_8_a_head_of_the_log_cannot_shrink_nor_outrun_the_books(db_engine: Engine) -> None:
    small_world(db_engine)
    transact(db_engine, seal, territory_id=TERRITORY_ID, sign=KEYRING.sign, now_ms=NOON_MS)
    head = "INSERT INTO log_heads VALUES (1, :size, :root, :root, 1, :root, :root, 0, :root)"

    for size in (2, 3, 4):
        _refused(db_engine, head, reason="log_head_not_growing", size=size, root=b"\x01" * 32)


def test_11_no_name_fits_in_the_journal(db_engine: Engine) -> None:
    world = small_world(db_engine)
    named = ENTRY.replace("NULL, ''", "NULL, 'Marie Dupont'")
    by_name = ENTRY.replace("vandal:1", "Marie")

    _refused(db_engine, LINE, named, reason="ck_journal_entries_reference", **_entry(world))
    _refused(db_engine, LINE, by_name, reason="ck_journal_entries_caller", **_entry(world))


def test_12_the_books_of_two_towns_do_not_mix(db_engine: Engine) -> None:
    world = small_world(db_engine)
    other = open_world(db_engine, territory_id=2)
    for wallet in range(20, 30):
        other.purse(wallet)
    foreign = other.purse(29)

    _refused(db_engine, LINE, ENTRY, reason="foreign key", **_entry(world, credit=foreign, credit_kind=3))
    _refused(db_engine, LINE, ENTRY, reason="foreign key", **_entry(world, debit_kind=5))
