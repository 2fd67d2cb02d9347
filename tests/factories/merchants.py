"""Shops and tills, made through the service's own operations."""

import datetime
import hashlib
import itertools
from collections.abc import Callable

from schwifty import IBAN
from stdnum import luhn

from merchants.model import Address, Merchant, Till
from merchants.shops.admission import check_admission
from merchants.shops.operations import admit_merchant, open_till, pair_till
from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.periods import moment_of
from tests.factories.ledger import NOON_MS, World

NOW = moment_of(NOON_MS)
MANAGER = "staff:3"
APPROVER = "staff:4"
MINUTE = datetime.timedelta(minutes=1)


def siret(number: int) -> str:
    """Return a SIRET with a right key."""
    body = f"732829320{number:04d}"
    return body + luhn.calc_check_digit(body)


def iban(number: int) -> str:
    """Return a French IBAN with right keys."""
    return str(IBAN.generate("FR", bank_code="30006", branch_code="00001", account_code=f"{number:011d}"))


def chance(seed: str = "chance") -> Callable[[int], bytes]:
    """Return a source of bytes that a test can repeat."""
    count = itertools.count()

    def draw(size: int) -> bytes:
        stream = b""
        while len(stream) < size:
            stream += hashlib.sha256(f"{seed}{next(count)}".encode()).digest()
        return stream[:size]

    return draw


def admission(number: int = 1, *, category: str = "food", **more: object) -> dict[str, object]:
    """Return the fields of a shop that may be admitted."""
    fields: dict[str, object] = {
        "name": f"Boulangerie Exemple {number}",
        "siret": siret(number),
        "category": category,
        "iban": iban(number),
        "address": Address(street="Rue du Port", building="3", postcode="64100", town="Ville-Exemple"),
    }
    return fields | more


def admit(world: World, number: int = 1, *, category: str = "food", **more: object) -> Merchant:
    """Admit a shop; the first one has number 1."""
    checked = check_admission(**admission(number, category=category, **more))  # type: ignore[arg-type]
    return transact(
        world.engine, admit_merchant, territory_id=world.territory_id, admission=checked, actor=MANAGER, now=NOW
    )


def pairing(world: World, merchant: Merchant, *, label: str = "Caisse 1") -> tuple[Till, str]:
    """Open a till and return it with its pairing code."""
    return transact(
        world.engine,
        open_till,
        territory_id=world.territory_id,
        merchant_id=merchant.id,
        label=label,
        actor=MANAGER,
        now=NOW,
        random_bytes=chance(f"{merchant.id}{label}"),
    )


def paired(world: World, merchant: Merchant, *, label: str = "Caisse 1") -> Till:
    """Open a till and pair it."""
    _, code = pairing(world, merchant, label=label)
    till, _ = transact(
        world.engine,
        pair_till,
        territory_id=world.territory_id,
        code=code,
        now=NOW,
        random_bytes=chance(f"pair{merchant.id}{label}"),
    )
    return till
