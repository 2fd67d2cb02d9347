"""How the close and its documents tell a difference: since when, what is known, why it may wait. Pure."""

from collections.abc import Sequence

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceState
from monnaie_locale.reconciliation.differences.wording import told

TO_SETTLE = "À expliquer, ou à reporter avec une raison."
ON_ITS_WAY = "En cours de sa nature : le prochain relevé le soldera."


def reasons_of(found: Sequence[Difference]) -> str:
    """Return the reasons for which differences are carried, each once, as one text."""
    return " ; ".join(dict.fromkeys(each.reason for each in found if each.reason))


def told_fr(difference: Difference) -> str:
    """Return a difference as a person reads it: its day, its age, its name, its amount, what is known, why it waits."""
    words = told(difference)
    return (
        f"{words.name}, {format_euros(difference.amount_cents)}, depuis le {difference.happened_on:%d/%m/%Y} "
        f"({age_fr(difference)}). {words.known} {waits_fr(difference)}"
    )


def waits_fr(difference: Difference) -> str:
    """Return why a difference may wait, or that it may not."""
    if difference.state is DifferenceState.CARRIED:
        return f"Reporté : {difference.reason}"
    return ON_ITS_WAY if difference.is_carried_by_nature else TO_SETTLE


def age_fr(difference: Difference) -> str:
    """Return how old a difference is at the end of its month."""
    return f"{difference.age_days} jour{'s' if difference.age_days > 1 else ''}"
