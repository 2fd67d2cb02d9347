"""French words of the merchants' pages."""

from monnaie_locale.ledger.entries import EntryKind

MOVEMENT_NAMES: dict[EntryKind, str] = {
    EntryKind.CHARGE: "Encaissement",
    EntryKind.REFUND: "Remboursement",
    EntryKind.MERCHANT_PAYMENT: "Paiement entre commerces",
    EntryKind.PAYOUT_ORDER: "Virement ordonné",
    EntryKind.PAYOUT_RETURNED: "Virement rejeté par la banque",
    EntryKind.RECOVERY: "Indu récupéré",
    EntryKind.REVERSAL: "Contre-passation",
}
