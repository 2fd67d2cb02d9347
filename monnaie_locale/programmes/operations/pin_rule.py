"""When a programme asks for the PIN: chosen when it is opened, and changed while its money is spent."""

import datetime

from sqlalchemy import Connection, update

from monnaie_locale.identity import audit
from monnaie_locale.programmes import queries
from monnaie_locale.programmes.errors import ProgrammeInvalid
from monnaie_locale.programmes.model import PIN_ABOVE_MAX_CENTS, PinRule, Programme
from monnaie_locale.programmes.tables import programmes


def check_pin_above(pin_above_cents: int) -> None:
    """Refuse programme_invalid when the amount without PIN is not between 0 and 50 €."""
    if not 0 <= pin_above_cents <= PIN_ABOVE_MAX_CENTS:
        raise ProgrammeInvalid(reason="le montant sans code secret va de 0 à 50 euros.")


def change_pin_rule(
    db: Connection,
    *,
    territory_id: int,
    programme_id: int,
    pin_rule: PinRule,
    pin_above_cents: int,
    actor: str,
    now: datetime.datetime,
) -> Programme:
    """Change when a programme asks for the PIN, from the next payment on; return it.

    Args:
        db: the transaction.
        territory_id: whose programme.
        programme_id: open or closed: what a closed one gave out is still spent.
        pin_rule: never, above an amount, or always.
        pin_above_cents: the highest payment without PIN, 0 to 5 000; counts with `PinRule.ABOVE`.
        actor: the caller who changes it, "staff:3".
        now: aware UTC.

    Refuses: programme_unknown, programme_invalid.

    """
    check_pin_above(pin_above_cents)
    queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
    db.execute(
        update(programmes)
        .where(programmes.c.territory_id == territory_id, programmes.c.id == programme_id)
        .values(pin_rule=pin_rule, pin_above_cents=pin_above_cents)
    )
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="programme.pin-rule",
        target=f"programme:{programme_id}",
        detail={"rule": pin_rule.value, "above_cents": pin_above_cents},
    )
    return queries.programme_of(db, territory_id=territory_id, programme_id=programme_id)
