"""The chart of accounts as values: the issuer's lines (PCG), the CCAS's (M57), their defaults. Pure."""

import datetime
from dataclasses import dataclass, field
from enum import StrEnum

from monnaie_locale.ledger.accounts import ACCOUNT_MAP, AccountKind, GeneralAccount


class Book(StrEnum):
    """Whose chart it is: the issuer keeps the PCG, the CCAS the M57."""

    ISSUER = "issuer"
    CCAS = "ccas"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return BOOK_LABELS[self]


BOOK_LABELS = {Book.ISSUER: "Émetteur (plan comptable général)", Book.CCAS: "CCAS (M57)"}


class CcasRole(StrEnum):
    """What an account of the CCAS is for; our books never move one, documents propose it. Never rename one."""

    AID = "aid"
    ADVANCE = "advance"
    TREASURY = "treasury"
    FEES = "fees"
    RETURNED = "returned"
    INACTIVE_VALUES = "inactive_values"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRule:
    """One line of a chart before anybody changed it.

    `prefixes` are the beginnings that a code may have; `must_confirm` marks a default that no official text gives.
    """

    book: Book
    role: str
    purpose_fr: str
    default: GeneralAccount
    prefixes: tuple[str, ...]
    must_confirm: bool


# The PCG names these; for local units in circulation no official text was found, so the comptable confirms the rest.
NAMED_BY_THE_PCG = frozenset(
    {
        AccountKind.RESERVE,
        AccountKind.SUSPENSE_IN,
        AccountKind.SUSPENSE_OUT,
        AccountKind.BANK_CHARGES,
        AccountKind.RECONVERSION_FEES,
    }
)
# A kind that is not here stays in the class of its default.
ISSUER_PREFIXES: dict[AccountKind, tuple[str, ...]] = {
    AccountKind.RESERVE: ("51",),
    AccountKind.PAYOUT_TRANSIT: ("4", "51", "58"),
    AccountKind.SUSPENSE_IN: ("47",),
    AccountKind.SUSPENSE_OUT: ("47",),
}


def _issuer_rule(kind: AccountKind, default: GeneralAccount) -> LineRule:
    return LineRule(
        book=Book.ISSUER,
        role=kind.name.lower(),
        purpose_fr=default.french,
        default=default,
        prefixes=ISSUER_PREFIXES.get(kind, (default.code[0],)),
        must_confirm=kind not in NAMED_BY_THE_PCG,
    )


def _ccas_rule(role: CcasRole, purpose_fr: str, code: str, label: str, *prefixes: str) -> LineRule:
    return LineRule(
        book=Book.CCAS,
        role=role.value,
        purpose_fr=purpose_fr,
        default=GeneralAccount(code, label),
        prefixes=prefixes,
        must_confirm=True,
    )


# Source of the defaults: nomenclature M57 as far as known, M52 2021 (DGFiP) for classes 4 and 5; each is confirmed by
# the comptable of the CCAS before it is relied on.
RULES: dict[tuple[Book, str], LineRule] = {
    (rule.book, rule.role): rule
    for rule in (
        *(_issuer_rule(kind, default) for kind, default in ACCOUNT_MAP.items()),
        _ccas_rule(CcasRole.AID, "Aide accordée, par dispositif", "65134", "Aides", "65"),
        _ccas_rule(
            CcasRole.ADVANCE, "Fonds remis à l’émetteur, avant justification", "47218",
            "Dépenses réglées sans mandatement préalable", "4", "54",
        ),
        _ccas_rule(CcasRole.TREASURY, "Compte qui verse les fonds", "515", "Compte au Trésor", "5"),
        _ccas_rule(CcasRole.FEES, "Rémunération de l’émetteur, frais", "6228", "Divers honoraires", "62"),
        _ccas_rule(
            CcasRole.RETURNED, "Monnaie périmée rendue l’année suivante", "773",
            "Mandats annulés sur exercices antérieurs", "7",
        ),
        _ccas_rule(CcasRole.INACTIVE_VALUES, "Titres en dépôt (CAP)", "861", "Valeurs inactives – portefeuille", "86"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """One line as it stands: its account, from when, who set it, who confirmed this very code.

    `programme_id` is 0, or the programme that has an aid account of its own; `set_by` is "" for a default.
    """

    rule: LineRule
    programme_id: int
    account: GeneralAccount
    effective_on: datetime.date | None = None
    set_by: str = ""
    set_at_ms: int | None = None
    confirmed_by: str = ""
    confirmed_at_ms: int | None = None

    @property
    def waits(self) -> bool:
        """Return whether the comptable must still confirm this code."""
        return (self.rule.must_confirm or bool(self.set_by)) and self.confirmed_at_ms is None


@dataclass(frozen=True, slots=True)
class Chart:
    """The charts of both books as they stand for the year of a day."""

    lines: tuple[ChartLine, ...]
    _found: dict[tuple[Book, str, int], GeneralAccount] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the lines."""
        found = {(line.rule.book, line.rule.role, line.programme_id): line.account for line in self.lines}
        object.__setattr__(self, "_found", found)

    def issuer(self, kind: AccountKind) -> GeneralAccount:
        """Return the issuer's account of a kind."""
        return self._found[Book.ISSUER, kind.name.lower(), 0]

    def ccas(self, role: CcasRole, *, programme_id: int = 0) -> GeneralAccount:
        """Return the CCAS's account for a role, a programme's own when it has one."""
        own = self._found.get((Book.CCAS, role.value, programme_id))
        return own if own is not None else self._found[Book.CCAS, role.value, 0]
