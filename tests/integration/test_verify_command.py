"""`monnaie-locale verify` on a demonstration's books, and on copies that somebody altered with every guard down."""

import json
import shutil

import pytest
from click.testing import CliRunner

from monnaie_locale.__main__ import main
from monnaie_locale.database.engine import open_engine
from monnaie_locale.runtime import DATABASE_FILE
from tests.factories import demo as small
from tests.factories.vandal import run, take_the_guards_down

CHARGE = "(SELECT MAX(id) FROM journal_entries WHERE kind = 3)"
REFUNDED = "(SELECT MIN(charge_entry_id) FROM charge_refunds WHERE refunded_cents > 1)"
PURSE = "(SELECT MIN(account_id) FROM balances WHERE kind = 3)"
ISSUED = "(SELECT MIN(id) FROM journal_entries WHERE kind = 2)"
LAST = "(SELECT MAX(id) FROM journal_entries)"

# What was done by hand -> the SQL -> the code that verify must give.
CORRUPTIONS = {
    "the amount of a charge changed": (
        [f"UPDATE transfers SET amount_cents = amount_cents + 1 WHERE entry_id = {CHARGE} AND line_no = 1"],
        "entry_altered",
    ),
    "a purse filled": (
        [
            f"UPDATE balances SET credits_cents = credits_cents + 5000 WHERE account_id = {PURSE}",
        ],
        "balance_differs",
    ),
    "a charge deleted": (
        [f"DELETE FROM transfers WHERE entry_id = {CHARGE}", f"DELETE FROM journal_entries WHERE id = {CHARGE}"],
        "entry_number_gap",
    ),
    "the last entry deleted": (
        [f"DELETE FROM transfers WHERE entry_id = {LAST}", f"DELETE FROM journal_entries WHERE id = {LAST}"],
        "log_shortened",
    ),
    "a charge moved to a closed month": (
        ["UPDATE closed_periods SET last_entry_id = last_entry_id - 1"],
        "entry_in_closed_period",
    ),
    "a head signed by somebody else": (
        ["UPDATE log_heads SET signature = zeroblob(64) WHERE size = (SELECT MAX(size) FROM log_heads)"],
        "log_signature_invalid",
    ),
    "a refund forgotten, to be made twice": (
        [f"UPDATE charge_refunds SET refunded_cents = refunded_cents - 1 WHERE charge_entry_id = {REFUNDED}"],
        "refunds_differ",
    ),
    "a distribution line hidden": (
        ["UPDATE distributions SET total_cents = total_cents - 100 WHERE id = 1"],
        "distribution_differs",
    ),
    "a transfer to a shop made to wait again": (
        ["UPDATE payout_lines SET state = 'ordered', settled_entry_id = NULL WHERE line_no = 1"],
        "transit_differs",
    ),
    "a transfer to a shop made larger": (
        ["UPDATE payout_lines SET amount_cents = amount_cents + 100 WHERE line_no = 1"],
        "payout_line_differs",
    ),
    "a bank line changed": (
        ["UPDATE bank_lines SET amount_cents = amount_cents - 1 WHERE bank_statement_id = 2 AND line_no = 1"],
        "bank_lines_differ",
    ),
    "a bank line matched for another amount": (
        ["UPDATE bank_matches SET amount_cents = amount_cents - 1 WHERE bank_statement_id = 2 AND line_no = 1"],
        "statement_does_not_add_up",
    ),
    "a bank line told otherwise": (
        [f"UPDATE bank_matches SET entry_id = {ISSUED} WHERE bank_statement_id = 2 AND line_no = 1"],
        "bank_line_differs",
    ),
    "a funding said to be larger": (
        ["UPDATE funding_orders SET amount_cents = amount_cents + 100000 WHERE id = 1"],
        "funding_differs",
    ),
    "the certificate of the month changed": (
        ["UPDATE closes SET certificate = replace(certificate, '\"reserve_cents\": ', '\"reserve_cents\": 1')"],
        "certificate_signature_wrong",
    ),
    "a household's aid said to be another's": (
        ["UPDATE distribution_lines SET wallet_id = wallet_id + 500 WHERE distribution_id = 1 AND line_no = 1"],
        "distribution_line_differs",
    ),
    "a transfer to a shop sent elsewhere": (
        ["UPDATE payout_lines SET iban = 'FR7630006000011234567890189' WHERE line_no = 1"],
        "payout_order_differs",
    ),
    "an entry of no kind": ([f"UPDATE journal_entries SET kind = 99 WHERE id = {CHARGE}"], "row_unreadable"),
    "the month said to be approved by another": (["UPDATE closes SET approved_by = 'staff:99'"], "close_differs"),
    "the certificate of the month torn": (["UPDATE closes SET certificate = '{'"], "certificate_malformed"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return small.small_demo(tmp_path_factory.mktemp("verified") / "out").home


@pytest.fixture
def copy(home, tmp_path):
    folder = tmp_path / "instance"
    shutil.copytree(home, folder)
    return folder


def verified(home, *words):
    """Return the exit status of the command and what it printed."""
    answer = CliRunner().invoke(main, ["verify", "--home", str(home), *words])
    return answer.exit_code, answer.stdout


def codes(home):
    status, printed = verified(home, "--json")
    said = json.loads(printed)
    assert said["ok"] is (status == 0)
    return {finding["code"] for finding in said["findings"]}


def test_the_books_of_the_demonstration_are_clean(home):
    status, printed = verified(home, "--json")
    said = json.loads(printed)
    assert status == 0
    assert said == {"ok": True, "entries": said["entries"], "findings": []}
    assert said["entries"] > small.CHARGES


def test_people_are_told_in_french(home):
    assert verified(home) == (0, verified(home)[1])
    assert "aucune anomalie" in verified(home)[1]


def test_a_copy_is_as_clean_as_its_original(copy):
    assert codes(copy) == set()


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corruption_made_by_hand_is_found(copy, corruption):
    statements, code = CORRUPTIONS[corruption]
    engine = open_engine(f"sqlite:///{copy / DATABASE_FILE}")
    take_the_guards_down(engine)
    run(engine, *statements)
    engine.dispose()

    assert code in codes(copy)


def test_a_finding_names_what_to_look_at_and_the_status_is_one(copy):
    engine = open_engine(f"sqlite:///{copy / DATABASE_FILE}")
    take_the_guards_down(engine)
    run(engine, "UPDATE funding_orders SET amount_cents = amount_cents + 100 WHERE id = 1")
    engine.dispose()

    status, printed = verified(copy)

    assert status == 1
    assert "funding 1" in printed
    assert "appel de fonds" in printed


def test_a_folder_without_installation_is_said_so(tmp_path):
    answer = CliRunner().invoke(main, ["verify", "--home", str(tmp_path)])
    assert answer.exit_code == 1
    assert "pas d’installation" in answer.output
