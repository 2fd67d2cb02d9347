"""Every reason a close is refused, one class each, in the order in which they are looked for."""

from monnaie_locale.ledger.errors import Nature, Refusal


class MonthMalformed(Refusal):
    """A month is written 2026-10."""

    code = "month_malformed"
    nature = Nature.INVALID
    french = "« {given} » n’est pas un mois (exemple : 2026-10)."


class CloseUnknown(Refusal):
    """There is no such close."""

    code = "close_unknown"
    nature = Nature.NOT_FOUND
    french = "Cet arrêté mensuel n’existe pas."


class MonthNotEnded(Refusal):
    """The month is not over yet, in the time of Paris."""

    code = "month_not_ended"
    nature = Nature.CONFLICT
    french = "Le mois {month} n’est pas terminé."


class MonthAlreadyClosed(Refusal):
    """This month is already closed."""

    code = "month_already_closed"
    nature = Nature.CONFLICT
    french = "Le mois {month} est déjà arrêté."


class MonthOutOfOrder(Refusal):
    """Months are closed in order: an earlier one is still open."""

    code = "month_out_of_order"
    nature = Nature.CONFLICT
    french = "Les mois s’arrêtent dans l’ordre : il faut d’abord arrêter {expected}."


class MakerIsChecker(Refusal):
    """The person who prepared the close may not approve it."""

    code = "maker_is_checker"
    nature = Nature.FORBIDDEN
    french = "Vous avez préparé cet arrêté : une autre personne doit l’approuver."


class ChecklistNotClean(Refusal):
    """The checklist of the month still has points to settle."""

    code = "checklist_not_clean"
    nature = Nature.CONFLICT
    french = "Cet arrêté ne peut pas se faire : {points}."


class CloseNotClosed(Refusal):
    """Only a closed month is reopened: this one waits for its second person, or was reopened already."""

    code = "close_not_closed"
    nature = Nature.CONFLICT
    french = "Le mois {month} n’est pas arrêté : il n’y a rien à rouvrir."


class NotTheLastClose(Refusal):
    """A later month is closed: the months after a close stand on what it held."""

    code = "not_the_last_close"
    nature = Nature.CONFLICT
    french = "Seul le dernier mois arrêté peut être rouvert : {last} l’est aussi."


class ReopeningReasonMissing(Refusal):
    """A month is reopened for a reason, which stays in its act."""

    code = "reopening_reason_missing"
    nature = Nature.INVALID
    french = "Dites pourquoi ce mois doit être rouvert : le motif restera écrit dans l’acte."


class ReopeningNotPrepared(Refusal):
    """Nobody has asked for this month to be reopened."""

    code = "reopening_not_prepared"
    nature = Nature.CONFLICT
    french = "Personne n’a préparé la réouverture de ce mois."


class ReopeningMakerIsChecker(Refusal):
    """The person who asked for the reopening may not approve it."""

    code = "reopening_maker_is_checker"
    nature = Nature.FORBIDDEN
    french = "Vous avez demandé cette réouverture : une autre personne doit l’approuver."


class DocumentsNotKept(Refusal):
    """The documents of the close are not kept yet: they must be, before the month is opened again."""

    code = "documents_not_kept"
    nature = Nature.CONFLICT
    french = "Les documents de cet arrêté ne sont pas encore conservés : conservez-les avant de rouvrir le mois."


class NothingToClose(Refusal):
    """The books of this territory hold no entry yet."""

    code = "nothing_to_close"
    nature = Nature.CONFLICT
    french = "Il n’y a encore aucune écriture à arrêter."


class CertificateMalformed(Refusal):
    """The file is not a close certificate of a known version."""

    code = "certificate_malformed"
    nature = Nature.INVALID
    french = "Ce fichier n’est pas un certificat d’arrêté lisible."


REFUSALS: tuple[type[Refusal], ...] = (
    MonthMalformed,
    CloseUnknown,
    MonthNotEnded,
    MonthAlreadyClosed,
    MonthOutOfOrder,
    MakerIsChecker,
    ChecklistNotClean,
    NothingToClose,
    CloseNotClosed,
    NotTheLastClose,
    ReopeningReasonMissing,
    ReopeningNotPrepared,
    ReopeningMakerIsChecker,
    DocumentsNotKept,
    CertificateMalformed,
)
