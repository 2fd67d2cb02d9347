"""Hold shops and payouts, as they are stored, against what the audit trail noted of them when people decided.

An account number that somebody puts in a shop's row would be paid at the next payout, and a name in a payout's line is
on the bank's file: neither is in the journal. The trail is signed.
"""

import json
from collections.abc import Iterator

from sqlalchemy import Connection

from merchants.payouts.news import rejections_unsaid
from merchants.queries import list_merchants
from merchants.register_digests import payout_digests, shop_digests
from monnaie_locale.identity.queries import events_of_actions
from monnaie_locale.journal.verify import Finding

SHOP_NOTED = ("merchant.admit", "merchant.change_iban")
SUSPENDED, RESUMED = "merchant.suspend", "merchant.resume"
PAYOUT_NOTED = ("payout.prepare", "payout.approve")


def check_registers(db: Connection, *, territory_id: int) -> Iterator[Finding]:
    """Each shop and each payout is the one that somebody admitted, prepared or approved; what the bank said too."""
    yield from _check_shops(db, territory_id)
    yield from _check_payouts(db, territory_id)
    for payout_id, line_no in rejections_unsaid(db, territory_id=territory_id):
        yield Finding(
            "rejection_unsaid",
            f"payout {payout_id} line {line_no}",
            f"La ligne {line_no} du virement groupé {payout_id} est notée rejetée pour un motif que la banque n’a pas"
            " donné.",
        )


def _check_shops(db: Connection, territory_id: int) -> Iterator[Finding]:
    noted = _noted(db, territory_id, SHOP_NOTED)
    stored = shop_digests(db, territory_id=territory_id)
    is_suspended = {
        event.target: event.action == SUSPENDED
        for event in events_of_actions(db, territory_id=territory_id, actions=(SUSPENDED, RESUMED))
    }
    for shop in list_merchants(db, territory_id=territory_id):
        if is_suspended.get(f"merchant:{shop.id}", False) is shop.is_active:
            yield Finding(
                "shop_state_differs",
                f"merchant {shop.id}",
                f"Le commerce {shop.code} n’est pas suspendu, ou admis, comme le journal d’audit le dit.",
            )
    for target, digest in noted.items():
        number = int(target.partition(":")[2])
        if digest != stored.get(number):
            yield Finding(
                "shop_altered",
                f"merchant {number}",
                f"Le commerce n° {number} n’est plus celui qui a été admis : nom, SIRET, compte bancaire ou adresse.",
            )


def _check_payouts(db: Connection, territory_id: int) -> Iterator[Finding]:
    stored = payout_digests(db, territory_id=territory_id)
    for target, digest in _noted(db, territory_id, PAYOUT_NOTED).items():
        number = int(target.partition(":")[2])
        if digest != stored.get(number):
            yield Finding(
                "payout_altered",
                f"payout {number}",
                f"Le virement groupé {number} n’est plus celui qui a été préparé ou approuvé : noms, comptes, adresses,"
                " montants, date ou format.",
            )


def _noted(db: Connection, territory_id: int, actions: tuple[str, ...]) -> dict[str, str]:
    """Return the last digest that the trail noted of each target; an older version noted none."""
    noted = {}
    for event in events_of_actions(db, territory_id=territory_id, actions=actions):
        digest = json.loads(event.detail).get("sha256")
        if digest is not None:
            noted[event.target] = str(digest)
    return noted
