"""What the documents of a month say that is not in the ledger, kept at the cut.

A crash before they are rendered, and a shop that changes its name or its account meanwhile, change nothing of them.
"""

import hashlib
from dataclasses import dataclass

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select

from monnaie_locale.closing.model import Close
from monnaie_locale.closing.tables import close_facts
from monnaie_locale.exports.registers import Registers, registers_of
from monnaie_locale.ledger.periods import Month
from monnaie_locale.reconciliation.differences.model import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The registers, and what did not agree and is not explained; None when it must be looked for."""

    registers: Registers
    differences: tuple[Difference, ...] | None = None


SAID = TypeAdapter(Said)


def freeze(
    db: Connection, *, territory_id: int, close_id: int, month: Month, differences: tuple[Difference, ...]
) -> str:
    """Keep what the registers say at the cut of a month, with its differences; return the digest, for its certificate.

    Args:
        db: the transaction of the close.
        territory_id: whose books.
        close_id: the close, still prepared.
        month: its month.
        differences: those of the checklist.

    """
    registers = registers_of(db, territory_id=territory_id, first_day=month.first_day, last_day=month.last_day)
    text = SAID.dump_json(Said(registers=registers, differences=differences)).decode()
    db.execute(insert(close_facts), {"territory_id": territory_id, "close_id": close_id, "facts": text})
    return _digest(text)


def said_of(db: Connection, *, territory_id: int, month: Month, close: Close | None) -> Said:
    """Return what the documents of a month say: as kept at its cut, or as it is now.

    A month closed by an older version kept nothing, and what did not agree then is looked for as of its close.
    """
    if close is not None and close.is_closed:
        text = _kept(db, territory_id=territory_id, close_id=close.close_id)
        if text is not None:
            return SAID.validate_json(text)
    registers = registers_of(db, territory_id=territory_id, first_day=month.first_day, last_day=month.last_day)
    return Said(registers=registers)


def frozen_digest(db: Connection, *, territory_id: int, close_id: int) -> str | None:
    """Return the SHA-256 of what is kept of a close, in hexadecimal, or None when nothing is."""
    text = _kept(db, territory_id=territory_id, close_id=close_id)
    return None if text is None else _digest(text)


def _kept(db: Connection, *, territory_id: int, close_id: int) -> str | None:
    kept: str | None = db.scalar(
        select(close_facts.c.facts).where(
            close_facts.c.territory_id == territory_id, close_facts.c.close_id == close_id
        )
    )
    return kept


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
