"""Every reason a close is refused, one class each, in the order in which they are looked for."""

from monnaie_locale.ledger.errors import Nature, Refusal


class MonthMalformed(Refusal):
    """A month is written 2026-10."""

    code = "month_malformed"
    nature = Nature.INVALID
    french = "« {given} » n'est pas un mois (exemple : 2026-10)."


class CloseUnknown(Refusal):
    """There is no such close."""

    code = "close_unknown"
    nature = Nature.NOT_FOUND
    french = "Cet arrêté mensuel n'existe pas."


class MonthNotEnded(Refusal):
    """The month is not over yet, in the time of Paris."""

    code = "month_not_ended"
    nature = Nature.CONFLICT
    french = "Le mois {month} n'est pas terminé."


class MonthAlreadyClosed(Refusal):
    """This month is already closed."""

    code = "month_already_closed"
    nature = Nature.CONFLICT
    french = "Le mois {month} est déjà arrêté."


class MonthOutOfOrder(Refusal):
    """Months are closed in order: an earlier one is still open."""

    code = "month_out_of_order"
    nature = Nature.CONFLICT
    french = "Les mois s'arrêtent dans l'ordre : il faut d'abord arrêter {expected}."


class MakerIsChecker(Refusal):
    """The person who prepared the close may not approve it."""

    code = "maker_is_checker"
    nature = Nature.FORBIDDEN
    french = "Vous avez préparé cet arrêté : une autre personne doit l'approuver."


class ChecklistNotClean(Refusal):
    """The checklist of the month still has points to settle."""

    code = "checklist_not_clean"
    nature = Nature.CONFLICT
    french = "Cet arrêté ne peut pas se faire : {points}."


class NothingToClose(Refusal):
    """The books of this territory hold no entry yet."""

    code = "nothing_to_close"
    nature = Nature.CONFLICT
    french = "Il n'y a encore aucune écriture à arrêter."


class CertificateMalformed(Refusal):
    """The file is not a close certificate of a known version."""

    code = "certificate_malformed"
    nature = Nature.INVALID
    french = "Ce fichier n'est pas un certificat d'arrêté lisible."


REFUSALS: tuple[type[Refusal], ...] = (
    MonthMalformed,
    CloseUnknown,
    MonthNotEnded,
    MonthAlreadyClosed,
    MonthOutOfOrder,
    MakerIsChecker,
    ChecklistNotClean,
    NothingToClose,
    CertificateMalformed,
)
