"""`verify` beyond the books themselves: the audit trail remembers who signed, paper remembers how long the log was."""

import json
import shutil

import pytest
from click.testing import CliRunner

from monnaie_locale.__main__ import main
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.runtime import DATABASE_FILE
from tests.factories import demo as small
from tests.factories.vandal import run, take_the_guards_down

TAIL = "(SELECT MAX(id) - 3 FROM journal_entries)"

# What was done by hand -> the SQL -> the code and the subject that verify must give.
FAULTS = {
    "a month's close, lock and certificate taken away together": (
        ["DELETE FROM closes WHERE id = 1", "DELETE FROM closed_periods"],
        ("approval_missing", "close 1"),
    ),
    "a distribution said to be prepared by another": (
        ["UPDATE distributions SET prepared_by = 'staff:77' WHERE id = 1"],
        ("preparer_differs", "distribution 1"),
    ),
    "a payout said to be prepared by another": (
        ["UPDATE payouts SET prepared_by = 'staff:77' WHERE id = 1"],
        ("preparer_differs", "payout 1"),
    ),
    "a payout said to be approved by another": (
        ["UPDATE payouts SET approved_by = 'staff:77' WHERE id = 1"],
        ("approver_differs", "payout 1"),
    ),
    "a line of the audit trail taken away": (
        ["DELETE FROM audit_events WHERE id = 3"],
        ("audit_event_missing", "audit event 3"),
    ),
    "an approval that the trail does not know": (
        ["UPDATE audit_events SET actor = 'staff:77' WHERE action = 'close.approve'"],
        ("approver_differs", "close 1"),
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return small.small_demo(tmp_path_factory.mktemp("trail") / "out").home


@pytest.fixture
def altered(home, tmp_path):
    folder = tmp_path / "instance"
    shutil.copytree(home, folder)

    def alter(*statements):
        engine = open_engine(f"sqlite:///{folder / DATABASE_FILE}")
        take_the_guards_down(engine)
        run(engine, *statements)
        engine.dispose()
        return folder

    return alter


@pytest.fixture(scope="module")
def head(home):
    """Give the newest head as a document shows it."""
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    with reading(engine) as db:
        size, root = db.exec_driver_sql("SELECT size, root FROM log_heads ORDER BY size DESC LIMIT 1").one()
    engine.dispose()
    return size, root.hex()


def found(home, *words):
    answer = CliRunner().invoke(main, ["verify", "--home", str(home), "--json", *words])
    said = json.loads(answer.stdout)
    assert said["ok"] is (answer.exit_code == 0)
    return {(finding["code"], finding["subject"]) for finding in said["findings"]}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_trail_remembers_is_named_when_it_is_gone(altered, fault):
    statements, expected = FAULTS[fault]
    assert expected in found(altered(*statements))


def test_a_head_kept_on_paper_is_found_again(home, head):
    size, root = head
    grouped = " ".join(root[start : start + 4] for start in range(0, 64, 4))
    assert found(home, "--head", f"{size}:{grouped}") == set()
    assert found(home, "--head", f"{size}:{'0' * 64}") == {("kept_head_differs", f"log head {size}")}
    assert found(home, "--head", f"{size + 1000}:{root}") == {("kept_head_missing", f"log head {size + 1000}")}


def test_a_tail_taken_away_with_its_heads_is_seen_by_who_kept_one(altered, head):
    size, root = head
    folder = altered(
        f"DELETE FROM log_heads WHERE size > {TAIL}",
        f"CREATE TABLE gone AS SELECT {TAIL} AS after",
        "DELETE FROM transfers WHERE entry_id > (SELECT after FROM gone)",
        "DELETE FROM journal_entries WHERE id > (SELECT after FROM gone)",
        "UPDATE ledger_heads SET last_entry_id = (SELECT after FROM gone)",
    )
    assert ("kept_head_missing", f"log head {size}") in found(folder, "--head", f"{size}:{root}")


def test_words_that_are_no_head_are_said_so(home):
    answer = CliRunner().invoke(main, ["verify", "--home", str(home), "--head", "12"])
    assert answer.exit_code == 2
    assert "empreinte de 64 caractères" in answer.output
