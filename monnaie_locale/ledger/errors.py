"""Every reason the ledger can refuse, one class each.

`code` is public and stable: the API returns it, tests assert it. `nature` tells the rim which kind of answer
it is, `french` is the sentence a person reads, the docstring is the same sentence in English.
"""

from enum import StrEnum
from typing import ClassVar

from monnaie_locale.ledger.money import format_euros


class Nature(StrEnum):
    """What kind of refusal it is; the JSON and HTML kits turn it into a status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    SHORT = "short"
    GONE = "gone"
    LOCKED = "locked"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class Refusal(Exception):
    """The request is refused, and nothing was written."""

    code: ClassVar[str] = "refused"
    nature: ClassVar[Nature] = Nature.CONFLICT
    french: ClassVar[str] = "Cette opération est refusée."

    def __init__(self, **details: object) -> None:
        """Keep the details that the sentence and the API show; amounts are named `*_cents`."""
        super().__init__(self.code)
        self.details = details

    def sentence(self) -> str:
        """Return the French sentence, amounts written in euros."""
        return self.french.format_map(self._readable())

    def english(self) -> str:
        """Return the English sentence."""
        return (self.__doc__ or self.code).splitlines()[0]

    def __str__(self) -> str:
        """Return the code and the French sentence, for logs."""
        return f"{self.code}: {self.sentence()}"

    def _readable(self) -> "_Details":
        return _Details(
            (name, format_euros(value) if name.endswith("_cents") and isinstance(value, int) else value)
            for name, value in self.details.items()
        )


class _Details(dict[str, object]):
    """Details for a sentence: when the database refused, it did not say which amount, and the sentence still reads."""

    def __missing__(self, name: str) -> str:
        return "…"


class AmountMalformed(Refusal):
    """The amount is not a number of euros with at most two decimals."""

    code = "amount_malformed"
    nature = Nature.INVALID
    french = "Le montant « {given} » n’est pas un montant en euros (exemple : 12,50)."


class AmountNotPositive(Refusal):
    """The amount must be greater than zero."""

    code = "amount_not_positive"
    nature = Nature.INVALID
    french = "Le montant doit être supérieur à zéro."


class AmountTooLarge(Refusal):
    """The amount is above what the ledger can hold exactly."""

    code = "amount_too_large"
    nature = Nature.INVALID
    french = "Le montant est trop grand."


class SameAccount(Refusal):
    """The two accounts of a transfer must be different."""

    code = "same_account"
    nature = Nature.INVALID
    french = "Le compte débité et le compte crédité doivent être différents."


class AccountUnknown(Refusal):
    """There is no such account in this territory."""

    code = "account_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce compte n’existe pas."


class IdempotencyKeyReused(Refusal):
    """This idempotency key was already used for another request."""

    code = "idempotency_key_reused"
    nature = Nature.INVALID
    french = "Une autre demande a déjà été faite sous cette référence ; celle-ci n’a rien changé."


class PeriodClosed(Refusal):
    """The date falls in a closed month."""

    code = "period_closed"
    nature = Nature.CONFLICT
    french = "Le mois du {accounted_on} est arrêté : plus aucune écriture n’y entre."


class EntryUnknown(Refusal):
    """There is no such journal entry."""

    code = "entry_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette écriture n’existe pas."


class AlreadyReversed(Refusal):
    """This entry was already reversed; an entry is reversed once."""

    code = "already_reversed"
    nature = Nature.CONFLICT
    french = "L’écriture n° {entry_id} a déjà été contre-passée."


class InsufficientFunds(Refusal):
    """The accounts that may pay hold less than the amount."""

    code = "insufficient_funds"
    nature = Nature.SHORT
    french = "Solde insuffisant : il reste {available_cents}."


class IssueExceedsReserve(Refusal):
    """Issuing this would put more units in circulation than there are euros in the reserve."""

    code = "issue_exceeds_reserve"
    nature = Nature.SHORT
    french = "Émission refusée : la réserve en euros ne couvre pas ce montant (il manque {missing_cents})."


REFUSALS: tuple[type[Refusal], ...] = (
    AmountMalformed,
    AmountNotPositive,
    AmountTooLarge,
    SameAccount,
    AccountUnknown,
    IdempotencyKeyReused,
    PeriodClosed,
    EntryUnknown,
    AlreadyReversed,
    InsufficientFunds,
    IssueExceedsReserve,
)
