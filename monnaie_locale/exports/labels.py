"""How the books name what happened and whose account it is, in French: codes and words, never a person."""

from collections.abc import Mapping

from monnaie_locale.journal.directory import NEVER, Owner
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind

ENTRY_LABELS: dict[EntryKind, str] = {
    EntryKind.FUNDING: "Financement reçu du CCAS",
    EntryKind.DISTRIBUTION: "Distribution",
    EntryKind.CHARGE: "Encaissement",
    EntryKind.REFUND: "Remboursement",
    EntryKind.MERCHANT_PAYMENT: "Paiement entre commerçants",
    EntryKind.PAYOUT_ORDER: "Virement ordonné",
    EntryKind.PAYOUT_SETTLED: "Virement débité par la banque",
    EntryKind.PAYOUT_RETURNED: "Virement retourné",
    EntryKind.EXPIRY: "Expiration",
    EntryKind.EXPIRED_REPAID: "Restitution au CCAS",
    EntryKind.WALLET_MOVE: "Changement de porte-monnaie",
    EntryKind.BANK_CHARGE: "Frais bancaires",
    EntryKind.SUSPENSE: "Mouvement bancaire à classer",
    EntryKind.RECOVERY: "Récupération d’un indu",
    EntryKind.REVERSAL: "Contre-passation",
    EntryKind.RESERVE_TOP_UP: "Complément de réserve",
    EntryKind.GUARANTEE_FUNDED: "Garantie hors connexion alimentée",
    EntryKind.GUARANTEE_RETURNED: "Garantie hors connexion rendue au dispositif",
}


def auxiliary_code(owner: Owner) -> str:
    """Return what tells the account apart under its general code: "P1-W17-20261231", "M3", "" for a single one."""
    parts = []
    if owner.programme_id:
        parts.append(f"P{owner.programme_id}")
    if owner.wallet_id:
        parts.append(f"W{owner.wallet_id}")
    if owner.merchant_id:
        parts.append(f"M{owner.merchant_id}")
    if owner.expires_on != NEVER:
        parts.append(f"{owner.expires_on:%Y%m%d}")
    return "-".join(parts)


def auxiliary_label(owner: Owner) -> str:
    """Return the same in words, with numbers instead of names: what a file of the ledger alone can say."""
    if owner.kind is AccountKind.PURSE:
        return (
            f"Porte-monnaie {owner.wallet_id}, dispositif {owner.programme_id}, expire le {owner.expires_on:%d/%m/%Y}"
        )
    parts = []
    if owner.programme_id:
        parts.append(f"Dispositif {owner.programme_id}")
    if owner.wallet_id:
        parts.append(f"Porte-monnaie {owner.wallet_id}")
    if owner.merchant_id:
        parts.append(f"Commerçant {owner.merchant_id}")
    return ", ".join(parts)


def registered_label(owner: Owner, *, programmes: Mapping[int, str], shops: Mapping[int, str]) -> str:
    """Return whose account it is as the registers say, by their numbers; a holder stays a number.

    What a register does not know keeps its number too.
    """
    parts = []
    if owner.wallet_id:
        parts.append(f"Porte-monnaie {owner.wallet_id}")
    if owner.programme_id:
        parts.append(programmes.get(owner.programme_id, f"Dispositif {owner.programme_id}"))
    if owner.merchant_id:
        parts.append(shops.get(owner.merchant_id, f"Commerçant {owner.merchant_id}"))
    if owner.expires_on != NEVER:
        parts.append(f"expire le {owner.expires_on:%d/%m/%Y}")
    return ", ".join(parts)
