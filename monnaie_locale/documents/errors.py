"""Why a document is not given: what it says of itself is not what it holds."""

from monnaie_locale.ledger.errors import Nature, Refusal


class ControlTotalsDiffer(Refusal):
    """The lines of the document do not add up to its control totals."""

    code = "control_totals_differ"
    nature = Nature.CONFLICT
    french = (
        "Le document « {name} » n’est pas donné : {what} vaut {counted} dans les lignes et {announced} au contrôle."
    )


REFUSALS: tuple[type[Refusal], ...] = (ControlTotalsDiffer,)
