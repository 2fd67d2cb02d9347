"""Decide what bank lines are, take a wrong match back, undo a decision: entries in the open month, never a change."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert

from merchants.payouts.undo import undo_line_step
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import lock_territory
from monnaie_locale.journal.queries import closed_through, entry_of
from monnaie_locale.ledger.periods import Month, instant_ms
from monnaie_locale.ledger.posting import request_digest
from monnaie_locale.programmes.operations.funding import expect_again
from monnaie_locale.reconciliation.decision_queries import decision_of
from monnaie_locale.reconciliation.entering import Movement, enter_item, enter_simple, open_day, reverse
from monnaie_locale.reconciliation.errors import (
    DecisionAlreadyUndone,
    DecisionNotUndoable,
    DecisionPeriodClosed,
    DecisionUnbalanced,
    DecisionUsed,
    LineAlreadyResolved,
    LineNotInSuspense,
    ResolutionImpossible,
    ResolutionNeedsTwoPeople,
)
from monnaie_locale.reconciliation.model import (
    INCOMING_RESOLUTIONS,
    SUSPENSE,
    TWO_PEOPLE_RESOLUTIONS,
    DecidedEntry,
    Decision,
    DecisionKind,
    Item,
    MatchKind,
    Resolution,
    Share,
    StoredMatch,
)
from monnaie_locale.reconciliation.queries import match_of
from monnaie_locale.reconciliation.tables import bank_decision_entries, bank_decision_parts, bank_decisions

NOTE_LENGTH_MAX = 300
# What an entry of a decision is when it is no resolution.
REVERSAL_WORD, SUSPENSE_WORD = "reversal", "suspense"
UNDOABLE = frozenset({DecisionKind.MATCH, DecisionKind.CARRY})
# The line of the audit trail that holds the entries of a decision.
ENTERED = "statement.entered"


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who decides, why in a few words (never a person's name), and when."""

    territory_id: int
    actor: str
    note: str
    now: datetime.datetime


def decide(db: Connection, *, by: By, shares: Sequence[Share], items: Sequence[Item]) -> Decision:
    """Say what parts of bank lines are: n parts, m things, the same total; each thing is an entry out of suspense.

    Args:
        db: a connection in a transaction; all of it is written, or nothing.
        by: who decides, and why.
        shares: so much of each line, signed like the line; several lines for one thing, or one line for several.
        items: what it is, in positive cents. A debit and a credit of the same amount are one `bank_correction`.

    Refuses, in this order: resolution_needs_two_people, bank_line_unknown, bank_line_not_in_suspense,
    bank_line_already_resolved, resolution_impossible, decision_unbalanced, decision_period_closed, what each entry
    refuses, then resolution_needs_two_people of the database: one person leaves waiting what may have paid a rejected
    transfer, unless the bank corrected it itself.

    """
    if any(item.kind in TWO_PEOPLE_RESOLUTIONS for item in items):
        raise ResolutionNeedsTwoPeople
    return decide_prepared(db, by=by, shares=shares, items=items)


def decide_prepared(db: Connection, *, by: By, shares: Sequence[Share], items: Sequence[Item]) -> Decision:
    """Decide also what two people decide together, once one has prepared it; the database holds the second one to it.

    Arguments and refusals as `decide`.
    """
    territory_id = by.territory_id
    lock_territory(db, territory_id=territory_id)
    lines = [_waiting(db, territory_id, share) for share in shares]
    _refuse_unfit(shares, items)
    booked_on = max(line.booked_on for line in lines)
    period = Month.of(open_day(db, territory_id=territory_id, booked_on=booked_on))
    decision_id = record(db, by=by, kind=DecisionKind.MATCH, period=period, shares=shares)
    piece = f"BQ{shares[0].bank_statement_id}/{shares[0].line_no}.{shares[0].part_no}"
    entries = []
    for item_no, item in enumerate(items, start=1):
        movement = _movement(by, item.amount_cents, booked_on, f"decision:{decision_id}:{item_no}", piece)
        reference = item.reference.strip().upper()
        entry_id = enter_item(db, kind=item.kind, reference=reference, movement=movement)
        entries.append(DecidedEntry(item.kind.value, reference, item.amount_cents, entry_id))
    _store_entries(db, by, decision_id, entries)
    return decision_of(db, territory_id=territory_id, decision_id=decision_id)


def undo(db: Connection, *, by: By, decision_id: int) -> Decision:
    """Undo a decision while its month is open: its entries are reversed, its lines wait again; return the undo.

    Refuses, in this order: decision_unknown, decision_not_undoable, decision_already_undone, decision_period_closed,
    what a reversal refuses (already_reversed, insufficient_funds: the money has moved on), decision_used.
    """
    territory_id = by.territory_id
    lock_territory(db, territory_id=territory_id)
    decision = decision_of(db, territory_id=territory_id, decision_id=decision_id)
    if decision.kind not in UNDOABLE:
        raise DecisionNotUndoable
    if decision.undone_by_id is not None:
        raise DecisionAlreadyUndone
    back = [_opposite(share) for share in decision.shares]
    period = Month.of(decision.period_ends_on)
    number = record(db, by=by, kind=DecisionKind.UNDO, period=period, shares=back, undoes_id=decision_id)
    entries = [
        _take_back(db, by, entry.entry_id, f"undo:{number}:{item_no}")
        for item_no, entry in enumerate(reversed(decision.entries), start=1)
    ]
    _store_entries(db, by, number, entries)
    return decision_of(db, territory_id=territory_id, decision_id=number)


def take_match_back(db: Connection, *, by: By, bank_statement_id: int, line_no: int, part_no: int = 1) -> Decision:
    """Say that what the import matched a line with is wrong: its entry is reversed and the line waits in suspense.

    Refuses, in this order: bank_line_unknown, bank_line_not_in_suspense (it waits already, or moved nothing),
    decision_period_closed, what a reversal refuses, decision_used.
    """
    territory_id = by.territory_id
    lock_territory(db, territory_id=territory_id)
    line = match_of(
        db, territory_id=territory_id, bank_statement_id=bank_statement_id, line_no=line_no, part_no=part_no
    )
    if line.entry_id is None or line.kind in SUSPENSE or line.is_taken_back:
        raise LineNotInSuspense
    day = entry_of(db, territory_id=territory_id, entry_id=line.entry_id).entry.accounted_on
    share = Share(bank_statement_id=bank_statement_id, line_no=line_no, part_no=part_no, amount_cents=0)
    number = record(db, by=by, kind=DecisionKind.UNMATCH, period=Month.of(day), shares=[share])
    reversal = _take_back(db, by, line.entry_id, f"unmatch:{number}:1")
    kind = MatchKind.SUSPENSE_IN if line.amount_cents > 0 else MatchKind.SUSPENSE_OUT
    piece = f"BQ{bank_statement_id}/{line_no}.{part_no}"
    movement = _movement(by, abs(line.amount_cents), day, f"unmatch:{number}:2", piece)
    suspense = enter_simple(db, kind=kind, movement=movement).entry
    waiting = DecidedEntry(SUSPENSE_WORD, "", abs(line.amount_cents), suspense.entry_id)
    _store_entries(db, by, number, [reversal, waiting])
    return decision_of(db, territory_id=territory_id, decision_id=number)


def record(
    db: Connection,
    *,
    by: By,
    kind: DecisionKind,
    period: Month,
    subject: str = "",
    shares: Sequence[Share] = (),
    undoes_id: int | None = None,
) -> int:
    """Write the row of a decision and its parts; return its number. Refuses decision_period_closed."""
    territory_id = by.territory_id
    closed = closed_through(db, territory_id=territory_id)
    if closed is not None and period.last_day <= closed:
        raise DecisionPeriodClosed
    decision_id = next_id(db, bank_decisions, territory_id=territory_id)
    values = {
        "territory_id": territory_id,
        "id": decision_id,
        "kind": kind.value,
        "period_ends_on": period.last_day,
        "subject": subject,
        "note": " ".join(by.note.split())[:NOTE_LENGTH_MAX],
        "decided_by": by.actor,
        "decided_at_ms": instant_ms(by.now),
        "undoes_id": undoes_id,
    }
    db.execute(insert(bank_decisions), values)
    key = {"territory_id": territory_id, "decision_id": decision_id}
    rows = [key | asdict(share) for share in shares]
    if rows:
        db.execute(insert(bank_decision_parts), rows)
    audit.record(
        db,
        territory_id=territory_id,
        at=by.now,
        actor=by.actor,
        action=f"statement.{kind.value}",
        target=f"decision:{decision_id}",
        detail={"sha256": decision_digest(decision_of(db, territory_id=territory_id, decision_id=decision_id))},
    )
    return decision_id


def decision_digest(decision: Decision) -> str:
    """Return the SHA-256, in hexadecimal, of what was decided of which lines and why, for the audit trail."""
    shares = ";".join(
        f"{share.bank_statement_id}/{share.line_no}.{share.part_no}:{share.amount_cents}" for share in decision.shares
    )
    return request_digest(
        kind=decision.kind.value,
        period_ends_on=decision.period_ends_on.isoformat(),
        subject=decision.subject,
        note=decision.note,
        undoes_id=decision.undoes_id,
        shares=shares,
    ).hex()


def entries_digest(entries: Sequence[DecidedEntry]) -> str:
    """Return the SHA-256, in hexadecimal, of the entries of a decision, for the audit trail."""
    said = ";".join(f"{each.kind} {each.reference} {each.amount_cents} {each.entry_id}" for each in entries)
    return request_digest(entries=said).hex()


def _waiting(db: Connection, territory_id: int, share: Share) -> StoredMatch:
    """Return the line of a share, when it has so much left to be decided."""
    line = match_of(
        db,
        territory_id=territory_id,
        bank_statement_id=share.bank_statement_id,
        line_no=share.line_no,
        part_no=share.part_no,
    )
    if line.kind not in SUSPENSE and not line.is_taken_back:
        raise LineNotInSuspense
    waiting_cents = line.waiting_cents
    same_side = share.amount_cents * waiting_cents > 0
    if not waiting_cents or (same_side and abs(share.amount_cents) > abs(waiting_cents)):
        raise LineAlreadyResolved
    if not same_side:
        raise ResolutionImpossible(why="ce n’est pas le bon sens (argent reçu, argent sorti)")
    return line


def _refuse_unfit(shares: Sequence[Share], items: Sequence[Item]) -> None:
    """Refuse what does not fit the direction of the lines or their total."""
    keys = {(share.bank_statement_id, share.line_no, share.part_no) for share in shares}
    if not shares or not items or len(keys) < len(shares):
        raise ResolutionImpossible(why="il faut au moins une ligne et ce qu’elle est, chaque ligne une fois")
    credits_cents = sum(share.amount_cents for share in shares if share.amount_cents > 0)
    debits_cents = -sum(share.amount_cents for share in shares if share.amount_cents < 0)
    items_cents = sum(item.amount_cents for item in items)
    if any(item.kind is Resolution.BANK_CORRECTION for item in items):
        if len(items) > 1 or not (credits_cents == debits_cents == items_cents):
            raise ResolutionImpossible(why="une erreur corrigée est un débit et un crédit du même total")
        return
    if credits_cents and debits_cents:
        raise ResolutionImpossible(why="ces lignes ne vont pas dans le même sens")
    if any((item.kind in INCOMING_RESOLUTIONS) != (credits_cents > 0) for item in items):
        raise ResolutionImpossible(why="ce n’est pas le bon sens (argent reçu, argent sorti)")
    lines_cents = credits_cents + debits_cents
    if items_cents != lines_cents or any(item.amount_cents <= 0 for item in items):
        raise DecisionUnbalanced(items_cents=items_cents, lines_cents=lines_cents)


def _opposite(share: Share) -> Share:
    return Share(
        bank_statement_id=share.bank_statement_id,
        line_no=share.line_no,
        part_no=share.part_no,
        amount_cents=-share.amount_cents,
    )


def _take_back(db: Connection, by: By, entry_id: int, key: str) -> DecidedEntry:
    """Reverse an entry on its own day, and let what it had moved wait again."""
    entry = entry_of(db, territory_id=by.territory_id, entry_id=entry_id).entry
    movement = _movement(by, entry.amount_cents, entry.accounted_on, key, entry.reference)
    reversal = reverse(db, entry_id=entry_id, movement=movement).entry
    in_the_way = undo_line_step(db, territory_id=by.territory_id, entry_id=entry_id)
    if in_the_way is not None:
        raise DecisionUsed(reference=in_the_way)
    expect_again(db, territory_id=by.territory_id, entry_id=entry_id)
    return DecidedEntry(REVERSAL_WORD, "", entry.amount_cents, reversal.entry_id)


def _movement(by: By, amount_cents: int, booked_on: datetime.date, key: str, reference: str) -> Movement:
    return Movement(
        territory_id=by.territory_id,
        amount_cents=amount_cents,
        booked_on=booked_on,
        caller=by.actor,
        key=key,
        reference=reference,
        actor=by.actor,
        now=by.now,
    )


def _store_entries(db: Connection, by: By, decision_id: int, entries: Sequence[DecidedEntry]) -> None:
    """Write the entries of a decision, and their digest in the audit trail: which expectation each one met."""
    rows = [
        {
            "territory_id": by.territory_id,
            "decision_id": decision_id,
            "item_no": item_no,
            "kind": entry.kind,
            "reference": entry.reference,
            "amount_cents": entry.amount_cents,
            "entry_id": entry.entry_id,
        }
        for item_no, entry in enumerate(entries, start=1)
    ]
    if not rows:
        return
    db.execute(insert(bank_decision_entries), rows)
    audit.record(
        db,
        territory_id=by.territory_id,
        at=by.now,
        actor=by.actor,
        action=ENTERED,
        target=f"decision:{decision_id}",
        detail={"sha256": entries_digest(entries)},
    )
