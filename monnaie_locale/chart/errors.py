"""Every reason a code is refused, one class each."""

from monnaie_locale.ledger.errors import Nature, Refusal


class ChartLineUnknown(Refusal):
    """The chart of accounts has no such line."""

    code = "chart_line_unknown"
    nature = Nature.NOT_FOUND
    french = "Le plan de comptes n’a pas de ligne « {given} »."


class AccountCodeMalformed(Refusal):
    """The code of an account is digits only, within the length of its chart."""

    code = "account_code_malformed"
    nature = Nature.INVALID
    french = "Le compte « {given} » doit avoir de {at_least} à {at_most} chiffres."


class AccountCodeWrongClass(Refusal):
    """The code does not lie in the class of what the account is for."""

    code = "account_code_wrong_class"
    nature = Nature.INVALID
    french = "Le compte {given} doit commencer par {expected}."


class AccountCodeTaken(Refusal):
    """Another line has this code, or one that lies under it."""

    code = "account_code_taken"
    nature = Nature.CONFLICT
    french = "Le compte {given} est déjà celui de « {label} », ou se confond avec lui ({taken})."


class AccountLabelMalformed(Refusal):
    """The label of an account is one line of text, not too long."""

    code = "account_label_malformed"
    nature = Nature.INVALID
    french = "Le libellé du compte a de 1 à {at_most} caractères."


class AccountCodeChanged(Refusal):
    """The code confirmed is not the one in force any more."""

    code = "account_code_changed"
    nature = Nature.CONFLICT
    french = "Le compte a changé entre-temps : c’est maintenant {current}. Relisez avant de confirmer."


class ChartYearClosed(Refusal):
    """A month of that year is closed, so its codes do not change any more."""

    code = "chart_year_closed"
    nature = Nature.CONFLICT
    french = "Un mois de cette année est arrêté : ses comptes ne changent plus."


class ChartFrozen(Refusal):
    """What was decided of a code stays as it was written."""

    code = "chart_frozen"
    nature = Nature.CONFLICT
    french = "Le plan de comptes garde chacune de ses versions : il ne s’efface ni ne se corrige."


REFUSALS: tuple[type[Refusal], ...] = (
    ChartLineUnknown,
    AccountCodeMalformed,
    AccountCodeWrongClass,
    AccountLabelMalformed,
    AccountCodeTaken,
    AccountCodeChanged,
    ChartYearClosed,
    ChartFrozen,
)
