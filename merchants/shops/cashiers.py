"""The cashiers of a shop: added by name and code at the office, they take a till; a charge keeps who took it.

A shop without cashiers is never asked. The name is the shop's own, sealed, and erased with the code when a cashier
leaves; the number stays with the charges. As for a PIN, a try is taken and committed before a code is looked at.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from merchants.cashier_errors import (
    CashierCodeInvalid,
    CashierCodeWrong,
    CashierLocked,
    CashierNameInvalid,
    CashierNameTaken,
    CashierUnknown,
)
from merchants.model import Cashier, Till
from merchants.queries import find_merchant
from merchants.tables import cashiers, charge_cashiers, till_shifts
from monnaie_locale.database.identifiers import next_id
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import audit
from monnaie_locale.keyring import Keyring, is_old_hash
from monnaie_locale.ledger.periods import instant_ms
from wallets.codes.card_token import DECIMAL_DIGITS, PIN_LENGTH, is_trivial_pin

NAME_LENGTH_MAX = 30
TRIES_MAX = 5


def add_cashier(
    db: Connection,
    *,
    territory_id: int,
    merchant_id: int,
    name: str,
    code: str,
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
) -> Cashier:
    """Add a cashier to a shop and return them.

    Args:
        db: the transaction.
        territory_id: whose books.
        merchant_id: of the shop.
        name: a first name or an alias, up to 30 characters; never written anywhere else.
        code: four digits; only its hash is kept.
        keyring: seals the name, hashes the code.
        actor: the caller, "staff:3".
        now: aware UTC.

    Refuses: merchant_unknown, cashier_name_invalid, cashier_name_taken, cashier_code_invalid.

    """
    find_merchant(db, territory_id=territory_id, merchant_id=merchant_id)
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= NAME_LENGTH_MAX or not clean.isprintable():
        raise CashierNameInvalid
    others = cashiers_of(db, territory_id=territory_id, merchant_id=merchant_id, keyring=keyring)
    if clean.casefold() in {each.name.casefold() for each in others}:
        raise CashierNameTaken
    cashier_id = next_id(db, cashiers, territory_id=territory_id)
    row = {"id": cashier_id, "merchant_id": merchant_id, "sealed_name": keyring.seal({"name": clean})}
    secret = {"code_hash": keyring.hash_secret(_checked(code)), "tries_left": TRIES_MAX}
    db.execute(insert(cashiers), {"territory_id": territory_id, **row, **secret, "added_at_ms": instant_ms(now)})
    _record(db, (territory_id, now), actor, "cashier.add", cashier_id)
    return Cashier(id=cashier_id, merchant_id=merchant_id, name=clean, is_locked=False)


def change_cashier_code(
    db: Connection,
    *,
    territory_id: int,
    merchant_id: int,
    cashier_id: int,
    code: str,
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
) -> None:
    """Give a cashier another code, and five tries. Refuses: cashier_code_invalid, cashier_unknown."""
    hashed = keyring.hash_secret(_checked(code))
    changed = db.execute(
        update(cashiers)
        .where(*_at_work(territory_id, merchant_id, cashier_id))
        .values(code_hash=hashed, tries_left=TRIES_MAX)
    )
    if changed.rowcount != 1:
        raise CashierUnknown
    _record(db, (territory_id, now), actor, "cashier.code", cashier_id)


def remove_cashier(
    db: Connection, *, territory_id: int, merchant_id: int, cashier_id: int, actor: str, now: datetime.datetime
) -> None:
    """End a cashier: name and code are erased, the tills they hold are free. Refuses: cashier_unknown."""
    held = (till_shifts.c.territory_id == territory_id, till_shifts.c.cashier_id == cashier_id)
    gone = {"sealed_name": None, "code_hash": None, "removed_at_ms": instant_ms(now)}
    ended = db.execute(update(cashiers).where(*_at_work(territory_id, merchant_id, cashier_id)).values(**gone))
    if ended.rowcount != 1:
        raise CashierUnknown
    db.execute(delete(till_shifts).where(*held))
    _record(db, (territory_id, now), actor, "cashier.remove", cashier_id)


def take_till(
    engine: Engine,
    keyring: Keyring,
    *,
    territory_id: int,
    till: Till,
    cashier_id: int,
    code: str,
    now: datetime.datetime,
) -> None:
    """Put a cashier at a till, in place of whoever held it.

    Args:
        engine: the try is taken in a transaction of its own.
        keyring: evaluates the hash.
        territory_id: whose books.
        till: of the cashier's shop.
        cashier_id: who says to be there.
        code: as typed.
        now: aware UTC.

    Refuses: cashier_unknown, cashier_locked, cashier_code_wrong.

    """
    who = _at_work(territory_id, till.merchant_id, cashier_id)
    hashed = transact(engine, _take_try, who)
    if not keyring.check_secret(hashed, code):
        raise CashierCodeWrong
    again = keyring.hash_secret(code) if is_old_hash(hashed) else hashed
    transact(
        engine,
        _begin_shift,
        territory_id=territory_id,
        till=till,
        cashier_id=cashier_id,
        hashed=hashed,
        again=again,
        now=now,
    )


@dataclass(frozen=True, slots=True)
class Shift:
    """Whether a till's shop has cashiers, and which of them holds the till, if any."""

    asks_cashier: bool
    cashier: Cashier | None


def shift_of(engine: Engine, keyring: Keyring, *, territory_id: int, till: Till) -> Shift:
    """Return who holds a till."""
    with reading(engine) as db:
        found = cashiers_of(db, territory_id=territory_id, merchant_id=till.merchant_id, keyring=keyring)
        held = (till_shifts.c.territory_id == territory_id, till_shifts.c.till_id == till.id)
        holder = db.scalar(select(till_shifts.c.cashier_id).where(*held))
    return Shift(bool(found), next((each for each in found if each.id == holder), None))


def cashiers_of(db: Connection, *, territory_id: int, merchant_id: int, keyring: Keyring) -> list[Cashier]:
    """Return the cashiers of a shop, in alphabetical order; not those who left."""
    rows = db.execute(
        select(cashiers.c.id, cashiers.c.sealed_name, cashiers.c.tries_left).where(
            cashiers.c.territory_id == territory_id,
            cashiers.c.merchant_id == merchant_id,
            cashiers.c.removed_at_ms.is_(None),
        )
    )
    found = [
        Cashier(
            id=row.id,
            merchant_id=merchant_id,
            name=str(keyring.unseal(row.sealed_name)["name"]),
            is_locked=row.tries_left == 0,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: each.name.casefold())


def cashiers_of_charges(
    db: Connection, *, territory_id: int, merchant_id: int, entry_ids: Collection[int], keyring: Keyring
) -> dict[int, str]:
    """Return who took each of a shop's charges: a name, or the number of a cashier who left; not the unstamped."""
    if not entry_ids:
        return {}
    names = {
        each.id: each.name
        for each in cashiers_of(db, territory_id=territory_id, merchant_id=merchant_id, keyring=keyring)
    }
    stamped = db.execute(
        select(charge_cashiers.c.entry_id, charge_cashiers.c.cashier_id).where(
            charge_cashiers.c.territory_id == territory_id,
            charge_cashiers.c.entry_id.between(min(entry_ids), max(entry_ids)),
        )
    )
    wanted = set(entry_ids)
    return {entry_id: names.get(who, f"caissier n° {who}") for entry_id, who in stamped if entry_id in wanted}


def _take_try(db: Connection, who: tuple[ColumnElement[bool], ...]) -> str:
    taken: str | None = db.scalar(
        update(cashiers)
        .where(*who, cashiers.c.tries_left > 0)
        .values(tries_left=cashiers.c.tries_left - 1)
        .returning(cashiers.c.code_hash)
    )
    if taken is not None:
        return taken
    if db.scalar(select(cashiers.c.id).where(*who)) is None:
        raise CashierUnknown
    raise CashierLocked


def _begin_shift(
    db: Connection,
    *,
    territory_id: int,
    till: Till,
    cashier_id: int,
    hashed: str,
    again: str,
    now: datetime.datetime,
) -> None:
    # Only for the code that was checked: the office may have given a new one, or ended the cashier, in the meantime.
    same = (*_at_work(territory_id, till.merchant_id, cashier_id), cashiers.c.code_hash == hashed)
    if db.execute(update(cashiers).where(*same).values(tries_left=TRIES_MAX, code_hash=again)).rowcount != 1:
        raise CashierCodeWrong
    db.execute(delete(till_shifts).where(till_shifts.c.territory_id == territory_id, till_shifts.c.till_id == till.id))
    shift = {"till_id": till.id, "cashier_id": cashier_id, "started_at_ms": instant_ms(now)}
    db.execute(insert(till_shifts), {"territory_id": territory_id, **shift})
    _record(db, (territory_id, now), till.caller, "cashier.take_till", cashier_id)


def _checked(code: str) -> str:
    if len(code) != PIN_LENGTH or not set(code) <= set(DECIMAL_DIGITS) or is_trivial_pin(code):
        raise CashierCodeInvalid
    return code


def _at_work(territory_id: int, merchant_id: int, cashier_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        cashiers.c.territory_id == territory_id,
        cashiers.c.merchant_id == merchant_id,
        cashiers.c.id == cashier_id,
        cashiers.c.removed_at_ms.is_(None),
    )


def _record(db: Connection, at: tuple[int, datetime.datetime], actor: str, action: str, cashier_id: int) -> None:
    territory_id, now = at
    target = f"cashier:{cashier_id}"
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action=action, target=target)
