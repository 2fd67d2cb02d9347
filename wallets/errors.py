"""Every reason the wallets can refuse, one class each, in order of precedence."""

from monnaie_locale.ledger.errors import Nature, Refusal


class CardMalformed(Refusal):
    """This is not the code or the number of a card: a character is wrong, missing or too many."""

    code = "card_malformed"
    nature = Nature.INVALID
    french = "Ce code n'est pas celui d'une carte. Scannez à nouveau la carte, ou retapez son numéro."


class CardOfAnotherTown(Refusal):
    """This card belongs to another town's currency."""

    code = "card_of_another_town"
    nature = Nature.INVALID
    french = "Cette carte n'est pas une carte de notre monnaie locale."


REFUSALS: tuple[type[Refusal], ...] = (
    CardMalformed,
    CardOfAnotherTown,
)
