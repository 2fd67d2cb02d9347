"""Open and close programmes."""

import datetime
from collections.abc import Collection
from dataclasses import asdict, replace

from sqlalchemy import Connection, insert, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.journal.directory import Owner, open_accounts
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.amounts import check_amount
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.errors import ProgrammeClosed, ProgrammeInvalid, ProgrammeNameTaken
from monnaie_locale.programmes.legal_bases import BASES
from monnaie_locale.programmes.model import Category, Programme, ProgrammeTerms
from monnaie_locale.programmes.operations.pin_rule import check_pin_above
from monnaie_locale.programmes.tables import programme_categories, programmes

NAME_LENGTH_MAX = 80
REFERENCE_LENGTH_MAX = 80
GRACE_DAYS_MAX = 366


def open_programme(
    db: Connection, *, territory_id: int, terms: ProgrammeTerms, actor: str, now: datetime.datetime
) -> Programme:
    """Open a programme and its accounts; return it.

    Args:
        db: the transaction.
        territory_id: whose programme.
        terms: what was decided; texts are trimmed.
        actor: the caller who opens it, "staff:3".
        now: aware UTC.

    Refuses: amount_not_positive, amount_too_large, programme_invalid, programme_name_taken.

    """
    terms = replace(terms, name=terms.name.strip(), decision_reference=terms.decision_reference.strip())
    _check_terms(terms)
    if any(one.name == terms.name for one in queries.programmes_by_id(db, territory_id=territory_id).values()):
        raise ProgrammeNameTaken(name=terms.name)
    programme_id = next_id(db, programmes, territory_id=territory_id)
    decided = {name: value for name, value in asdict(terms).items() if name != "categories"}
    db.execute(
        insert(programmes),
        {
            "territory_id": territory_id,
            "id": programme_id,
            **decided,
            "is_open": True,
            "created_by": actor,
            "created_at_ms": instant_ms(now),
        },
    )
    _open_books(db, territory_id=territory_id, programme_id=programme_id, categories=terms.categories, now=now)
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="programme.open", target=f"programme:{programme_id}"
    )
    return queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)


def close_programme(
    db: Connection, *, territory_id: int, programme_id: int, actor: str, now: datetime.datetime
) -> Programme:
    """Close a programme to funding and distributions; what it gave out stays good until it expires.

    Refuses: programme_unknown, programme_closed.
    """
    programme = queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    if not programme.is_open:
        raise ProgrammeClosed(name=programme.name)
    db.execute(
        update(programmes)
        .where(programmes.c.territory_id == territory_id, programmes.c.id == programme_id)
        .values(is_open=False)
    )
    audit.record(
        db, territory_id=territory_id, at=now, actor=actor, action="programme.close", target=f"programme:{programme_id}"
    )
    return queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)


def _check_terms(terms: ProgrammeTerms) -> None:
    check_amount(terms.budget_cents)
    if not 1 <= len(terms.name) <= NAME_LENGTH_MAX:
        raise ProgrammeInvalid(reason=f"son nom a de 1 à {NAME_LENGTH_MAX} caractères.")
    if not 1 <= len(terms.decision_reference) <= REFERENCE_LENGTH_MAX:
        raise ProgrammeInvalid(reason=f"la référence de la décision a de 1 à {REFERENCE_LENGTH_MAX} caractères.")
    if not terms.categories:
        raise ProgrammeInvalid(reason="choisissez au moins une catégorie de commerces.")
    if terms.expired_goes_to not in BASES[terms.legal_basis].expired_goes_to:
        # CGCT R1611-10: the issuer gives back to the CCAS what was ordered and not paid to shops.
        raise ProgrammeInvalid(reason="avec le CAP, la monnaie périmée revient au CCAS.")
    check_pin_above(terms.pin_above_cents)
    if not 0 <= terms.grace_days <= GRACE_DAYS_MAX:
        raise ProgrammeInvalid(reason=f"le délai de grâce va de 0 à {GRACE_DAYS_MAX} jours.")


def _open_books(
    db: Connection, *, territory_id: int, programme_id: int, categories: Collection[Category], now: datetime.datetime
) -> None:
    db.execute(
        insert(programme_categories),
        [
            {"territory_id": territory_id, "programme_id": programme_id, "category": category}
            for category in sorted(set(categories))
        ],
    )
    owners = [Owner(AccountKind.PROGRAMME_FUNDS, programme_id), Owner(AccountKind.EXPIRED, programme_id)]
    open_accounts(db, territory_id=territory_id, owners=owners, now_ms=instant_ms(now))
