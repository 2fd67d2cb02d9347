"""Every reason the wallets can refuse, one class each, in order of precedence."""

from monnaie_locale.ledger.errors import Nature, Refusal


class CardMalformed(Refusal):
    """This is not the code or the number of a card: a character is wrong, missing or too many."""

    code = "card_malformed"
    nature = Nature.INVALID
    french = "Ce code n’est pas celui d’une carte. Scannez à nouveau la carte, ou retapez son numéro."


class CardOfAnotherTown(Refusal):
    """This card belongs to another town's currency."""

    code = "card_of_another_town"
    nature = Nature.INVALID
    french = "Cette carte n’est pas une carte de notre monnaie locale."


class PinMalformed(Refusal):
    """A PIN is four digits."""

    code = "pin_malformed"
    nature = Nature.INVALID
    french = "Le code secret a quatre chiffres."


class PinTrivial(Refusal):
    """A thief would try this PIN first: it is a sequence, a repetition, a year of birth or is printed on the card."""

    code = "pin_trivial"
    nature = Nature.INVALID
    french = (
        "Ce code secret est trop facile à deviner. Évitez les suites, les chiffres répétés, les années de naissance"
        " et les chiffres de la carte."
    )


class CardRefused(Refusal):
    """The card is not accepted, or the PIN is wrong.

    One answer for an unknown card, a blocked card and a wrong PIN, and for a locked card that is named by its number:
    whoever guesses learns nothing.
    """

    code = "card_refused"
    nature = Nature.FORBIDDEN
    french = (
        "Carte ou code secret refusé. Vérifiez le code et réessayez. Si le problème continue, adressez-vous au CCAS."
    )


class PhoneRefused(Refusal):
    """This phone may not pay: it was taken away, or its code is not its own."""

    code = "phone_refused"
    nature = Nature.FORBIDDEN
    french = "Ce téléphone ne peut pas payer. Utilisez la carte, ou adressez-vous au CCAS."


class PhoneCodeExpired(Refusal):
    """This phone's code is not valid any more: scan the next one."""

    code = "phone_code_expired"
    nature = Nature.GONE
    french = (
        "Ce code du téléphone n’est plus valable : scannez le suivant. S’il est refusé aussi, l’heure du téléphone "
        "est fausse : reliez-le une fois à Internet, ou utilisez la carte."
    )


class PhoneCodeUsed(Refusal):
    """This phone's code has already paid: scan the next one."""

    code = "phone_code_used"
    nature = Nature.GONE
    french = "Ce code du téléphone a déjà servi : scannez le suivant."


class PinRequired(Refusal):
    """This payment needs the holder's PIN."""

    code = "pin_required"
    nature = Nature.FORBIDDEN
    french = "Le porteur doit taper son code secret."


class PinLocked(Refusal):
    """Too many wrong PINs: the card is locked until the desk gives a new one."""

    code = "pin_locked"
    nature = Nature.LOCKED
    french = "Trop de codes secrets faux : la carte est verrouillée. Le CCAS peut donner un nouveau code."


class PurseExpired(Refusal):
    """What the card could have spent here has expired."""

    code = "purse_expired"
    nature = Nature.GONE
    french = "L’aide utilisable ici a expiré le {expired_on}."


class MerchantNotEligible(Refusal):
    """Nothing on this card is meant for this kind of shop."""

    code = "merchant_not_eligible"
    nature = Nature.FORBIDDEN
    french = "Cette carte ne paie pas dans la catégorie « {category} ». Elle paie : {accepted}."


class HouseholdFieldInvalid(Refusal):
    """A field of the household is missing or too long."""

    code = "household_field_invalid"
    nature = Nature.INVALID
    french = "Le champ « {field} » doit avoir de 1 à {length_max} caractères."


class HouseholdAddressInvalid(Refusal):
    """An address has too many lines below the name, or a line too long (NF Z 10-011)."""

    code = "household_address_invalid"
    nature = Nature.INVALID
    french = "L’adresse a {lines_max} lignes au plus sous le nom, de {length_max} caractères chacune."


class HouseholdUnknown(Refusal):
    """There is no such household."""

    code = "household_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce ménage n’existe pas."


class HouseholdErased(Refusal):
    """The identity of this household was erased."""

    code = "household_erased"
    nature = Nature.GONE
    french = "L’identité de ce ménage a été effacée."


class WalletUnknown(Refusal):
    """There is no such wallet."""

    code = "wallet_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce porte-monnaie n’existe pas."


class WalletClosed(Refusal):
    """The wallet is closed."""

    code = "wallet_closed"
    nature = Nature.CONFLICT
    french = "Ce porte-monnaie est fermé."


class WalletHasCard(Refusal):
    """The wallet already has an active card: replace it instead."""

    code = "wallet_has_card"
    nature = Nature.CONFLICT
    french = "Ce porte-monnaie a déjà une carte active. Remplacez-la si elle est perdue ou abîmée."


class CardUnknown(Refusal):
    """There is no such card: said at the desk only, never to a shop."""

    code = "card_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette carte n’existe pas."


class CardEnded(Refusal):
    """The card is blocked or replaced, and stays so."""

    code = "card_ended"
    nature = Nature.CONFLICT
    french = "Cette carte n’est plus active. Une carte bloquée ou remplacée ne revient jamais en service."


class CardSecretFrozen(Refusal):
    """The secret of a card never changes: issue another card."""

    code = "card_secret_frozen"
    nature = Nature.CONFLICT
    french = "Le code d’une carte ne change jamais : remplacez la carte."


class PhoneKeyInvalid(Refusal):
    """This is not the key of a phone."""

    code = "phone_key_invalid"
    nature = Nature.INVALID
    french = "La clé de ce téléphone n’est pas valable. Recommencez."


class PhonesTooMany(Refusal):
    """This card already has as many phones as it may."""

    code = "phones_too_many"
    nature = Nature.CONFLICT
    french = "Cette carte a déjà {phones_max} téléphones. Retirez-en un d’abord."


class PhoneUnknown(Refusal):
    """There is no such phone."""

    code = "phone_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce téléphone n’existe pas."


class PhoneEnded(Refusal):
    """This phone was taken away, and stays so."""

    code = "phone_ended"
    nature = Nature.CONFLICT
    french = "Ce téléphone est déjà retiré."


class WalletMoveUnknown(Refusal):
    """There is no such move of a balance."""

    code = "wallet_move_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce déplacement de solde n’existe pas."


class WalletMoveToItself(Refusal):
    """A balance moves to another wallet."""

    code = "wallet_move_to_itself"
    nature = Nature.INVALID
    french = "C’est le même ménage : indiquez-en un autre."


class WalletMoveWaiting(Refusal):
    """What this wallet holds is already waiting to be moved, to it or away from it."""

    code = "wallet_move_waiting"
    nature = Nature.CONFLICT
    french = "Un déplacement de solde attend déjà pour l’un de ces ménages. Faites-le valider, ou annulez-le."


class WalletMoveEnded(Refusal):
    """This move was already posted or cancelled."""

    code = "wallet_move_ended"
    nature = Nature.CONFLICT
    french = "Ce déplacement de solde n’est plus à valider."


class WalletEmpty(Refusal):
    """There is nothing to move."""

    code = "wallet_empty"
    nature = Nature.CONFLICT
    french = "Ce porte-monnaie est vide : il n’y a rien à déplacer."


REFUSALS: tuple[type[Refusal], ...] = (
    CardMalformed,
    CardOfAnotherTown,
    PinMalformed,
    PinTrivial,
    CardRefused,
    PhoneRefused,
    PhoneCodeExpired,
    PhoneCodeUsed,
    PinRequired,
    PinLocked,
    PurseExpired,
    MerchantNotEligible,
    HouseholdFieldInvalid,
    HouseholdAddressInvalid,
    HouseholdUnknown,
    HouseholdErased,
    WalletUnknown,
    WalletClosed,
    WalletHasCard,
    CardUnknown,
    CardEnded,
    CardSecretFrozen,
    PhoneKeyInvalid,
    PhonesTooMany,
    PhoneUnknown,
    PhoneEnded,
    WalletMoveUnknown,
    WalletMoveToItself,
    WalletMoveWaiting,
    WalletMoveEnded,
    WalletEmpty,
)
