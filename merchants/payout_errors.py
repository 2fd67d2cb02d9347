"""What the merchants' payouts refuse, in order of precedence; part of `errors.REFUSALS`."""

from monnaie_locale.ledger.errors import Nature, Refusal


class PayoutUnknown(Refusal):
    """There is no such payout."""

    code = "payout_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce virement aux commerçants n’existe pas."


class PayoutPending(Refusal):
    """Another payout waits for approval: approve or cancel it first."""

    code = "payout_pending"
    nature = Nature.CONFLICT
    french = "Un ordre de virement attend déjà une approbation : approuvez-le ou annulez-le d’abord."


class PayoutEmpty(Refusal):
    """There is nothing to pay: no shop has reached the minimum."""

    code = "payout_empty"
    nature = Nature.CONFLICT
    french = "Aucun commerce n’a atteint le minimum à virer à cette date."


class PayoutDateInPast(Refusal):
    """A payout is executed today or later."""

    code = "payout_date_in_past"
    nature = Nature.INVALID
    french = "La date d’exécution du virement est déjà passée."


class PayoutSamePerson(Refusal):
    """Whoever prepared a payout does not approve it."""

    code = "payout_same_person"
    nature = Nature.FORBIDDEN
    french = "Ce virement doit être approuvé par une autre personne que celle qui l’a préparé."


class PayoutStateWrong(Refusal):
    """The payout is not in the state that this step needs."""

    code = "payout_state_wrong"
    nature = Nature.CONFLICT
    french = "Cette étape n’est pas possible : le virement est « {state} »."


class PayoutFrozen(Refusal):
    """An approved payout does not change any more."""

    code = "payout_frozen"
    nature = Nature.CONFLICT
    french = "Un virement approuvé ne se modifie plus."


class PayoutBalanceChanged(Refusal):
    """A shop's balance fell below its line since the payout was prepared: prepare it again."""

    code = "payout_balance_changed"
    nature = Nature.CONFLICT
    french = "Le solde de « {merchant} » a baissé depuis la préparation. Annulez ce virement et préparez-en un autre."


class PayoutLineUnknown(Refusal):
    """No payout line has this end-to-end identifier."""

    code = "payout_line_unknown"
    nature = Nature.NOT_FOUND
    french = "Aucun virement à un commerçant ne porte cet identifiant de bout en bout."


class PayoutLineNotOrdered(Refusal):
    """This payout line was not ordered yet."""

    code = "payout_line_not_ordered"
    nature = Nature.CONFLICT
    french = "Ce virement à un commerçant n’a pas encore été ordonné."


class PayoutLineNotSettled(Refusal):
    """A transfer is returned only after the bank has debited it."""

    code = "payout_line_not_settled"
    nature = Nature.CONFLICT
    french = "La banque rejette un virement qu’elle n’a pas encore débité."


class PayoutLineRejected(Refusal):
    """The bank rejected this transfer: it is not in transit any more."""

    code = "payout_line_rejected"
    nature = Nature.CONFLICT
    french = "La banque a rejeté ce virement : il n’est plus en cours, et la somme est de nouveau due au commerce."


class PayoutLineNotRejected(Refusal):
    """The bank has not rejected this transfer, or it was paid since."""

    code = "payout_line_not_rejected"
    nature = Nature.CONFLICT
    french = "La banque n’a pas rejeté ce virement, ou il est déjà payé."


class PayoutTermsInvalid(Refusal):
    """The terms of payouts are out of their bounds."""

    code = "payout_terms_invalid"
    nature = Nature.INVALID
    french = "Le minimum est d’au moins un centime, et la commission de 10 % au plus."


class CapYearWrong(Refusal):
    """A certification is for a year that has begun."""

    code = "cap_year_wrong"
    nature = Nature.INVALID
    french = "L’année des chèques d’accompagnement personnalisé n’est pas possible : {year}."


class CapClaimLapsed(Refusal):
    """Shops claim a year's chèques d'accompagnement until the 28th of February that follows (CGCT R1611-6)."""

    code = "cap_claim_lapsed"
    nature = Nature.CONFLICT
    french = "Les chèques de {year} devaient être certifiés au plus tard le {deadline_on} : ils sont périmés."


class CapAlreadyCertified(Refusal):
    """The shop has certified its use of that year's chèques already."""

    code = "cap_already_certified"
    nature = Nature.CONFLICT
    french = "Ce commerce a déjà certifié l’usage des chèques de cette année."


class CapClaimNotLapsed(Refusal):
    """Nothing of that year is past its deadline at this shop."""

    code = "cap_claim_not_lapsed"
    nature = Nature.CONFLICT
    french = "Ce commerce n’a rien de périmé pour {year}."


PAYOUT_REFUSALS: tuple[type[Refusal], ...] = (
    PayoutUnknown,
    PayoutPending,
    PayoutEmpty,
    PayoutDateInPast,
    PayoutSamePerson,
    PayoutStateWrong,
    PayoutFrozen,
    PayoutBalanceChanged,
    PayoutLineUnknown,
    PayoutLineNotOrdered,
    PayoutLineNotSettled,
    PayoutLineRejected,
    PayoutLineNotRejected,
    PayoutTermsInvalid,
    CapYearWrong,
    CapClaimLapsed,
    CapAlreadyCertified,
    CapClaimNotLapsed,
)
