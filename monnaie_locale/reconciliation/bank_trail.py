"""Find the lines of the bank's statements that an entry records."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from monnaie_locale.reconciliation.tables import (
    bank_decision_entries,
    bank_decision_parts,
    bank_lines,
    bank_matches,
    bank_statements,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLineOfEntry:
    """A part of a line of a statement, by the numbers of its page."""

    bank_statement_id: int
    statement_id: str
    line_no: int
    part_no: int
    booked_on: datetime.date


def entries_decided_after(db: Connection, *, territory_id: int, entry_id: int) -> list[int]:
    """Return the entries by which people said what a line was that this entry let wait, in the order of numbers."""
    matches, parts, entries = bank_matches.c, bank_decision_parts.c, bank_decision_entries.c
    rows = db.execute(
        select(entries.entry_id)
        .join(
            bank_decision_parts,
            (parts.territory_id == entries.territory_id) & (parts.decision_id == entries.decision_id),
        )
        .join(
            bank_matches,
            (matches.territory_id == parts.territory_id)
            & (matches.bank_statement_id == parts.bank_statement_id)
            & (matches.line_no == parts.line_no)
            & (matches.part_no == parts.part_no),
        )
        .where(entries.territory_id == territory_id, matches.entry_id == entry_id, entries.entry_id > entry_id)
        .distinct()
        .order_by(entries.entry_id)
    )
    return list(rows.scalars())


def bank_lines_of_entry(db: Connection, *, territory_id: int, entry_id: int) -> list[BankLineOfEntry]:
    """Return what the bank said that an entry records, or that a person decided by it."""
    matches = bank_matches.c
    same_statement = (bank_statements.c.territory_id == matches.territory_id) & (
        bank_statements.c.id == matches.bank_statement_id
    )
    same_line = (
        (bank_lines.c.territory_id == matches.territory_id)
        & (bank_lines.c.bank_statement_id == matches.bank_statement_id)
        & (bank_lines.c.line_no == matches.line_no)
    )
    same_part = (
        (bank_decision_parts.c.territory_id == matches.territory_id)
        & (bank_decision_parts.c.bank_statement_id == matches.bank_statement_id)
        & (bank_decision_parts.c.line_no == matches.line_no)
        & (bank_decision_parts.c.part_no == matches.part_no)
    )
    same_decision = (bank_decision_entries.c.territory_id == bank_decision_parts.c.territory_id) & (
        bank_decision_entries.c.decision_id == bank_decision_parts.c.decision_id
    )
    rows = db.execute(
        select(
            matches.bank_statement_id,
            bank_statements.c.statement_id,
            matches.line_no,
            matches.part_no,
            bank_lines.c.booked_on,
        )
        .join(bank_statements, same_statement)
        .join(bank_lines, same_line)
        .outerjoin(bank_decision_parts, same_part)
        .outerjoin(bank_decision_entries, same_decision)
        .where(
            matches.territory_id == territory_id,
            or_(matches.entry_id == entry_id, bank_decision_entries.c.entry_id == entry_id),
        )
        .distinct()
        .order_by(matches.bank_statement_id, matches.line_no, matches.part_no)
    ).mappings()
    return [BankLineOfEntry(**row) for row in rows]
