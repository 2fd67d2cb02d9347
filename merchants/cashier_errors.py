"""Every reason that concerns the cashiers of a shop, one class each, in order of precedence."""

from monnaie_locale.ledger.errors import Nature, Refusal


class CashierNameInvalid(Refusal):
    """A cashier's first name or alias has 1 to 30 characters."""

    code = "cashier_name_invalid"
    nature = Nature.INVALID
    french = "Indiquez un prénom ou un surnom, en 30 caractères au plus."


class CashierNameTaken(Refusal):
    """Another cashier of the shop has this name."""

    code = "cashier_name_taken"
    nature = Nature.CONFLICT
    french = "Une autre personne de ce commerce porte déjà ce nom : ajoutez une initiale."


class CashierCodeInvalid(Refusal):
    """A cashier's code is four digits: no sequence, no repetition, no year of birth."""

    code = "cashier_code_invalid"
    nature = Nature.INVALID
    french = "Le code compte quatre chiffres, sans suite, répétition ni année de naissance."


class CashierUnknown(Refusal):
    """There is no such cashier at this shop."""

    code = "cashier_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette personne ne tient pas de caisse dans ce commerce."


class CashierLocked(Refusal):
    """Five wrong codes in a row: a new code is given at the office."""

    code = "cashier_locked"
    nature = Nature.FORBIDDEN
    french = "Cinq codes faux de suite : demandez un nouveau code au CCAS."


class CashierCodeWrong(Refusal):
    """This is not the cashier's code."""

    code = "cashier_code_wrong"
    nature = Nature.FORBIDDEN
    french = "Ce n’est pas le code de cette personne."


class CashierRequired(Refusal):
    """The shop has cashiers, and nobody holds this till."""

    code = "cashier_required"
    nature = Nature.CONFLICT
    french = "Qui tient la caisse ? Indiquez-le d’abord."


CASHIER_REFUSALS: tuple[type[Refusal], ...] = (
    CashierNameInvalid,
    CashierNameTaken,
    CashierCodeInvalid,
    CashierUnknown,
    CashierLocked,
    CashierCodeWrong,
    CashierRequired,
)
