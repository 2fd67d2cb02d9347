"""Read imported statements, their lines and what the bank says the reserve holds."""

import datetime
import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Subquery, Table, case, func, or_, select

from monnaie_locale.reconciliation.errors import LineUnknown, StatementUnknown
from monnaie_locale.reconciliation.model import (
    SUSPENSE,
    BankPosition,
    LineMark,
    MatchKind,
    Resolution,
    Resolved,
    StoredMatch,
    StoredStatement,
)
from monnaie_locale.reconciliation.tables import (
    bank_decision_entries,
    bank_decision_parts,
    bank_decisions,
    bank_lines,
    bank_matches,
    bank_messages,
    bank_statements,
)

SUSPENSE_KINDS = tuple(kind.value for kind in SUSPENSE)
PART_KEYS = ("territory_id", "bank_statement_id", "line_no", "part_no")


def statements_of(db: Connection, *, territory_id: int) -> list[StoredStatement]:
    """Return the imported statements, the newest first."""
    rows = db.execute(
        select(bank_statements)
        .where(bank_statements.c.territory_id == territory_id)
        .order_by(bank_statements.c.id.desc())
    ).mappings()
    return [_as_statement(row) for row in rows]


def statement_of(db: Connection, *, territory_id: int, bank_statement_id: int) -> StoredStatement:
    """Return one imported statement; refuses statement_unknown."""
    row = (
        db.execute(
            select(bank_statements).where(
                bank_statements.c.territory_id == territory_id, bank_statements.c.id == bank_statement_id
            )
        )
        .mappings()
        .first()
    )
    if row is None:
        raise StatementUnknown(bank_statement_id=bank_statement_id)
    return _as_statement(row)


def last_statement(db: Connection, *, territory_id: int) -> StoredStatement | None:
    """Return the statement imported last, which the next one must follow; None when there is none."""
    found = statements_of(db, territory_id=territory_id)
    return found[0] if found else None


def imported_before(
    db: Connection, *, territory_id: int, file_digest: bytes, statement_id: str, to_on: datetime.date
) -> bool:
    """Return whether this file, or this statement in another file, is in the books already."""
    same_file = bank_statements.c.file_digest == file_digest
    same_statement = (bank_statements.c.statement_id == statement_id) & (bank_statements.c.to_on == to_on)
    found = db.scalar(
        select(func.count()).where(bank_statements.c.territory_id == territory_id, same_file | same_statement)
    )
    return bool(found)


def message_known(db: Connection, *, territory_id: int, file_digest: bytes) -> bool:
    """Return whether this file of the bank, which is no statement, was heard already."""
    same = (bank_messages.c.territory_id == territory_id) & (bank_messages.c.file_digest == file_digest)
    return db.scalar(select(bank_messages.c.id).where(same)) is not None


def file_known(db: Connection, *, territory_id: int, file_digest: bytes) -> bool:
    """Return whether this very file was imported before, whatever it is."""
    same = (bank_statements.c.territory_id == territory_id) & (bank_statements.c.file_digest == file_digest)
    is_statement = db.scalar(select(func.count()).select_from(bank_statements).where(same))
    return bool(is_statement) or message_known(db, territory_id=territory_id, file_digest=file_digest)


def lines_digests(db: Connection, *, territory_id: int, bank_statement_id: int | None = None) -> dict[int, str]:
    """Return the SHA-256, in hexadecimal, of the lines of each statement that has any, by its number."""
    columns = [column for column in bank_lines.c if column.name != "territory_id"]
    return _digests(db, select(*columns).order_by(*columns[:2]), bank_lines, territory_id, bank_statement_id)


def matches_digests(db: Connection, *, territory_id: int, bank_statement_id: int | None = None) -> dict[int, str]:
    """Return the same of what each part was matched with, and why: a detail of a batch is named there alone."""
    columns = [column for column in bank_matches.c if column.name != "territory_id"]
    return _digests(db, select(*columns).order_by(*columns[:3]), bank_matches, territory_id, bank_statement_id)


def _digests(
    db: Connection, query: Select[Any], table: Table, territory_id: int, bank_statement_id: int | None
) -> dict[int, str]:
    """Return the SHA-256 of the rows of each statement; a row begins with the statement's number."""
    query = query.where(table.c.territory_id == territory_id)
    if bank_statement_id is not None:
        query = query.where(table.c.bank_statement_id == bank_statement_id)
    digests: dict[int, hashlib._Hash] = {}
    for number, *row in db.execute(query):
        digests.setdefault(number, hashlib.sha256()).update(json.dumps(row, default=str).encode())
    return {number: digest.hexdigest() for number, digest in digests.items()}


def marks_between(
    db: Connection, *, territory_id: int, first_on: datetime.date, last_on: datetime.date
) -> list[tuple[StoredStatement, tuple[LineMark, ...]]]:
    """Return each statement that has lines booked between two days, both included, and all that marks these lines."""
    marks: dict[int, list[LineMark]] = defaultdict(list)
    rows = db.execute(
        select(
            bank_lines.c.bank_statement_id,
            bank_lines.c.bank_reference,
            bank_lines.c.booked_on,
            bank_lines.c.amount_cents,
            bank_lines.c.end_to_end_id,
        ).where(bank_lines.c.territory_id == territory_id, bank_lines.c.booked_on.between(first_on, last_on))
    )
    for row in rows:
        marks[row[0]].append(LineMark(*row[1:]))
    return [
        (statement, tuple(marks[statement.bank_statement_id]))
        for statement in statements_of(db, territory_id=territory_id)
        if statement.bank_statement_id in marks
    ]


def matches_of(db: Connection, *, territory_id: int, bank_statement_id: int) -> list[StoredMatch]:
    """Return each part of each line of a statement, in its order."""
    query = _matches(territory_id).where(bank_matches.c.bank_statement_id == bank_statement_id)
    resolved = _resolved(db, territory_id, bank_statement_id)
    return [_as_match(row, resolved) for row in db.execute(query).mappings()]


def match_of(db: Connection, *, territory_id: int, bank_statement_id: int, line_no: int, part_no: int) -> StoredMatch:
    """Return one part of one line; refuses bank_line_unknown."""
    query = _matches(territory_id).where(
        bank_matches.c.bank_statement_id == bank_statement_id,
        bank_matches.c.line_no == line_no,
        bank_matches.c.part_no == part_no,
    )
    row = db.execute(query).mappings().first()
    if row is None:
        raise LineUnknown(line_no=line_no)
    return _as_match(row, _resolved(db, territory_id, bank_statement_id))


def unresolved(
    db: Connection, *, territory_id: int, through_on: datetime.date | None = None, as_of_ms: int | None = None
) -> list[StoredMatch]:
    """Return what waits in suspense, oldest first.

    Args:
        db: a connection.
        territory_id: whose reserve.
        through_on: only lines booked until this day.
        as_of_ms: what waited at an earlier instant, milliseconds UTC: what was done since does not count.

    """
    decided = _decided(territory_id, as_of_ms=as_of_ms)
    in_suspense = or_(bank_matches.c.kind.in_(SUSPENSE_KINDS), decided.c.taken_back > 0)
    query = _matches(territory_id, decided).where(
        in_suspense, bank_matches.c.amount_cents != func.coalesce(decided.c.decided_cents, 0)
    )
    if as_of_ms is not None:
        query = query.where(_imported_by(as_of_ms))
    if through_on is not None:
        query = query.where(bank_lines.c.booked_on <= through_on)
    return [_as_match(row, {}) for row in db.execute(query).mappings()]


def waiting_through(db: Connection, *, territory_id: int, through_on: datetime.date) -> list[StoredMatch]:
    """Return the lines booked until a day that waited then, by the months that decisions are accounted in."""
    decided = _decided(territory_id, through_on=through_on)
    in_suspense = or_(bank_matches.c.kind.in_(SUSPENSE_KINDS), decided.c.taken_back > 0)
    query = _matches(territory_id, decided).where(
        in_suspense,
        bank_matches.c.amount_cents != func.coalesce(decided.c.decided_cents, 0),
        bank_lines.c.booked_on <= through_on,
    )
    return [_as_match(row, {}) for row in db.execute(query).mappings()]


def entered_as(db: Connection, *, territory_id: int, match_kind: MatchKind, resolution: Resolution) -> dict[int, int]:
    """Return the entries by which lines were matched or said to be of a kind, undone or not, with their cents."""
    matched = db.execute(
        select(bank_matches.c.entry_id, func.abs(bank_matches.c.amount_cents)).where(
            bank_matches.c.territory_id == territory_id, bank_matches.c.kind == match_kind.value
        )
    )
    decided = db.execute(
        select(bank_decision_entries.c.entry_id, bank_decision_entries.c.amount_cents).where(
            bank_decision_entries.c.territory_id == territory_id, bank_decision_entries.c.kind == resolution.value
        )
    )
    return {row[0]: int(row[1]) for row in (*matched, *decided)}


def bank_position(
    db: Connection, *, territory_id: int, day: datetime.date, as_of_ms: int | None = None
) -> BankPosition | None:
    """Return what the statements say at the end of a day: the first opening and every line booked until then.

    The statements follow one another without a gap, so this is also the bank's own balance of that day. None when
    none is imported. `as_of_ms` leaves out the statements imported after an instant, milliseconds UTC.
    """
    known = [
        each
        for each in statements_of(db, territory_id=territory_id)
        if as_of_ms is None or each.imported_at_ms <= as_of_ms
    ]
    if not known:
        return None
    booked = db.scalar(
        select(func.coalesce(func.sum(bank_lines.c.amount_cents), 0)).where(
            bank_lines.c.territory_id == territory_id,
            bank_lines.c.booked_on <= day,
            bank_lines.c.bank_statement_id <= known[0].bank_statement_id,
        )
    )
    return BankPosition(through_on=known[0].to_on, balance_cents=known[-1].opening_cents + int(booked or 0))


def _imported_by(as_of_ms: int) -> ColumnElement[bool]:
    """Return the condition that a line's statement was imported at an instant or before."""
    return (
        select(bank_statements.c.id)
        .where(
            bank_statements.c.territory_id == bank_matches.c.territory_id,
            bank_statements.c.id == bank_matches.c.bank_statement_id,
            bank_statements.c.imported_at_ms <= as_of_ms,
        )
        .exists()
    )


def _decided(territory_id: int, *, as_of_ms: int | None = None, through_on: datetime.date | None = None) -> Subquery:
    """Return what was decided of each part: the sum, and whether a match was taken back (an amount of zero)."""
    parts = bank_decision_parts.c
    query = (
        select(
            *(parts[key] for key in PART_KEYS),
            func.sum(parts.amount_cents).label("decided_cents"),
            func.sum(case((parts.amount_cents == 0, 1), else_=0)).label("taken_back"),
        )
        .where(parts.territory_id == territory_id)
        .group_by(*(parts[key] for key in PART_KEYS))
    )
    if as_of_ms is not None or through_on is not None:
        query = query.join(
            bank_decisions,
            (bank_decisions.c.territory_id == parts.territory_id) & (bank_decisions.c.id == parts.decision_id),
        )
    if as_of_ms is not None:
        query = query.where(bank_decisions.c.decided_at_ms <= as_of_ms)
    if through_on is not None:
        query = query.where(bank_decisions.c.period_ends_on <= through_on)
    return query.subquery()


def _matches(territory_id: int, decided: Subquery | None = None) -> Select[tuple[object, ...]]:
    same_line = (
        (bank_lines.c.territory_id == bank_matches.c.territory_id)
        & (bank_lines.c.bank_statement_id == bank_matches.c.bank_statement_id)
        & (bank_lines.c.line_no == bank_matches.c.line_no)
    )
    decided = _decided(territory_id) if decided is None else decided
    same_part = (
        (decided.c.bank_statement_id == bank_matches.c.bank_statement_id)
        & (decided.c.line_no == bank_matches.c.line_no)
        & (decided.c.part_no == bank_matches.c.part_no)
    )
    return (
        select(
            bank_matches,
            bank_lines.c.booked_on,
            bank_lines.c.label,
            bank_lines.c.end_to_end_id,
            bank_lines.c.bank_reference,
            bank_lines.c.return_reason,
            bank_lines.c.bank_code,
            func.coalesce(decided.c.decided_cents, 0).label("decided_cents"),
            func.coalesce(decided.c.taken_back, 0).label("taken_back"),
        )
        .join(bank_lines, same_line)
        .outerjoin(decided, same_part)
        .where(bank_matches.c.territory_id == territory_id)
        .order_by(bank_matches.c.bank_statement_id, bank_matches.c.line_no, bank_matches.c.part_no)
    )


def _resolved(db: Connection, territory_id: int, bank_statement_id: int) -> dict[tuple[int, int, int], Resolved]:
    """Return the last decision that stands on each part of a statement's lines, with its first entry."""
    undo = bank_decisions.alias("undo")
    parts, entries, decisions = bank_decision_parts.c, bank_decision_entries.c, bank_decisions.c
    rows = db.execute(
        select(
            parts.line_no, parts.part_no, decisions.id, entries.kind, decisions.note, entries.entry_id,
            decisions.decided_by, decisions.decided_at_ms,
        )
        .join(bank_decisions, (decisions.territory_id == parts.territory_id) & (decisions.id == parts.decision_id))
        .join(
            bank_decision_entries,
            (entries.territory_id == parts.territory_id) & (entries.decision_id == parts.decision_id),
        )
        .outerjoin(undo, (undo.c.territory_id == decisions.territory_id) & (undo.c.undoes_id == decisions.id))
        .where(
            parts.territory_id == territory_id,
            parts.bank_statement_id == bank_statement_id,
            decisions.kind == "match",
            undo.c.id.is_(None),
            entries.item_no == 1,
        )
        .order_by(decisions.id)
    )  # fmt: skip
    return {
        (bank_statement_id, row[0], row[1]): Resolved(
            decision_id=row[2],
            kind=Resolution(row[3]),
            note=row[4],
            entry_id=row[5],
            resolved_by=row[6],
            resolved_at_ms=row[7],
        )
        for row in rows
    }


def _as_statement(row: RowMapping) -> StoredStatement:
    return StoredStatement(
        bank_statement_id=row["id"],
        statement_id=row["statement_id"],
        opening_cents=row["opening_cents"],
        closing_cents=row["closing_cents"],
        from_on=row["from_on"],
        to_on=row["to_on"],
        imported_by=row["imported_by"],
        imported_at_ms=row["imported_at_ms"],
    )


def _as_match(row: RowMapping, resolved: dict[tuple[int, int, int], Resolved]) -> StoredMatch:
    match = StoredMatch(
        bank_statement_id=row["bank_statement_id"],
        line_no=row["line_no"],
        part_no=row["part_no"],
        booked_on=row["booked_on"],
        amount_cents=row["amount_cents"],
        kind=MatchKind(row["kind"]),
        reason_fr=row["reason_fr"],
        entry_id=row["entry_id"],
        label=row["label"],
        end_to_end_id=row["end_to_end_id"],
        bank_reference=row["bank_reference"],
        return_reason=row["return_reason"],
        bank_code=row["bank_code"],
        decided_cents=int(row["decided_cents"]),
        is_taken_back=bool(row["taken_back"]),
    )
    decision = resolved.get((match.bank_statement_id, match.line_no, match.part_no))
    return match if match.is_in_suspense or decision is None else replace(match, resolved=decision)
