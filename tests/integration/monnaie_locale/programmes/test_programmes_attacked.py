"""Raw SQL against the tables of programmes: the database refuses what the code would never ask."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.errors import Refusal
from tests.factories import programmes as made
from tests.factories import wallets
from tests.factories.ledger import TERRITORY_ID, open_world


@pytest.fixture
def lines(db_engine: Engine) -> list[tuple[int, int]]:
    open_world(db_engine)
    keys = wallets.keyring()
    return [(wallets.wallet(db_engine, keys, f"M-{number}").wallet_id, 1_000) for number in range(3)]


def attack(engine: Engine, statement: str) -> str:
    """Run one statement as an attacker would; return what the database said, "" when it let it pass."""
    try:
        transact(engine, lambda db: db.execute(text(statement)))
    except (DBAPIError, Refusal) as error:
        return str(error.__cause__ or error)
    return ""


PREPARED = {
    "UPDATE distributions SET prepared_by = 'staff:8'": "distribution_frozen",
    "UPDATE distributions SET total_cents = 1": "distribution_frozen",
    "UPDATE distributions SET line_count = 1": "distribution_frozen",
    "UPDATE distributions SET expires_on = '2030-01-01'": "distribution_frozen",
    "UPDATE distributions SET programme_id = 2": "distribution_frozen",
    "UPDATE distributions SET state = 'approved'": "ck_distributions_approved",
    "UPDATE distributions SET state = 'approved', approved_at_ms = 1, approved_by = 'staff:1'":
        "ck_distributions_two_people",
    "UPDATE distributions SET state = 'posted', approved_at_ms = 1, approved_by = 'staff:2', ended_at_ms = 1,"
    " posted_through_line = 3":
        "distribution_step",
    "UPDATE distributions SET posted_through_line = 1": "ck_distributions_progress",
    "DELETE FROM distributions": "distribution_frozen",
    "DELETE FROM distribution_lines": "distribution_lines_frozen",
    "UPDATE distribution_lines SET amount_cents = 99": "distribution_lines_frozen",
    "UPDATE distribution_lines SET wallet_id = 2 WHERE line_no = 1": "distribution_lines_frozen",
}  # fmt: skip
APPROVED = {
    "UPDATE distributions SET approved_by = 'staff:7'": "distribution_approval_frozen",
    "UPDATE distributions SET approved_by = NULL, approved_at_ms = NULL, state = 'prepared'":
        "distribution_approval_frozen",
    "UPDATE distributions SET state = 'prepared'": "distribution_step",
    "INSERT INTO distribution_lines VALUES (1, 1, 4, 1, 500)": "distribution_lines_frozen",
    "DELETE FROM distribution_lines WHERE line_no = 1": "distribution_lines_frozen",
}  # fmt: skip
POSTED = {
    "UPDATE distributions SET state = 'approved', ended_at_ms = NULL": "distribution_step",
    "UPDATE distributions SET posted_through_line = 1": "distribution_progress",
}


@pytest.mark.parametrize("statement", PREPARED)
def test_a_prepared_distribution_resists(statement: str, db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.prepared(db_engine, made.programme(db_engine).programme_id, lines)
    made.transport(db_engine)
    assert PREPARED[statement] in attack(db_engine, statement)


@pytest.mark.parametrize("statement", APPROVED)
def test_an_approved_distribution_resists(statement: str, db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.approved(db_engine, made.programme(db_engine).programme_id, lines)
    assert APPROVED[statement] in attack(db_engine, statement)


@pytest.mark.parametrize("statement", POSTED)
def test_a_posted_distribution_resists(statement: str, db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.distributed(db_engine, made.programme(db_engine).programme_id, lines)
    said = attack(db_engine, statement)
    assert POSTED[statement] in said or "ck_distributions_progress" in said


def test_lines_added_behind_the_makers_back_stop_the_approval(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.prepared(db_engine, made.programme(db_engine).programme_id, lines[:2])
    sneaked = f"INSERT INTO distribution_lines VALUES ({TERRITORY_ID}, 1, 3, {lines[2][0]}, 99999)"
    assert attack(db_engine, sneaked) == ""
    approval = "UPDATE distributions SET state = 'approved', approved_by = 'staff:2', approved_at_ms = 1"
    assert "distribution_sums" in attack(db_engine, approval)


def test_a_distribution_is_not_born_approved(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.programme(db_engine)
    born = (
        "INSERT INTO distributions VALUES (1, 1, 1, 'x', '2026-12-31', 'approved', 'staff:1', 'staff:2', 1, 5, 0, 1, 1,"
        " NULL)"
    )
    assert "distribution_not_fresh" in attack(db_engine, born)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_insert_or_replace_does_not_rewrite_it(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.approved(db_engine, made.programme(db_engine).programme_id, lines)
    again = (
        "INSERT OR REPLACE INTO distributions VALUES (1, 1, 1, 'x', '2026-12-31', 'prepared', 'staff:2', NULL, 1, 5, 0,"
        " 1, NULL, NULL)"
    )
    assert "distribution_not_fresh" in attack(db_engine, again)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["distribution_lines", "distributions, distribution_lines", "funding_orders"])
def test_truncate_is_refused(table: str, db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.distributed(db_engine, made.programme(db_engine).programme_id, lines)
    assert "frozen" in attack(db_engine, f"TRUNCATE {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE funding_orders SET amount_cents = 1",
        "UPDATE funding_orders SET state = 'expected', entry_id = NULL",
        "UPDATE funding_orders SET reference = 'RF00'",
        "DELETE FROM funding_orders",
    ],
)
def test_a_received_funding_resists(statement: str, db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.fund(db_engine, made.programme(db_engine).programme_id, 5_000)
    assert "funding_order_frozen" in attack(db_engine, statement)


def test_a_name_does_not_go_where_a_caller_goes(db_engine: Engine, lines: list[tuple[int, int]]) -> None:
    made.programme(db_engine)
    named = "UPDATE programmes SET created_by = 'Jeanne Martin'"
    assert "ck_programmes_created_by" in attack(db_engine, named)
    assert attack(db_engine, "UPDATE programmes SET created_by = 'staff:4'") == ""
