"""Migration 0026 on a database that was used: what a person said of a line before decisions had a table is kept.

The rows are those that the service wrote until then: a suspense, its reversal and the right entry in the journal, a
line in the audit trail, and one row of `bank_resolutions`.
"""

import datetime
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine, insert, text

from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.migrate import upgrade
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import single_account
from monnaie_locale.journal.periods import close_period
from monnaie_locale.journal.queries import balance_of
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.reconciliation import errors
from monnaie_locale.reconciliation.decision_queries import decisions_of
from monnaie_locale.reconciliation.decisions import By, undo
from monnaie_locale.reconciliation.entering import Movement, enter_simple, reverse
from monnaie_locale.reconciliation.model import DecidedEntry, DecisionKind, MatchKind, Resolution, Share
from monnaie_locale.reconciliation.queries import unresolved
from monnaie_locale.reconciliation.tables import bank_lines, bank_matches, bank_statements
from tests.factories.ledger import open_world
from tests.factories.month import CHECKER, MAKER, moment
from tests.factories.vandal import run

KEYS = Keyring.generate()
BEFORE = "0025"
SEPTEMBER = Month(2026, 9)
RESOLVE = "INSERT INTO bank_resolutions VALUES (:territory, 1, :line, 1, :kind, :note, :reversal, :entry, :actor, :at)"
# The month is locked here without the papers of a close.
ONLY = ["lock_without_close"]
OVER = "INSERT INTO bank_decision_parts VALUES (1, 1, 1, 3, 1, 1)"


@dataclass(frozen=True)
class Line:
    """A line that nothing explained, and what somebody said that it was."""

    line_no: int
    cents: int
    on: datetime.date
    kind: Resolution

    @property
    def suspense(self) -> MatchKind:
        return MatchKind.SUSPENSE_IN if self.cents > 0 else MatchKind.SUSPENSE_OUT


FEE = Line(1, -1_700, datetime.date(2026, 9, 30), Resolution.BANK_CHARGE)
SMALL_FEE = Line(2, -300, datetime.date(2026, 10, 6), Resolution.BANK_CHARGE)
TOP_UP = Line(3, 2_000, datetime.date(2026, 10, 7), Resolution.RESERVE_TOP_UP)
LINES = (FEE, SMALL_FEE, TOP_UP)


def movement(territory_id: int, line: Line, key: str) -> Movement:
    return Movement(
        territory_id=territory_id, amount_cents=abs(line.cents), booked_on=line.on, caller=MAKER,
        key=f"{key}:1:{line.line_no}:1", reference=f"BQ1/{line.line_no}.1", actor=MAKER, now=moment(8),
    )  # fmt: skip


def import_as_before(db: Connection, territory_id: int, lines: tuple[Line, ...]) -> dict[int, int]:
    """Store a statement of lines in suspense; return the entry of each."""
    key = {"territory_id": territory_id, "bank_statement_id": 1}
    db.execute(
        insert(bank_statements),
        {
            "territory_id": territory_id, "id": 1, "statement_id": "R1", "file_digest": bytes(32), "opening_cents": 0,
            "closing_cents": sum(line.cents for line in lines), "from_on": lines[0].on, "to_on": lines[-1].on,
            "imported_by": MAKER, "imported_at_ms": instant_ms(moment(8)),
        },
    )  # fmt: skip
    made = {}
    for line in lines:
        words = dict.fromkeys(("bank_reference", "end_to_end_id", "return_reason", "bank_code"), "")
        at = {"line_no": line.line_no, "amount_cents": line.cents}
        days = {"booked_on": line.on, "value_on": line.on}
        db.execute(insert(bank_lines), {**key, **at, **words, **days, "label": "INCONNU"})
        posted = enter_simple(db, kind=line.suspense, movement=movement(territory_id, line, "line"))
        made[line.line_no] = posted.entry.entry_id
        what = {"kind": line.suspense.value, "expectation_id": None, "reason_fr": "?", "entry_id": made[line.line_no]}
        db.execute(insert(bank_matches), {**key, **at, **what, "part_no": 1})
    return made


def resolve_as_before(db: Connection, territory_id: int, line: Line, suspense_id: int, note: str) -> tuple[int, int]:
    """Say what a line is, as the service did until 0026; return the reversal and the right entry."""
    moved = movement(territory_id, line, "resolve")
    reversal = reverse(db, entry_id=suspense_id, movement=moved).entry.entry_id
    entry = enter_simple(db, kind=MatchKind(line.kind.value), movement=moved).entry.entry_id
    row = {
        "territory": territory_id, "line": line.line_no, "kind": line.kind.value, "note": note,
        "reversal": reversal, "entry": entry, "actor": MAKER, "at": instant_ms(moved.now),
    }  # fmt: skip
    db.execute(text(RESOLVE), row)
    target = f"statement:1:{line.line_no}:1"
    audit.record(
        db, territory_id=territory_id, at=moved.now, actor=MAKER, action="statement.resolve", target=target, detail={}
    )
    return reversal, entry


@pytest.fixture
def used(empty_engine: Engine) -> dict[int, tuple[int, int]]:
    """Use a database of before: September is closed; two lines of October were said in another order than theirs."""
    upgrade(empty_engine, revision=BEFORE)
    for territory_id, lines in ((1, LINES), (2, (SMALL_FEE,))):
        open_world(empty_engine, territory_id)
        waiting = transact(empty_engine, import_as_before, territory_id=territory_id, lines=lines)
        made = {}
        for line in (FEE, TOP_UP, SMALL_FEE):
            if line in lines:
                made[line.line_no] = transact(
                    empty_engine, resolve_as_before, territory_id=territory_id, line=line,
                    suspense_id=waiting[line.line_no], note=f"Vu, ligne {line.line_no}",
                )  # fmt: skip
        if territory_id == 1:
            first = made
            transact(empty_engine, close_period, territory_id=1, month=SEPTEMBER, now_ms=instant_ms(moment(9)))
    upgrade(empty_engine)
    return first


def test_every_decision_is_kept_with_its_lines_its_entries_and_who_said_it(used, empty_engine: Engine) -> None:
    with reading(empty_engine) as db:
        found = decisions_of(db, territory_id=1)
        (other,) = decisions_of(db, territory_id=2)
        assert unresolved(db, territory_id=1) == []
        verdict = verify_installation(db, territory_id=1, public_key_pem=KEYS.public_key_pem)
    assert [each.code for each in verdict.findings] == ONLY
    assert [each.decision_id for each in found] == [1, 2, 3]
    for each, line in zip(found, (FEE, TOP_UP, SMALL_FEE), strict=True):
        reversal, entry = used[line.line_no]
        assert (each.kind, each.subject, each.undoes_id) == (DecisionKind.MATCH, "", None)
        assert (each.note, each.decided_by) == (f"Vu, ligne {line.line_no}", MAKER)
        assert each.decided_at_ms == instant_ms(moment(8))
        assert each.period_ends_on == Month.of(line.on).last_day
        assert each.shares == (Share(bank_statement_id=1, line_no=line.line_no, part_no=1, amount_cents=line.cents),)
        assert each.entries == (
            DecidedEntry(line.kind.value, "", abs(line.cents), entry),
            DecidedEntry("reversal", "", abs(line.cents), reversal),
        )
    # Another town's decisions are numbered apart.
    assert (other.decision_id, other.shares[0].line_no) == (1, SMALL_FEE.line_no)


def test_what_was_brought_over_is_as_final_as_what_is_decided_since(used, empty_engine: Engine) -> None:
    del used
    by = By(territory_id=1, actor=CHECKER, note="Ce n’était pas cela", now=moment(12))
    with pytest.raises(errors.DecisionPeriodClosed):
        transact(empty_engine, undo, by=by, decision_id=1)
    with pytest.raises(errors.LineAlreadyResolved):
        run(empty_engine, OVER)
    undone = transact(empty_engine, undo, by=by, decision_id=3)
    with reading(empty_engine) as db:
        (line,) = unresolved(db, territory_id=1)
        suspense = single_account(db, territory_id=1, kind=AccountKind.SUSPENSE_OUT)
        assert balance_of(db, territory_id=1, account_id=suspense) == SMALL_FEE.cents
        verdict = verify_installation(db, territory_id=1, public_key_pem=KEYS.public_key_pem)
    assert (line.line_no, line.waiting_cents, undone.decision_id) == (SMALL_FEE.line_no, SMALL_FEE.cents, 4)
    assert [each.code for each in verdict.findings] == ONLY
