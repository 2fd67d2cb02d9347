"""Programmes, funding orders and distributions as values, and the fixed list of merchant categories. Pure."""

import datetime
from dataclasses import dataclass
from enum import StrEnum

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import Month


class Category(StrEnum):
    """What a shop sells, from the purposes of CGCT L1611-6. The word is stored: never rename one."""

    FOOD = "food"
    HYGIENE = "hygiene"
    CLOTHING = "clothing"
    HOUSEHOLD = "household"
    TRANSPORT = "transport"
    HEALTH = "health"
    SCHOOL = "school"
    CULTURE = "culture"
    SPORT = "sport"
    SERVICES = "services"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return CATEGORY_LABELS[self]


CATEGORY_LABELS: dict[Category, str] = {
    Category.FOOD: "Alimentation",
    Category.HYGIENE: "Hygiène",
    Category.CLOTHING: "Vêtements",
    Category.HOUSEHOLD: "Équipement de la maison",
    Category.TRANSPORT: "Transport",
    Category.HEALTH: "Santé",
    Category.SCHOOL: "École et enfance",
    Category.CULTURE: "Culture et loisirs",
    Category.SPORT: "Sport",
    Category.SERVICES: "Services et réparation",
}


class LegalBasis(StrEnum):
    """Under which law the issuer keeps the money of the CCAS."""

    CIVIL_MANDATE = "civil_mandate"
    CONVENTION = "convention"
    CAP = "cap"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return LEGAL_BASIS_LABELS[self]


LEGAL_BASIS_LABELS: dict[LegalBasis, str] = {
    LegalBasis.CIVIL_MANDATE: "Mandat civil",
    LegalBasis.CONVENTION: "Convention de mandat (CGCT, article L1611-7)",
    LegalBasis.CAP: "Chèque d’accompagnement personnalisé (CGCT, article L1611-6)",
}


# Technical regulation (EU) 2018/389, article 11: above 50 € the PIN is asked for whatever the programme says.
PIN_ABOVE_MAX_CENTS = 5_000


class PinRule(StrEnum):
    """When a payment from the programme's purses asks for the PIN, within the limits of the norm."""

    NEVER = "never"
    ABOVE = "above"
    ALWAYS = "always"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return PIN_RULE_LABELS[self]


PIN_RULE_LABELS: dict[PinRule, str] = {
    PinRule.NEVER: "Jamais demandé dans les limites légales",
    PinRule.ABOVE: "Demandé au-dessus d’un montant",
    PinRule.ALWAYS: "Demandé à chaque paiement",
}


class ExpiredGoesTo(StrEnum):
    """Where units go that nobody spent in time."""

    CCAS = "ccas"
    PROGRAMME = "programme"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return "Rendue au CCAS" if self is ExpiredGoesTo.CCAS else "Remise dans les fonds du dispositif"


class FundingState(StrEnum):
    """Whether the bank has shown the money."""

    EXPECTED = "expected"
    RECEIVED = "received"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return "attendu" if self is FundingState.EXPECTED else "reçu"


class DistributionState(StrEnum):
    """The steps of a distribution."""

    PREPARED = "prepared"
    APPROVED = "approved"
    POSTED = "posted"
    CANCELLED = "cancelled"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return DISTRIBUTION_STATE_LABELS[self]


DISTRIBUTION_STATE_LABELS: dict[DistributionState, str] = {
    DistributionState.PREPARED: "à valider",
    DistributionState.APPROVED: "validée, à verser",
    DistributionState.POSTED: "versée",
    DistributionState.CANCELLED: "annulée",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeTerms:
    """What is decided of a programme before it is opened.

    `budget_cents` is what may be funded, all orders together; `pin_above_cents` (at most 5 000) counts with
    `PinRule.ABOVE`; `grace_days` are the days after the expiry during which a refund still goes back to the purse.
    """

    name: str
    legal_basis: LegalBasis
    decision_reference: str
    decided_on: datetime.date
    budget_cents: int
    categories: frozenset[Category]
    pin_rule: PinRule = PinRule.ABOVE
    pin_above_cents: int = 2_000
    grace_days: int = 30
    expired_goes_to: ExpiredGoesTo = ExpiredGoesTo.CCAS


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A decision, a budget and rules of use."""

    programme_id: int
    name: str
    legal_basis: LegalBasis
    decision_reference: str
    decided_on: datetime.date
    budget_cents: int
    pin_rule: PinRule
    pin_above_cents: int
    grace_days: int
    expired_goes_to: ExpiredGoesTo
    categories: frozenset[Category]
    is_open: bool
    created_by: str
    created_at_ms: int

    @property
    def category_labels(self) -> str:
        """Return the categories in French, in the order of the list."""
        return ", ".join(category.label_fr for category in Category if category in self.categories)

    @property
    def pin_rule_sentence(self) -> str:
        """Return in French when this programme asks for the PIN."""
        if self.pin_rule is PinRule.ABOVE:
            return f"Demandé au-dessus de {format_euros(self.pin_above_cents)}"
        return self.pin_rule.label_fr


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingOrder:
    """Money that the CCAS said it would transfer to the reserve, known by its ISO 11649 reference."""

    funding_order_id: int
    programme_id: int
    amount_cents: int
    reference: str
    state: FundingState
    entry_id: int | None
    prepared_by: str
    created_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A batch of allocations; `posted_through_line` says how far it is in the books."""

    distribution_id: int
    programme_id: int
    label: str
    expires_on: datetime.date
    state: DistributionState
    prepared_by: str
    approved_by: str | None
    line_count: int
    total_cents: int
    posted_through_line: int
    prepared_at_ms: int
    approved_at_ms: int | None
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class DistributionLine:
    """What one wallet receives."""

    line_no: int
    wallet_id: int
    amount_cents: int


class GuaranteeMoveKind(StrEnum):
    """Which way money goes between a programme's funds and its offline guarantee."""

    FUND = "fund"
    RETURN = "return"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return "Alimenter la garantie" if self is GuaranteeMoveKind.FUND else "Rendre aux fonds du dispositif"


class GuaranteeMoveState(StrEnum):
    """Where a move of a guarantee is; the last two are final."""

    PREPARED = "prepared"
    POSTED = "posted"
    CANCELLED = "cancelled"

    @property
    def label_fr(self) -> str:
        """Return the French label shown to people."""
        return {"prepared": "à valider", "posted": "fait", "cancelled": "annulé"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuaranteeMove:
    """Money put into a programme's offline guarantee, or taken back: prepared by one person, approved by another."""

    move_id: int
    programme_id: int
    kind: GuaranteeMoveKind
    amount_cents: int
    state: GuaranteeMoveState
    prepared_by: str
    prepared_at_ms: int
    approved_by: str | None
    ended_at_ms: int | None
    entry_id: int | None

    @property
    def is_waiting(self) -> bool:
        """Return whether a second person has still to decide."""
        return self.state is GuaranteeMoveState.PREPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class GuaranteeUse:
    """What a guarantee paid at a shop in a month, less what the shop's refunds gave back to it, in cents."""

    month: Month
    merchant_id: int
    paid_cents: int
    charge_count: int
