"""The kinds of account, the side on which each may not go below zero, and the default account map.

Source of the codes: plan comptable général (ANC 2018-06), third-party money in class 467 because a mandate
books no charge and no product for the face value (CGCT D1611-22).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class AccountKind(IntEnum):
    """What an account is for. The number is stored: never renumber."""

    RESERVE = 1
    PROGRAMME_FUNDS = 2
    PURSE = 3
    MERCHANT = 4
    PAYOUT_TRANSIT = 5
    EXPIRED = 6
    MERCHANT_DEBT = 7
    SUSPENSE_IN = 8
    SUSPENSE_OUT = 9
    BANK_CHARGES = 10
    RECONVERSION_FEES = 11
    OFFLINE_GUARANTEE = 12


class Limit(IntEnum):
    """The balance that may not go below zero, as the sign of (credits - debits)."""

    CREDIT = 1
    NONE = 0
    DEBIT = -1


@dataclass(frozen=True, slots=True)
class GeneralAccount:
    """A line of the chart of accounts: its number and its French label."""

    code: str
    french: str


LIMITS: dict[AccountKind, Limit] = {
    AccountKind.RESERVE: Limit.NONE,
    AccountKind.PROGRAMME_FUNDS: Limit.CREDIT,
    AccountKind.PURSE: Limit.CREDIT,
    AccountKind.MERCHANT: Limit.CREDIT,
    AccountKind.PAYOUT_TRANSIT: Limit.CREDIT,
    AccountKind.EXPIRED: Limit.CREDIT,
    AccountKind.MERCHANT_DEBT: Limit.DEBIT,
    AccountKind.SUSPENSE_IN: Limit.NONE,
    AccountKind.SUSPENSE_OUT: Limit.NONE,
    AccountKind.BANK_CHARGES: Limit.NONE,
    AccountKind.RECONVERSION_FEES: Limit.NONE,
    AccountKind.OFFLINE_GUARANTEE: Limit.CREDIT,
}

# What the reserve owes in euro once units are issued. Undistributed programme funds are not in it: they are
# the only slack, and issuing is refused as soon as the reserve no longer covers the rest.
OWED_KINDS = frozenset(
    {
        AccountKind.PURSE,
        AccountKind.MERCHANT,
        AccountKind.PAYOUT_TRANSIT,
        AccountKind.EXPIRED,
        # Promised to the shops for what they take offline: it must be covered before it is needed.
        AccountKind.OFFLINE_GUARANTEE,
    }
)

ACCOUNT_MAP: dict[AccountKind, GeneralAccount] = {
    AccountKind.RESERVE: GeneralAccount("512100", "Banque – compte de réserve cantonné"),
    AccountKind.PROGRAMME_FUNDS: GeneralAccount("467400", "Fonds de dispositif à distribuer"),
    AccountKind.PURSE: GeneralAccount("467100", "Monnaie en circulation – bénéficiaires"),
    AccountKind.MERCHANT: GeneralAccount("467200", "Commerçants – encaissements à rembourser"),
    AccountKind.PAYOUT_TRANSIT: GeneralAccount("467300", "Virements aux commerçants en cours"),
    AccountKind.EXPIRED: GeneralAccount("467500", "Monnaie périmée à rendre au CCAS"),
    AccountKind.MERCHANT_DEBT: GeneralAccount("467600", "Commerçants – indus à récupérer"),
    AccountKind.SUSPENSE_IN: GeneralAccount("471000", "Recettes à classer"),
    AccountKind.SUSPENSE_OUT: GeneralAccount("472000", "Dépenses à classer"),
    AccountKind.BANK_CHARGES: GeneralAccount("627000", "Services bancaires"),
    AccountKind.RECONVERSION_FEES: GeneralAccount("706100", "Commissions de reconversion"),
    AccountKind.OFFLINE_GUARANTEE: GeneralAccount("467700", "Garantie des encaissements hors connexion"),
}


# By the number of the kind: a tuple is read in a third of the time of a dictionary of enumerations.
CREDIT_LIMITED = tuple(kind is not None and LIMITS[kind] is Limit.CREDIT for kind in (None, *AccountKind))
DEBIT_LIMITED = tuple(kind is not None and LIMITS[kind] is Limit.DEBIT for kind in (None, *AccountKind))


class Balance(NamedTuple):
    """An account's counters, as locked at the moment of posting."""

    kind: AccountKind
    debits_cents: int
    credits_cents: int

    @property
    def net_credit_cents(self) -> int:
        """Return credits less debits."""
        return self.credits_cents - self.debits_cents

    def debitable_cents(self) -> int | None:
        """Return how much may still be debited, or None when there is no limit."""
        return self.credits_cents - self.debits_cents if CREDIT_LIMITED[self.kind] else None

    def creditable_cents(self) -> int | None:
        """Return how much may still be credited, or None when there is no limit."""
        return self.debits_cents - self.credits_cents if DEBIT_LIMITED[self.kind] else None
