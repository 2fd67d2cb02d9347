"""What a difference is and what to do next, in the words of whoever closes the month: French, then English. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.differences.model import Difference, DifferenceKind, DifferenceState


@dataclass(frozen=True, slots=True)
class Words:
    """A name, what is known and the next step, in one language; then when an entry explains it, or one is prepared."""

    name: str
    known: str
    next_step: str
    explained: str = ""
    prepared: str = ""


STATE_NAMES_FR: dict[DifferenceState, str] = {
    DifferenceState.OPEN: "à traiter",
    DifferenceState.CARRIED: "reporté",
    DifferenceState.EXPLAINED: "expliqué",
}
FRENCH: dict[DifferenceKind, Words] = {
    DifferenceKind.PAYOUT_IN_TRANSIT: Words(
        "Virement en cours",
        "Le virement {reference} est ordonné ; la banque ne l’a pas encore débité.",
        "Attendre le prochain relevé ; au-delà de cinq jours, demander à la banque ce qu’il est devenu.",
    ),
    DifferenceKind.STATEMENT_ENTRY_MISSING: Words(
        "Ligne absente du relevé",
        "La banque n’a pas tout dit : il manque {amount}. {reference}",
        "Demander à la banque le relevé complet, ou le sort de ce virement.",
        "Le relevé complet est arrivé ensuite.",
    ),
    DifferenceKind.PAYOUT_RETURNED: Words(
        "Virement retourné",
        "Le virement {reference} est revenu : le commerce est de nouveau créancier.",
        "Vérifier l’IBAN avec le commerce, puis le payer au prochain ordre.",
        "Un ordre suivant a payé le commerce.",
    ),
    DifferenceKind.RETURN_UNMATCHED: Words(
        "Retour sans virement",
        "La banque rend {amount}, mais aucun virement sorti n’a cette référence et ce montant.",
        "Demander à la banque quel virement est revenu, et ce qu’elle a retenu.",
    ),
    DifferenceKind.PAYOUT_DOUBLED: Words(
        "Virement débité deux fois",
        "Le virement {reference} était déjà débité : second débit de {amount}.",
        "Réclamer ce débit à la banque ; l’annulation reçue se rapproche de ce débit.",
    ),
    DifferenceKind.PAYOUT_WRONG_AMOUNT: Words(
        "Virement d’un autre montant",
        "Le virement {reference} est débité pour {amount} au lieu de {expected}.",
        "Partager la ligne si le reste est des frais ; sinon réclamer à la banque.",
    ),
    DifferenceKind.PAYOUT_REJECTED_DEBITED: Words(
        "Virement rejeté, mais débité",
        "La banque a rejeté le virement {reference} ({expected}), puis l’a débité de {amount}. Cette somme n’est pas "
        "payée une seconde fois au commerce.",
        "Demander à la banque si elle la rend : son annulation se rapproche de ce débit. Si elle a payé le commerce "
        "et garde la somme, le dire payé malgré le rejet : une autre personne l’approuve.",
        prepared="Une autre personne approuve qu’il est payé malgré le rejet, ou la proposition est abandonnée.",
    ),
    DifferenceKind.IBAN_CHANGED: Words(
        "IBAN changé en cours de route",
        "Le compte du commerce a changé après l’ordre {reference} : l’argent va sur l’ancien compte.",
        "Demander au commerce s’il a reçu la somme ; si oui, reporter avec cette raison.",
    ),
    DifferenceKind.BANK_CHARGE: Words(
        "Frais bancaires à compenser",
        "La banque a prélevé des frais sur la réserve : {amount} restent à compenser.",
        "L’émetteur verse ce complément, avec le libellé COMPLEMENT RESERVE.",
    ),
    DifferenceKind.FUNDING_LATE: Words(
        "Financement en retard",
        "Le financement {reference} est annoncé et n’est pas arrivé.",
        "Demander au CCAS la date du virement et la référence qu’il porte.",
    ),
    DifferenceKind.FUNDING_WRONG_AMOUNT: Words(
        "Financement d’un autre montant",
        "Le financement {reference} est arrivé pour {amount} au lieu de {expected}.",
        "Demander au CCAS le complément, ou rendre le trop-perçu ; rien n’est émis d’ici là.",
    ),
    DifferenceKind.FUNDING_REPEATED: Words(
        "Financement reçu deux fois",
        "Le financement {reference} était déjà reçu : second versement de {amount}.",
        "Rendre la somme au CCAS, ou l’annoncer comme un nouveau financement.",
    ),
    DifferenceKind.CREDIT_UNKNOWN: Words(
        "Crédit inconnu",
        "Aucune référence attendue sur cette recette de {amount}.",
        "Dire ce que c’est, ou demander à la banque qui a versé cette somme.",
    ),
    DifferenceKind.DEBIT_UNKNOWN: Words(
        "Débit inconnu",
        "Ni virement ordonné, ni frais sûrs : {amount} sont sortis de la réserve.",
        "Dire ce que c’est, ou demander à la banque qui a prélevé cette somme.",
    ),
    DifferenceKind.DOUBLE_SCAN: Words(
        "Carte passée deux fois",
        "La même carte a payé {amount} deux fois au même commerce en moins de 90 secondes.",
        "Demander au commerce ; s’il y a erreur, il rembourse un des deux à sa caisse.",
        "L’un des deux encaissements est rendu.",
    ),
    DifferenceKind.EXPIRED_PURSE_CHARGED: Words(
        "Porte-monnaie périmé débité",
        "Un porte-monnaie périmé a payé {amount} après son dernier jour.",
        "Faire rembourser le commerce, ou reporter avec la décision du CCAS.",
        "L’encaissement est rendu.",
    ),
    DifferenceKind.REFUND_ABOVE_CHARGE: Words(
        "Remboursement trop grand",
        "Le commerce a rendu {amount} de plus que l’encaissement.",
        "Vérifier avec le commerce ; reprendre la différence sur la carte, ou reporter avec la raison.",
    ),
    DifferenceKind.STATEMENT_REPEATED: Words(
        "Relevé présenté deux fois",
        "Ce relevé était déjà dans les comptes : il est refusé.",
        "Rien à faire.",
        "Rien n’en est entré dans les comptes.",
    ),
    DifferenceKind.RESERVE_SHORT: Words(
        "Réserve insuffisante",
        "La réserve ne couvre pas la monnaie due : il manque {amount}.",
        "Compléter la réserve ; l’émission est refusée d’ici là.",
    ),
}
ENGLISH: dict[DifferenceKind, Words] = {
    DifferenceKind.PAYOUT_IN_TRANSIT: Words(
        "Transfer in transit",
        "Transfer {reference} is ordered; the bank has not debited it yet.",
        "Wait for the next statement; after five days, ask the bank.",
    ),
    DifferenceKind.STATEMENT_ENTRY_MISSING: Words(
        "Line missing from the statement",
        "The bank has not said everything: {amount} is missing. {reference}",
        "Ask the bank for the whole statement, or what became of this transfer.",
        "The whole statement came afterwards.",
    ),
    DifferenceKind.PAYOUT_RETURNED: Words(
        "Transfer returned",
        "Transfer {reference} came back: the shop is owed again.",
        "Check the account with the shop, then pay it with the next order.",
        "A later order has paid the shop.",
    ),
    DifferenceKind.RETURN_UNMATCHED: Words(
        "Return without a transfer",
        "The bank gives {amount} back, but no transfer that is out has this reference and amount.",
        "Ask the bank which transfer came back, and what it kept.",
    ),
    DifferenceKind.PAYOUT_DOUBLED: Words(
        "Transfer debited twice",
        "Transfer {reference} was debited already: second debit of {amount}.",
        "Claim it from the bank; its correction is matched with this debit.",
    ),
    DifferenceKind.PAYOUT_WRONG_AMOUNT: Words(
        "Transfer of another amount",
        "Transfer {reference} is debited for {amount} instead of {expected}.",
        "Split the line if the rest is charges; otherwise claim it from the bank.",
    ),
    DifferenceKind.PAYOUT_REJECTED_DEBITED: Words(
        "Transfer rejected, yet debited",
        "The bank rejected transfer {reference} ({expected}), then debited {amount}. The shop is not paid this sum a "
        "second time.",
        "Ask the bank whether it gives it back: its correction is matched with this debit. If it paid the shop and "
        "keeps the money, say that it was paid despite the rejection: another person approves it.",
        prepared="Another person approves that it was paid despite the rejection, or the proposal is given up.",
    ),
    DifferenceKind.IBAN_CHANGED: Words(
        "Account changed on the way",
        "The shop's account changed after order {reference}: the money goes to the old one.",
        "Ask the shop whether it got the money; if so, carry it with that reason.",
    ),
    DifferenceKind.BANK_CHARGE: Words(
        "Bank charges to make good",
        "The bank took charges from the reserve: {amount} is still to be made good.",
        "The issuer pays this in, with the words COMPLEMENT RESERVE.",
    ),
    DifferenceKind.FUNDING_LATE: Words(
        "Funding is late",
        "Funding {reference} was announced and has not come.",
        "Ask the CCAS for the day of the transfer and the reference on it.",
    ),
    DifferenceKind.FUNDING_WRONG_AMOUNT: Words(
        "Funding of another amount",
        "Funding {reference} came for {amount} instead of {expected}.",
        "Ask the CCAS for the rest, or give back what is too much; nothing is issued meanwhile.",
    ),
    DifferenceKind.FUNDING_REPEATED: Words(
        "Funding received twice",
        "Funding {reference} had come already: second payment of {amount}.",
        "Give it back to the CCAS, or announce it as a new funding.",
    ),
    DifferenceKind.CREDIT_UNKNOWN: Words(
        "Unknown credit",
        "No expected reference on this credit of {amount}.",
        "Say what it is, or ask the bank who paid it.",
    ),
    DifferenceKind.DEBIT_UNKNOWN: Words(
        "Unknown debit",
        "No transfer of ours and not surely charges: {amount} left the reserve.",
        "Say what it is, or ask the bank who took it.",
    ),
    DifferenceKind.DOUBLE_SCAN: Words(
        "Card scanned twice",
        "One card paid {amount} twice at one shop within 90 seconds.",
        "Ask the shop; if it is an error, it refunds one of the two at its till.",
        "One of the two charges was given back.",
    ),
    DifferenceKind.EXPIRED_PURSE_CHARGED: Words(
        "Expired purse charged",
        "An expired purse paid {amount} after its last day.",
        "Have the shop refund it, or carry it with the decision of the CCAS.",
        "The charge was given back.",
    ),
    DifferenceKind.REFUND_ABOVE_CHARGE: Words(
        "Refund above its charge",
        "The shop gave back {amount} more than was charged.",
        "Check with the shop; take the difference back from the card, or carry it with the reason.",
    ),
    DifferenceKind.STATEMENT_REPEATED: Words(
        "Statement presented twice",
        "This statement was in the books already: it is refused.",
        "Nothing to do.",
        "Nothing of it entered the books.",
    ),
    DifferenceKind.RESERVE_SHORT: Words(
        "Reserve too small",
        "The reserve does not cover the units owed: {amount} is missing.",
        "Top the reserve up; issuing is refused meanwhile.",
    ),
}


def told(difference: Difference, words: Mapping[DifferenceKind, Words] = FRENCH) -> Words:
    """Return the words of a difference with its reference and amounts in them, in French or in `ENGLISH`."""
    kind = words[difference.kind]
    values = {
        "reference": difference.reference,
        "amount": format_euros(difference.amount_cents),
        "expected": format_euros(difference.expected_cents or 0),
    }
    next_step = kind.prepared if difference.is_prepared else kind.next_step
    return Words(kind.name, kind.known.format(**values).strip(), next_step, kind.explained)
