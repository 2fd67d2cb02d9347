"""Mutants of the money path, made by hand: the guard that somebody could take away, and the tests that must notice.

Each mutant is one or several edits (file, old text, new text). An old text that is not there exactly once is an error,
never a mutant that lives: whoever rewrites a file aims its mutants again. The tests of a mutant run on SQLite unless
it says otherwise; both databases hold the same guards, and the tests named run on both in the ordinary suite.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
NEEDED = ("monnaie_locale", "merchants", "wallets", "migrations", "tests", "pyproject.toml")
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "node_modules")
JOURNAL = "tests/integration/monnaie_locale/journal"
UNIT = "tests/unit/monnaie_locale/ledger"
SQL = "migrations/sql/0001_ledger.sqlite.sql"
COUNTING = "migrations/sql/0008_counting.sqlite.sql"
LEDGER = "migrations/versions/0001_ledger.py"
GUARANTEE = "migrations/versions/0019_offline_guarantee.py"
# pytest's exit codes: all passed, some failed.
PASSED, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Mutant:
    """A guard taken away, and the tests that must fail; `only` is a pytest -k expression."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]
    only: str = "not postgresql"


MUTANTS = (
    Mutant(
        "no balance check in decide",
        (
            (
                "monnaie_locale/ledger/posting.py",
                "        raise InsufficientFunds(available_cents=max(0, available_cents)",
                "        return draw.amount_cents or dict(available_cents=max(0, available_cents)",
            ),
        ),
        (f"{UNIT}/test_posting.py",),
    ),
    Mutant(
        "no CHECK of balances",
        (
            (LEDGER, "OR credits_cents >= debits_cents)", "OR credits_cents >= 0)"),
            (LEDGER, "OR debits_cents >= credits_cents)", "OR debits_cents >= 0)"),
        ),
        (f"{JOURNAL}/test_invariants.py::test_3_a_purse_a_fund_or_a_shop_cannot_go_below_zero",),
    ),
    Mutant(
        "no posting lock",
        (("monnaie_locale/database/turns.py", 'BEGIN = "BEGIN IMMEDIATE"', 'BEGIN = "BEGIN"'),),
        (f"{JOURNAL}/test_writer.py", "tests/integration/monnaie_locale/closing/test_at_once.py"),
    ),
    Mutant(
        "no posting lock on PostgreSQL",
        (
            ("migrations/sql/0008_counting.postgresql.sql", "= territory FOR UPDATE;", "= territory;"),
            (
                "monnaie_locale/journal/directory.py",
                '    .where(ledger_heads.c.territory_id == bindparam("territory_id"))\n    .with_for_update()\n',
                '    .where(ledger_heads.c.territory_id == bindparam("territory_id"))\n',
            ),
        ),
        (f"{JOURNAL}/test_writer.py", "tests/integration/monnaie_locale/closing/test_at_once.py"),
        "postgresql",
    ),
    Mutant(
        "no unique key",
        (
            (COUNTING, "  WHERE territory_id = NEW.territory_id AND key_digest = NEW.key_digest;", "  WHERE 0;"),
            (
                LEDGER,
                '        sa.UniqueConstraint("territory_id", "key_digest", name="uq_journal_entries_key"),\n',
                "",
            ),
        ),
        (f"{JOURNAL}/test_invariants.py::test_6_the_same_key_cannot_be_posted_twice",),
    ),
    Mutant(
        "the key looked up in another transaction",
        (
            (
                "monnaie_locale/journal/locking.py",
                "books = execute(db, OPEN_ON_SQLITE,",
                "books = execute(ANOTHER(db), OPEN_ON_SQLITE,",
            ),
            (
                "monnaie_locale/journal/locking.py",
                "def lock_books(",
                ("def ANOTHER(db):\n    other = db.engine.connect()\n"
                "    return other.execution_options(monnaie_locale_read_only=True)\n\n\n"
                "def lock_books("),
            ),
        ),
        ("tests/torture/test_same_transaction.py",),
    ),
    Mutant(
        "another request under the same key",
        (
            (
                "monnaie_locale/journal/post.py",
                "    if earlier.entry.request_digest != posting.request_digest:",
                "    if earlier is None:",
            ),
        ),
        (f"{JOURNAL}/test_post.py::test_the_same_key_for_another_request_is_refused",),
    ),
    Mutant(
        "an entry in a closed month",
        ((COUNTING, "territory_id = NEW.territory_id AND ends_on >= (", "0 AND ends_on >= ("),),
        (f"{JOURNAL}/test_invariants.py::test_7_a_closed_month_takes_no_entry_and_the_next_one_does",),
    ),
    Mutant(
        "history that may be changed",
        (
            (
                SQL,
                ("CREATE TRIGGER journal_entries_no_update BEFORE UPDATE ON journal_entries\n"
                "BEGIN SELECT RAISE(ABORT, 'append_only'); END;"),
                "",
            ),
        ),
        (f"{JOURNAL}/test_invariants.py::test_5_history_is_never_changed_nor_deleted",),
    ),
    Mutant(
        "issued above the reserve",
        ((COUNTING, "AND owed_cents > reserve_cents", "AND owed_cents < 0"),),
        (f"{JOURNAL}/test_invariants.py", f"{JOURNAL}/test_post.py"),
    ),
    Mutant(
        "an offline guarantee that may owe",
        ((GUARANTEE, '"kind NOT IN (2, 3, 4, 5, 6, 12)")', '"kind NOT IN (2, 3, 4, 5, 6)")'),),
        (f"{JOURNAL}/test_invariants.py::test_3_an_offline_guarantee_cannot_go_below_zero",),
    ),
    Mutant(
        "an offline guarantee that nothing covers",
        (
            (GUARANTEE, '"IN (3, 4, 5, 6, 12)")', '"IN (3, 4, 5, 6)")'),
            (GUARANTEE, '"NOT IN (1, 3, 4, 5, 6, 7, 12)")', '"NOT IN (1, 3, 4, 5, 6, 7)")'),
        ),
        (f"{JOURNAL}/test_invariants.py::test_4_an_offline_guarantee_is_owed_so_it_needs_the_reserve",),
    ),
    Mutant(
        "a reported card that goes on paying offline",
        (("wallets/paying/authorisation.py", "eligible = () if end is CardEnd.BEFORE else fit", "eligible = fit"),),
        ("tests/integration/merchants/offline/test_guarantee.py",),
    ),
    Mutant(
        "a PIN's try counted after it was evaluated",
        (
            ("wallets/pin_check.py", "(tries_left=cards.c.tries_left - 1)", "(tries_left=cards.c.tries_left)"),
            (
                "wallets/pin_check.py",
                "        if not keyring.check_secret(taken.hashed, pin, as_old=taken.as_old):\n",
                ("        if not keyring.check_secret(taken.hashed, pin, as_old=taken.as_old):\n"
                "            counted = update(cards).where(cards.c.id == card.card_id, cards.c.tries_left > 0)\n"
                "            counted = counted.values(tries_left=cards.c.tries_left - 1)\n"
                "            transact(engine, lambda db: db.execute(counted))\n"),
            ),
        ),
        ("tests/integration/wallets/test_pins.py",),
    ),
    Mutant(
        "a refund that forgets the ones before",
        (
            (
                "merchants/charging/refund.py",
                "    before_cents = refunded.get(plan.charge_entry_id, 0)",
                "    before_cents = 0",
            ),
            ("merchants/charging/refund.py", "        return self.stored.get(charge_entry_id, 0)", "        return 0"),
        ),
        ("tests/integration/merchants/charging/test_refund.py",),
    ),
    Mutant(
        "whoever prepared a payout approves it",
        (
            ("merchants/payouts/operations.py", "    if payout.prepared_by == actor:", "    if not actor:"),
            ("migrations/versions/0005_merchants.py",
             '"approved_by IS NULL OR approved_by <> prepared_by", name="ck_payouts_two_people"',
             '"approved_by IS NULL OR approved_by <> \'\'", name="ck_payouts_two_people"'),
        ),
        ("tests/integration/merchants/payouts/test_operations.py::test_whoever_prepared_does_not_approve",),
    ),
    Mutant(
        "a seal of something else",
        (("monnaie_locale/journal/sealer.py", "frontier.extended(leaves)", "frontier.extended(leaves[::-1])"),),
        (f"{JOURNAL}/test_verify.py::test_the_root_is_that_of_all_leaves",),
    ),
    Mutant(
        "a leaf without the reference",
        (("monnaie_locale/ledger/entries.py", " reference, [(line", ' "", [(line'),),
        (f"{UNIT}/test_canonical_bytes.py",),
    ),
    Mutant(
        "a chain that skips a payment",
        (("monnaie_locale/journal/post.py", " = last_moves[credit_id] = entry_id", " = entry_id"),),
        ("tests/integration/monnaie_locale/journal/test_reads_stay_flat.py",),
    ),
    Mutant(
        "a card's seal without its PIN",
        (("wallets/codes/card_seal.py", ".hex(), number, pin_hash]", ".hex(), number]"),),
        ("tests/torture/test_tampering.py::test_each_edit_by_hand_is_named",),
    ),
    Mutant(
        "a month's statement without its last operation",
        (("merchants/statements/movements.py", "below=highest + 1)", "below=highest)"),),
        ("tests/integration/monnaie_locale/journal/test_reads_stay_flat.py",),
    ),
)  # fmt: skip


class Aimless(Exception):
    """A mutant's old text is not in its file exactly once."""


def copy_of_the_tree(folder: Path) -> None:
    """Copy what the tests need."""
    for name in NEEDED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=LEFT_BEHIND)
        else:
            shutil.copy(source, folder / name)


@contextmanager
def applied(mutant: Mutant, folder: Path) -> Iterator[None]:
    """Apply a mutant's edits in a copy of the tree, and take them back."""
    before = {file: (folder / file).read_text(encoding="utf-8") for file, _, _ in mutant.edits}
    after = dict(before)
    for file, old, new in mutant.edits:
        if after[file].count(old) != 1:
            message = f"{mutant.name}: {old!r} is {after[file].count(old)} times in {file}"
            raise Aimless(message)
        after[file] = after[file].replace(old, new)
    for file, content in after.items():
        (folder / file).write_text(content, encoding="utf-8")
    yield
    for file, content in before.items():
        (folder / file).write_text(content, encoding="utf-8")


def run_tests(folder: Path, tests: Sequence[str], only: str) -> tuple[int, str]:
    """Run the selection in the copy; return pytest's exit code and the end of what it said."""
    quiet = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)}
    options = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", only)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests], cwd=folder, env=quiet, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return run.returncode, run.stdout[-3000:] + run.stderr[-1000:]
