"""Every reason the API kit can refuse, in the order in which they are looked at."""

from monnaie_locale.ledger.errors import Nature, Refusal


class IdempotencyKeyMissing(Refusal):
    """A write needs the header Idempotency-Key."""

    code = "idempotency_key_missing"
    nature = Nature.INVALID
    french = "Toute écriture demande l’en-tête Idempotency-Key."


class IdempotencyKeyMalformed(Refusal):
    """Idempotency-Key is 1 to 128 visible ASCII characters."""

    code = "idempotency_key_malformed"
    nature = Nature.INVALID
    french = "L’en-tête Idempotency-Key compte 1 à 128 caractères ASCII visibles."


class AnswerShownOnce(Refusal):
    """This was done and answered; the answer held a secret, and was not kept: ask under another key."""

    code = "answer_shown_once"
    nature = Nature.CONFLICT
    french = "Cette demande a déjà reçu sa réponse, qui contenait un secret et ne peut pas être donnée de nouveau."


class BodyInvalid(Refusal):
    """The body does not have the documented form."""

    code = "body_invalid"
    nature = Nature.INVALID
    french = "Le corps de la demande n’a pas la forme attendue."


class QueryInvalid(Refusal):
    """The query parameters do not have the documented form."""

    code = "query_invalid"
    nature = Nature.INVALID
    french = "Les paramètres de l’adresse n’ont pas la forme attendue."


class CursorInvalid(Refusal):
    """The cursor is not one that this service gave."""

    code = "cursor_invalid"
    nature = Nature.INVALID
    french = "Ce curseur de pagination n’est pas valable."


REFUSALS: tuple[type[Refusal], ...] = (
    IdempotencyKeyMissing,
    IdempotencyKeyMalformed,
    AnswerShownOnce,
    BodyInvalid,
    QueryInvalid,
    CursorInvalid,
)
