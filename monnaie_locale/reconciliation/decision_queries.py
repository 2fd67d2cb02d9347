"""Read what people decided about the bank's lines, and the statements that were refused at the door."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, select

from monnaie_locale.ledger.posting import request_digest
from monnaie_locale.reconciliation.errors import DecisionUnknown
from monnaie_locale.reconciliation.model import DecidedEntry, Decision, DecisionKind, Share
from monnaie_locale.reconciliation.tables import (
    bank_decision_entries,
    bank_decision_parts,
    bank_decisions,
    refused_statements,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStatement:
    """A file that the import refused: why, by how much it does not add up (0 when that is not why), when."""

    refused_id: int
    file_digest: bytes
    code: str
    sentence_fr: str
    gap_cents: int
    refused_by: str
    refused_at_ms: int


def decisions_of(
    db: Connection, *, territory_id: int, period_ends_on: datetime.date | None = None, decision_id: int | None = None
) -> list[Decision]:
    """Return the decisions with their parts and entries, oldest first; only those of a month, or only one, if asked."""
    columns = bank_decisions.c
    query = select(bank_decisions).where(columns.territory_id == territory_id).order_by(columns.id)
    if period_ends_on is not None:
        query = query.where(columns.period_ends_on == period_ends_on)
    if decision_id is not None:
        query = query.where((columns.id == decision_id) | (columns.undoes_id == decision_id))
    rows = db.execute(query).mappings().all()
    numbers = [row["id"] for row in rows]
    undone = {row["undoes_id"]: row["id"] for row in rows if row["undoes_id"] is not None}
    shares, entries = _shares(db, territory_id, numbers), _entries(db, territory_id, numbers)
    return [
        Decision(
            decision_id=row["id"],
            kind=DecisionKind(row["kind"]),
            period_ends_on=row["period_ends_on"],
            subject=row["subject"],
            note=row["note"],
            decided_by=row["decided_by"],
            decided_at_ms=row["decided_at_ms"],
            undoes_id=row["undoes_id"],
            undone_by_id=undone.get(row["id"]),
            shares=tuple(shares[row["id"]]),
            entries=tuple(entries[row["id"]]),
        )
        for row in rows
    ]


def decision_of(db: Connection, *, territory_id: int, decision_id: int) -> Decision:
    """Return one decision; refuses decision_unknown."""
    for decision in decisions_of(db, territory_id=territory_id, decision_id=decision_id):
        if decision.decision_id == decision_id:
            return decision
    raise DecisionUnknown(decision_id=decision_id)


def refused_statements_of(db: Connection, *, territory_id: int) -> list[RefusedStatement]:
    """Return the refusals that were noted, oldest first."""
    rows = db.execute(
        select(refused_statements)
        .where(refused_statements.c.territory_id == territory_id)
        .order_by(refused_statements.c.id)
    ).mappings()
    return [
        RefusedStatement(
            refused_id=row["id"],
            file_digest=row["file_digest"],
            code=row["code"],
            sentence_fr=row["sentence_fr"],
            gap_cents=row["gap_cents"],
            refused_by=row["refused_by"],
            refused_at_ms=row["refused_at_ms"],
        )
        for row in rows
    ]


def refusal_digests(db: Connection, *, territory_id: int) -> dict[int, str]:
    """Return the SHA-256, in hexadecimal, of each refusal that was noted, by its number."""
    return {
        each.refused_id: request_digest(
            file=each.file_digest.hex(), code=each.code, sentence=each.sentence_fr, gap_cents=each.gap_cents
        ).hex()
        for each in refused_statements_of(db, territory_id=territory_id)
    }


def _shares(db: Connection, territory_id: int, numbers: list[int]) -> dict[int, list[Share]]:
    found: dict[int, list[Share]] = defaultdict(list)
    if not numbers:
        return found
    columns = bank_decision_parts.c
    # A range and not a list: the numbers of a month follow one another, and no database counts its parameters.
    rows = db.execute(
        select(bank_decision_parts)
        .where(columns.territory_id == territory_id, columns.decision_id.between(min(numbers), max(numbers)))
        .order_by(columns.decision_id, columns.bank_statement_id, columns.line_no, columns.part_no)
    ).mappings()
    for row in rows:
        share = Share(**{name: row[name] for name in row if name not in {"territory_id", "decision_id"}})
        found[row["decision_id"]].append(share)
    return found


def _entries(db: Connection, territory_id: int, numbers: list[int]) -> dict[int, list[DecidedEntry]]:
    found: dict[int, list[DecidedEntry]] = defaultdict(list)
    if not numbers:
        return found
    columns = bank_decision_entries.c
    rows = db.execute(
        select(bank_decision_entries)
        .where(columns.territory_id == territory_id, columns.decision_id.between(min(numbers), max(numbers)))
        .order_by(columns.decision_id, columns.item_no)
    ).mappings()
    for row in rows:
        entry = DecidedEntry(
            kind=row["kind"], reference=row["reference"], amount_cents=row["amount_cents"], entry_id=row["entry_id"]
        )
        found[row["decision_id"]].append(entry)
    return found
