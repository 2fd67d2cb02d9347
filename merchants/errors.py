"""Every reason the merchants' side can refuse, one class each, in order of precedence."""

from merchants.cashier_errors import CASHIER_REFUSALS
from merchants.payout_errors import PAYOUT_REFUSALS
from monnaie_locale.ledger.errors import Nature, Refusal


class MerchantNameInvalid(Refusal):
    """The shop's name is missing or longer than 70 characters."""

    code = "merchant_name_invalid"
    nature = Nature.INVALID
    french = "Indiquez le nom du commerce, en 70 caractères au plus."


class SiretInvalid(Refusal):
    """This is not a SIRET: 14 digits whose check digit is right."""

    code = "siret_invalid"
    nature = Nature.INVALID
    french = "Ce numéro SIRET n’est pas valable : il compte 14 chiffres, dont une clé de contrôle."


class CategoryUnknown(Refusal):
    """There is no such category of shops."""

    code = "category_unknown"
    nature = Nature.INVALID
    french = "Cette catégorie de commerce n’existe pas."


class IbanInvalid(Refusal):
    """This is not an IBAN: its check digits or those of its bank are wrong."""

    code = "iban_invalid"
    nature = Nature.INVALID
    french = "Cet IBAN n’est pas valable : vérifiez-le sur le RIB du commerçant."


class AddressIncomplete(Refusal):
    """A shop's address needs at least a postcode and a town."""

    code = "address_incomplete"
    nature = Nature.INVALID
    french = "L’adresse doit comporter au moins le code postal et la commune."


class DebtLimitInvalid(Refusal):
    """The limit of what a shop may owe is zero or more."""

    code = "debt_limit_invalid"
    nature = Nature.INVALID
    french = "Le plafond d’indus doit être un montant positif ou nul."


class TillLabelInvalid(Refusal):
    """The till's label is missing or longer than 40 characters."""

    code = "till_label_invalid"
    nature = Nature.INVALID
    french = "Donnez un nom à la caisse, en 40 caractères au plus."


class SiretAlreadyAdmitted(Refusal):
    """A shop with this SIRET is already admitted."""

    code = "siret_already_admitted"
    nature = Nature.CONFLICT
    french = "Un commerce est déjà admis avec ce numéro SIRET."


class MerchantUnknown(Refusal):
    """There is no such shop."""

    code = "merchant_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce commerce n’existe pas."


class MerchantSuspended(Refusal):
    """This shop is suspended: it takes no payment."""

    code = "merchant_suspended"
    nature = Nature.FORBIDDEN
    french = "Ce commerce est suspendu : il ne peut plus encaisser. Contactez le CCAS."


class TillUnknown(Refusal):
    """There is no such till."""

    code = "till_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette caisse n’existe pas."


class TillUnpaired(Refusal):
    """This till is no longer paired with a device."""

    code = "till_unpaired"
    nature = Nature.FORBIDDEN
    french = "Cette caisse n’est plus appairée : demandez un nouveau code d’appairage au CCAS."


class PairingCodeSpent(Refusal):
    """This pairing code is unknown, was used, or has expired."""

    code = "pairing_code_spent"
    nature = Nature.GONE
    french = "Ce code d’appairage a déjà servi ou a expiré. Demandez-en un autre au CCAS."


class ChargeInFuture(Refusal):
    """A charge cannot have happened in the future."""

    code = "charge_in_future"
    nature = Nature.INVALID
    french = "L’heure de cet encaissement est dans le futur : vérifiez l’heure de la caisse."


class ChargeTooLate(Refusal):
    """A charge made offline comes in within 72 hours."""

    code = "charge_too_late"
    nature = Nature.INVALID
    french = "Cet encaissement date de plus de {hours} heures : il ne peut plus être enregistré par la caisse."


class TillKeyInvalid(Refusal):
    """This is not an ECDSA P-256 public key."""

    code = "till_key_invalid"
    nature = Nature.INVALID
    french = "Cette clé de caisse n’est pas valable."


class TillKeyTaken(Refusal):
    """This till already signs with another key: pair the device again."""

    code = "till_key_taken"
    nature = Nature.CONFLICT
    french = (
        "Cette caisse signe déjà avec une autre clé. Pour encaisser hors connexion, appairez de nouveau l’appareil."
    )


class TillKeyMissing(Refusal):
    """This till has not given its key since it was paired."""

    code = "till_key_missing"
    nature = Nature.CONFLICT
    french = "Cette caisse n’a pas encore donné sa clé : elle ne peut pas envoyer d’encaissement hors connexion."


class OfflineSignatureInvalid(Refusal):
    """What was taken offline is not signed by this till."""

    code = "offline_signature_invalid"
    nature = Nature.FORBIDDEN
    french = "Cet encaissement hors connexion n’est pas signé par cette caisse."


class OfflineOrderBroken(Refusal):
    """What was taken offline does not follow what the same device took before and after."""

    code = "offline_order_broken"
    nature = Nature.CONFLICT
    french = "L’heure ou le numéro de cet encaissement hors connexion contredit les autres de cette caisse."


class OfflineCapReached(Refusal):
    """This is more than may be taken offline."""

    code = "offline_cap_reached"
    nature = Nature.SHORT
    french = "Encaissement refusé : il dépasse le plafond hors connexion de {limit_cents}."


class OfflineGuaranteeShort(Refusal):
    """Neither the card nor the programme's offline guarantee covers what was taken offline: nobody has paid it."""

    code = "offline_guarantee_short"
    nature = Nature.SHORT
    french = (
        "La carte n’a plus assez, et la garantie hors connexion du dispositif ne couvre pas le reste. Gardez le ticket,"
        " demandez à la personne de repayer à son prochain passage, ou appelez le CCAS."
    )


class OfflineChargeEnded(Refusal):
    """This refused charge was paid since, or given up: it cannot be paid again."""

    code = "offline_charge_ended"
    nature = Nature.CONFLICT
    french = "Cet encaissement refusé est déjà réglé ou classé : rien n’est encaissé. Voyez la liste du jour."


class OfflineCapsInvalid(Refusal):
    """Offline, a payment is at most what a card pays without PIN, and each limit at least the one before."""

    code = "offline_caps_invalid"
    nature = Nature.INVALID
    french = "Un encaissement : {limit_cents} au plus, puis carte et jour au moins autant, puis caisse au moins autant."


class TillPageStale(Refusal):
    """The page comes from the device, not from the service: press again on the fresh one; nothing was paid."""

    code = "till_page_stale"
    nature = Nature.CONFLICT
    french = (
        "Vérifiez le montant et la carte, puis appuyez de nouveau sur « Encaisser » : cette page vient d’être relue."
    )


class ChargeAbandoned(Refusal):
    """This was given up after its answer was lost: it moved nothing and never will."""

    code = "charge_abandoned"
    nature = Nature.GONE
    french = "Cette opération a été abandonnée après une coupure : rien n’a été enregistré. Recommencez."


class ChargeUnknown(Refusal):
    """There is no such charge at this shop."""

    code = "charge_unknown"
    nature = Nature.NOT_FOUND
    french = "Cet encaissement n’existe pas dans ce commerce."


class ReceiptUnknown(Refusal):
    """This is not the code of a receipt of ours."""

    code = "receipt_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce code n’est pas celui d’un reçu de la monnaie locale."


class RefundExceedsCharge(Refusal):
    """The refunds of a charge may not exceed it."""

    code = "refund_exceeds_charge"
    nature = Nature.CONFLICT
    french = "Remboursement refusé : il reste {refundable_cents} à rembourser sur cet encaissement."


class RefundCrossed(Refusal):
    """Another refund of the same charge came in at the same moment: try again."""

    code = "refund_crossed"
    nature = Nature.UNAVAILABLE
    french = "Un autre remboursement du même encaissement est en cours. Réessayez."


class DebtLimitReached(Refusal):
    """The shop was already paid, and may not owe more."""

    code = "debt_limit_reached"
    nature = Nature.SHORT
    french = "Remboursement refusé : déjà payé, le commerce devrait plus que son plafond de {limit_cents}."


class PaymentToItself(Refusal):
    """A shop cannot pay itself."""

    code = "payment_to_itself"
    nature = Nature.INVALID
    french = "Un commerce ne peut pas se payer lui-même."


class PaymentRequestUnknown(Refusal):
    """There is no such payment request."""

    code = "payment_request_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette demande de paiement n’existe pas. Scannez à nouveau le code affiché par la caisse."


class PaymentRequestUsed(Refusal):
    """This payment request was already paid."""

    code = "payment_request_used"
    nature = Nature.GONE
    french = "Cette demande a déjà été payée."


class PaymentRequestCancelled(Refusal):
    """The till cancelled this payment request."""

    code = "payment_request_cancelled"
    nature = Nature.GONE
    french = "La caisse a annulé cette demande de paiement."


class PaymentRequestExpired(Refusal):
    """This payment request has expired."""

    code = "payment_request_expired"
    nature = Nature.GONE
    french = "Cette demande de paiement a expiré. Demandez au commerçant d’en afficher une autre."


class CounterCardUnknown(Refusal):
    """This is not the code of a shop of ours, or not any more: nothing was paid."""

    code = "counter_card_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce code n’est pas, ou n’est plus, celui d’un commerce de la monnaie locale. Rien n’est payé."


REFUSALS: tuple[type[Refusal], ...] = (
    MerchantNameInvalid,
    SiretInvalid,
    CategoryUnknown,
    IbanInvalid,
    AddressIncomplete,
    DebtLimitInvalid,
    TillLabelInvalid,
    SiretAlreadyAdmitted,
    MerchantUnknown,
    MerchantSuspended,
    TillUnknown,
    TillUnpaired,
    PairingCodeSpent,
    ChargeInFuture,
    ChargeTooLate,
    TillKeyInvalid,
    TillKeyTaken,
    TillKeyMissing,
    OfflineSignatureInvalid,
    OfflineOrderBroken,
    OfflineCapReached,
    OfflineGuaranteeShort,
    OfflineChargeEnded,
    OfflineCapsInvalid,
    TillPageStale,
    ChargeAbandoned,
    ChargeUnknown,
    ReceiptUnknown,
    RefundExceedsCharge,
    RefundCrossed,
    DebtLimitReached,
    PaymentToItself,
    PaymentRequestUnknown,
    PaymentRequestUsed,
    PaymentRequestCancelled,
    PaymentRequestExpired,
    CounterCardUnknown,
    *CASHIER_REFUSALS,
    *PAYOUT_REFUSALS,
)
