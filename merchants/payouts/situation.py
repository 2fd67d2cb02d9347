"""Where one transfer stands, why, and what to do next, in French for people. Pure.

Reasons: ISO 20022 external code set (return and status reasons), those that a SEPA credit transfer comes back with.
"""

from dataclasses import dataclass

from merchants.model import LineNews, LineState, PaymentStatus, PayoutLine

NEW_ACCOUNT = "Demandez un nouveau RIB au commerce, corrigez sa fiche, puis préparez un autre virement."
ASK_SHOP = "Voyez avec le commerce, puis préparez un autre virement."
ASK_BANK = "Voyez avec la banque de la réserve, puis préparez un autre virement."
REASONS: dict[str, tuple[str, str]] = {
    "AC01": ("numéro de compte incorrect", NEW_ACCOUNT),
    "AC03": ("numéro de compte du bénéficiaire incorrect", NEW_ACCOUNT),
    "AC04": ("compte clos", NEW_ACCOUNT),
    "AC06": ("compte bloqué", NEW_ACCOUNT),
    "AC13": ("type de compte qui ne reçoit pas de virement", NEW_ACCOUNT),
    "AG01": ("opération interdite sur ce compte", NEW_ACCOUNT),
    "AG02": ("code d’opération refusé par la banque", ASK_BANK),
    "AM02": ("montant refusé", ASK_BANK),
    "AM04": ("provision insuffisante sur la réserve", "Complétez la réserve, puis préparez un autre virement."),
    "AM05": ("virement déjà reçu par la banque", "Rien à faire : le premier envoi suit son cours."),
    "AM10": ("somme de contrôle fausse", ASK_BANK),
    "BE01": ("nom et compte qui ne vont pas ensemble", ASK_SHOP),
    "BE04": ("adresse du commerce incomplète", "Complétez l’adresse du commerce, puis préparez un autre virement."),
    "CNOR": ("banque du commerce injoignable", NEW_ACCOUNT),
    "DNOR": ("banque de la réserve non reconnue", ASK_BANK),
    "DUPL": ("ordre déjà reçu par la banque", "Rien à faire : le premier envoi suit son cours."),
    "FF01": ("fichier refusé", ASK_BANK),
    "FOCR": ("rappelé à la demande de l’émetteur", ASK_BANK),
    "MD07": ("titulaire décédé", ASK_SHOP),
    "MS02": ("refusé par le commerce", ASK_SHOP),
    "MS03": ("motif non précisé par la banque", ASK_BANK),
    "RC01": ("code de banque (BIC) incorrect", NEW_ACCOUNT),
    "RR01": ("identité de l’émetteur manquante", ASK_BANK),
    "RR02": ("nom ou adresse de l’émetteur manquant", ASK_BANK),
    "RR03": ("nom ou adresse du commerce manquant", "Complétez la fiche du commerce, puis préparez un autre virement."),
    "RR04": ("raison réglementaire", ASK_BANK),
    "TM01": ("reçu par la banque après l’heure limite", ASK_BANK),
}
WAITING = "Le débit sera constaté par le relevé de compte."
OWED_AGAIN = "La somme est de nouveau due au commerce."


@dataclass(frozen=True, slots=True)
class Situation:
    """One line of a payout for people: the word of its state, how it looks ("good", "warn"), why, what is next."""

    label: str
    tone: str = ""
    why: str = ""
    next_step: str = ""


def situation_of(line: PayoutLine, news: LineNews | None) -> Situation:
    """Return where a line stands: by the books first, then by the last news of the bank.

    Args:
        line: as the books know it.
        news: the last thing that the bank said of it, or None.

    """
    reason, remedy = _reason(news)
    if line.state is LineState.REJECTED:
        return Situation("rejeté par la banque", "warn", reason, f"{OWED_AGAIN} {remedy}".strip())
    if line.state is LineState.RETURNED:
        return Situation("payé, puis retourné", "warn", reason, f"{OWED_AGAIN} {remedy}".strip())
    if line.state is LineState.SETTLED:
        return _settled(line, news, reason)
    if line.state is LineState.PREPARED:
        return Situation("préparé")
    return _ordered(news, reason)


def _settled(line: PayoutLine, news: LineNews | None, reason: str) -> Situation:
    if news is not None and news.status is PaymentStatus.RETURNED:
        return Situation("payé, retour annoncé", "warn", reason, "Le retour sera constaté par le relevé de compte.")
    if line.rejected_entry_id is not None:
        return Situation(
            "rejeté, puis payé", "warn", reason, "Deux personnes ont dit que la banque l’a payé : rien à faire."
        )
    return Situation("payé", "good")


def _ordered(news: LineNews | None, reason: str) -> Situation:
    if news is None:
        return Situation("ordonné", next_step="Aucune réponse de la banque n’est encore importée.")
    if news.status is PaymentStatus.ACCEPTED:
        return Situation("accepté par la banque", "good", next_step=WAITING)
    if news.status is PaymentStatus.DEBITED:
        return Situation("débit annoncé par la banque", "good", next_step=WAITING)
    if news.status is PaymentStatus.RETURNED:
        return Situation("retour annoncé par la banque", "warn", reason, WAITING)
    if news.status is PaymentStatus.REPEATED:
        return Situation("ordre envoyé deux fois", "warn", reason, "Le premier envoi suit son cours.")
    return Situation("reçu par la banque", next_step="La banque n’a pas encore accepté ce virement.")


def _reason(news: LineNews | None) -> tuple[str, str]:
    """Return why in French with the bank's code, and the remedy; a code that is not in the list is shown as it is."""
    if news is None or not news.reason:
        return "", ""
    french, remedy = REASONS.get(news.reason, ("", ASK_BANK))
    return (f"{french[0].upper()}{french[1:]} ({news.reason})" if french else f"Motif {news.reason}"), remedy
