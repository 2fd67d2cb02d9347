"""What the journal refuses beyond the ledger's own rules."""

from monnaie_locale.ledger.errors import Nature, Refusal


class TerritoryUnknown(Refusal):
    """There is no such territory."""

    code = "territory_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce territoire n’existe pas."


class PeriodAlreadyClosed(Refusal):
    """This month is already closed."""

    code = "period_already_closed"
    nature = Nature.CONFLICT
    french = "Ce mois est déjà arrêté."


class PeriodOutOfOrder(Refusal):
    """Months are closed in order, without a gap."""

    code = "period_out_of_order"
    nature = Nature.CONFLICT
    french = "Les mois s’arrêtent dans l’ordre : un mois précédent est encore ouvert."


class PeriodNotLast(Refusal):
    """Only the last closed month is reopened: the months after it stand on what it held."""

    code = "period_not_last"
    nature = Nature.CONFLICT
    french = "Seul le dernier mois arrêté peut être rouvert."


class ClosedBeforeReopened(Refusal):
    """A month that was reopened is closed again at a later instant: is the clock right?"""

    code = "closed_before_reopened"
    nature = Nature.CONFLICT
    french = "Ce mois a été rouvert après l’heure de cet arrêté : vérifiez l’horloge du service."


class LedgerUnavailable(Refusal):
    """The ledger cannot answer now. Ask again with the same key: nothing is counted twice."""

    code = "ledger_unavailable"
    nature = Nature.UNAVAILABLE
    french = "Le service ne peut pas enregistrer pour le moment. Réessayez : rien ne sera compté deux fois."


REFUSALS: tuple[type[Refusal], ...] = (
    TerritoryUnknown,
    PeriodAlreadyClosed,
    PeriodOutOfOrder,
    PeriodNotLast,
    ClosedBeforeReopened,
    LedgerUnavailable,
)
