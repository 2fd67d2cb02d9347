"""Every reason a document is not given, one class each."""

from monnaie_locale.ledger.errors import Nature, Refusal


class DocumentUnknown(Refusal):
    """There is no such document, or not in this format."""

    code = "document_unknown"
    nature = Nature.NOT_FOUND
    french = "Le document « {given} » n’existe pas."


class AidNotApproved(Refusal):
    """The aid of a distribution is listed once a second person has approved it."""

    code = "aid_not_approved"
    nature = Nature.CONFLICT
    french = "La distribution « {label} » n’est pas validée : son état n’est pas encore donné."


REFUSALS: tuple[type[Refusal], ...] = (DocumentUnknown, AidNotApproved)
