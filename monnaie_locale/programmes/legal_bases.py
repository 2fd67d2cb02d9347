"""What each legal basis asks for: its dates, its mentions, its documents. Pure; the rules of a programme are values.

Sources: code général des collectivités territoriales, articles L1611-6 and R1611-2 to R1611-13 (chèque
d'accompagnement personnalisé), L1611-7 and D1611-16 to D1611-26 (convention de mandat; D1611-20 to -26 are written for
its II and III and are followed for its IV too, as the comptable would ask for no less), code civil 1984 and 1993
(mandat).
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from monnaie_locale.programmes.model import ExpiredGoesTo, LegalBasis

FEBRUARY, MARCH, MAY, DECEMBER = 2, 3, 5, 12


@dataclass(frozen=True, slots=True)
class Deadline:
    """One date of a year's money: a stable code, what must be done, by when, and where it is written."""

    code: str
    label_fr: str
    due_on: datetime.date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisRules:
    """What a legal basis asks for.

    `ends_with_year` means that units die on 31 December of the year in which they were given; `expired_goes_to` is
    where unspent units may go; `documents` are the names of the documents of a year (`dossier`), `mentions` the
    sentences that documents bear, with {ccas}, {issuer} and {year} to fill.
    """

    basis: LegalBasis
    sources: str
    ends_with_year: bool
    expired_goes_to: frozenset[ExpiredGoesTo]
    mentions: tuple[str, ...]
    documents: tuple[str, ...]
    deadlines_of: Callable[[int], tuple[Deadline, ...]]

    def deadlines(self, *, year: int) -> tuple[Deadline, ...]:
        """Return the dates that the money of a calendar year must keep, in order."""
        return tuple(sorted(self.deadlines_of(year), key=lambda deadline: (deadline.due_on, deadline.code)))

    def mentions_for(self, *, ccas: str, issuer: str, year: int) -> tuple[str, ...]:
        """Return the sentences that a document of the year bears."""
        return tuple(mention.format(ccas=ccas, issuer=issuer, year=year) for mention in self.mentions)


def last_of_february(year: int) -> datetime.date:
    """Return the last day of February, "la fin du deuxième mois" of a year."""
    return datetime.date(year, MARCH, 1) - datetime.timedelta(days=1)


def _mandate_deadlines(year: int) -> tuple[Deadline, ...]:
    """Return the dates of a mandate: one account a year, in time for the comptable to produce his own.

    The comptable's account is produced by the first of June (CGCT L1612-12); the date of the convention comes first
    when it is earlier, so 31 January is what we propose.
    """
    return (
        Deadline(
            "mandate_accounts",
            "Reddition des comptes au CCAS (au moins une fois par an ; date de la convention si elle est plus tôt)",
            datetime.date(year + 1, 1, 31),
            "CGCT D1611-25",
        ),
    )


def _cap_deadlines(year: int) -> tuple[Deadline, ...]:
    return (
        Deadline("cap_expiry", "Dernier jour d’utilisation", datetime.date(year, DECEMBER, 31), "CGCT R1611-6"),
        Deadline(
            "cap_returns", "Retour des titres non distribués", datetime.date(year + 1, 1, 31), "CGCT R1611-7"
        ),
        Deadline(
            "cap_claims",
            "Dernier jour de présentation par les commerçants",
            last_of_february(year + 1),
            "CGCT L1611-6, R1611-6",
        ),
        Deadline(
            "cap_refunds",
            "Remboursement ou échange des titres non distribués",
            last_of_february(year + 1),
            "CGCT R1611-7",
        ),
        Deadline(
            "cap_account", "Compte annuel remis au CCAS", datetime.date(year + 1, MAY, 31), "CGCT R1611-10"
        ),
    )  # fmt: skip


ON_BEHALF = "Opérations faites au nom et pour le compte de : {ccas}. Mandataire : {issuer} (CGCT D1611-20)."
NO_CASH = "La monnaie ne se rembourse pas en espèces, ni en tout ni en partie."
MANDATE_DOCUMENTS = (
    "reddition-balance",
    "reddition-soldes",
    "reddition-tresorerie",
    "reddition-impayes",
    "reddition-pieces",
)

BASES: dict[LegalBasis, BasisRules] = {
    rules.basis: rules
    for rules in (
        BasisRules(
            basis=LegalBasis.CIVIL_MANDATE,
            sources="Code civil 1984 et 1993 ; rép. min. n° 9555, JO AN du 24 septembre 2019",
            ends_with_year=False,
            expired_goes_to=frozenset(ExpiredGoesTo),
            mentions=(
                (
                    "Le bénéficiaire a donné mandat à l’émetteur ({issuer}) de recevoir en euros l’aide accordée "
                    "({ccas}) et de la lui remettre en monnaie locale."
                ),
                NO_CASH,
            ),
            documents=MANDATE_DOCUMENTS,
            deadlines_of=_mandate_deadlines,
        ),
        BasisRules(
            basis=LegalBasis.CONVENTION,
            sources="CGCT L1611-7, D1611-16 à D1611-26",
            ends_with_year=False,
            expired_goes_to=frozenset(ExpiredGoesTo),
            mentions=(ON_BEHALF, NO_CASH),
            documents=MANDATE_DOCUMENTS,
            deadlines_of=_mandate_deadlines,
        ),
        BasisRules(
            basis=LegalBasis.CAP,
            sources="CGCT L1611-6, R1611-2 à R1611-13",
            ends_with_year=True,
            expired_goes_to=frozenset({ExpiredGoesTo.CCAS}),
            mentions=(
                (
                    "Chèque d’accompagnement personnalisé, valable jusqu’au 31 décembre {year} (CGCT L1611-6). "
                    "Émetteur : {issuer}. Pour le compte de : {ccas}."
                ),
                NO_CASH,
            ),
            documents=("compte-annuel-cap", "commercants-cap"),
            deadlines_of=_cap_deadlines,
        ),
    )
}
