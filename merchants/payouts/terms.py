"""How payouts are made: decided at the office, every decision kept; without one, those of the program."""

import datetime
from dataclasses import replace

from sqlalchemy import Connection, insert, select

from merchants.model import PayoutTerms
from merchants.payout_errors import PayoutTermsInvalid
from merchants.payouts.redemption import MINIMUM_CENTS_DEFAULT
from merchants.tables import payout_terms
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.ledger.money import CENTS_MAX
from monnaie_locale.ledger.periods import instant_ms

# pain.001.001.09 is what banks have asked for since 2023; some still read .03 only.
PAIN_VERSIONS = ("09", "03")
FEE_BASIS_POINTS_MAX = 1_000
TERMS = PayoutTerms(pain_version=PAIN_VERSIONS[0], minimum_cents=MINIMUM_CENTS_DEFAULT, fee_basis_points=0)
NAMES = ("pain_version", "minimum_cents", "fee_basis_points")


def set_payout_terms(
    db: Connection, *, territory_id: int, terms: PayoutTerms, actor: str, now: datetime.datetime
) -> None:
    """Decide how payouts are made from now on; one that is prepared already keeps its own.

    Args:
        db: the transaction.
        territory_id: whose books.
        terms: "09" or "03"; a minimum of one cent or more; a fee of 0 to 1 000 basis points (10 %).
        actor: the caller, "staff:3".
        now: aware UTC.

    Refuses: payout_terms_invalid.

    """
    if (
        terms.pain_version not in PAIN_VERSIONS
        or not 1 <= terms.minimum_cents <= CENTS_MAX
        or not 0 <= terms.fee_basis_points <= FEE_BASIS_POINTS_MAX
    ):
        raise PayoutTermsInvalid
    values = {name: getattr(terms, name) for name in NAMES}
    number = next_id(db, payout_terms, territory_id=territory_id)
    decided = {"decided_by": actor, "decided_at_ms": instant_ms(now)}
    db.execute(insert(payout_terms), {"territory_id": territory_id, "id": number, **values, **decided})
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="payout.terms",
        target=f"territory:{territory_id}", detail=values,
    )  # fmt: skip


def terms_decided(db: Connection, *, territory_id: int) -> list[tuple[str, int, dict[str, object]]]:
    """Return every decision in its order: by whom, when, and what."""
    rows = db.execute(
        select(payout_terms).where(payout_terms.c.territory_id == territory_id).order_by(payout_terms.c.id)
    ).mappings()
    return [(row["decided_by"], row["decided_at_ms"], {name: row[name] for name in NAMES}) for row in rows]


def terms_of(
    db: Connection, *, territory_id: int, minimum_cents: int | None = None, as_of_ms: int | None = None
) -> PayoutTerms:
    """Return the terms in force now or at an instant (milliseconds UTC), with another minimum when one is given."""
    query = select(*(payout_terms.c[name] for name in NAMES)).where(payout_terms.c.territory_id == territory_id)
    if as_of_ms is not None:
        query = query.where(payout_terms.c.decided_at_ms <= as_of_ms)
    row = db.execute(query.order_by(payout_terms.c.id.desc()).limit(1)).mappings().first()
    terms = TERMS if row is None else PayoutTerms(**row)
    return terms if minimum_cents is None else replace(terms, minimum_cents=minimum_cents)
