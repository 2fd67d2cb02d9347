"""Every reason a bank statement is refused, one class each, in the order in which they are looked for."""

from monnaie_locale.ledger.errors import Nature, Refusal


class StatementTooLarge(Refusal):
    """The file is larger than any bank statement should be."""

    code = "statement_too_large"
    nature = Nature.INVALID
    french = "Ce fichier est trop volumineux pour un relevé bancaire ({mebibytes_max} Mio au plus)."


class StatementNotXml(Refusal):
    """The file is neither CFONB 120 nor well-formed XML, or it carries a DTD, which no bank statement does."""

    code = "statement_not_xml"
    nature = Nature.INVALID
    french = "Ce fichier n’est pas un relevé bancaire lisible : ni du XML correct, ni du CFONB 120."


class StatementNotCamt053(Refusal):
    """The file is XML, but none of the messages of banks that are read, or several kinds at once."""

    code = "statement_not_camt053"
    nature = Nature.INVALID
    french = (
        "Ce fichier n’est ni un relevé (camt.053), ni un avis (camt.054, camt.052), ni une réponse de la banque "
        "(pain.002, pacs.004). Contenu trouvé : {found}."
    )


class StatementAbsent(Refusal):
    """The message holds no statement, no notice, no payment."""

    code = "statement_absent"
    nature = Nature.INVALID
    french = "Ce fichier de la banque ne contient aucun relevé, aucun avis, aucune réponse."


class StatementNotOurs(Refusal):
    """The statement is that of another bank account."""

    code = "statement_not_ours"
    nature = Nature.INVALID
    french = "Ce relevé concerne un autre compte ({iban}) que le compte de réserve."


class StatementAmountMalformed(Refusal):
    """An amount is not a positive number with at most two significant decimals."""

    code = "statement_amount_malformed"
    nature = Nature.INVALID
    french = "Le relevé contient un montant illisible : « {given} »."


class StatementIncomplete(Refusal):
    """A field that the statement must carry is missing or unreadable."""

    code = "statement_incomplete"
    nature = Nature.INVALID
    french = "Relevé incomplet : la rubrique {field} manque ou n’est pas lisible."


class StatementForeignCurrency(Refusal):
    """The statement, one of its balances or one of its lines is in another currency."""

    code = "statement_foreign_currency"
    nature = Nature.INVALID
    french = "Le relevé contient un montant en {currency} : le compte est tenu en {expected}."


class StatementWithoutBalances(Refusal):
    """The statement lacks its booked opening or closing balance, so nothing proves it complete."""

    code = "statement_without_balances"
    nature = Nature.INVALID
    french = "Le relevé n’indique pas son solde d’ouverture et son solde de clôture : rien ne prouve qu’il est complet."


class StatementDoesNotAddUp(Refusal):
    """The opening balance and the booked lines do not make the closing balance."""

    code = "statement_does_not_add_up"
    nature = Nature.INVALID
    french = (
        "Le relevé ne tombe pas juste : ouverture {opening_cents}, mouvements {booked_cents}, "
        "clôture {closing_cents}, écart {difference_cents}."
    )


class StatementInFuture(Refusal):
    """The statement, or one of its lines, is dated after today."""

    code = "statement_in_future"
    nature = Nature.INVALID
    french = "Ce relevé n’est pas encore possible : il porte la date du {latest_on}, après aujourd’hui."


class StatementLineOutsidePeriod(Refusal):
    """A line is booked days before or after the period that the statement covers."""

    code = "statement_line_outside_period"
    nature = Nature.INVALID
    french = (
        "La ligne {line_no} est datée du {booked_on}, hors de la période du relevé ({from_on} au {to_on}) : "
        "demandez à la banque un relevé correct."
    )


class StatementAlreadyImported(Refusal):
    """This statement was already imported."""

    code = "statement_already_imported"
    nature = Nature.CONFLICT
    french = "Le relevé {statement_id} est déjà importé."


class StatementRepeated(Refusal):
    """What this statement says was already imported under another identifier."""

    code = "statement_repeated"
    nature = Nature.CONFLICT
    french = "Ce relevé répète, sous un autre numéro, le relevé {statement_id} déjà importé (ligne {line_no})."


class StatementTooEarly(Refusal):
    """The statement begins before the one it should follow, or long before the installation."""

    code = "statement_too_early"
    nature = Nature.CONFLICT
    french = "Ce relevé commence le {from_on} : les comptes n’acceptent rien avant le {earliest_on}."


class StatementDoesNotFollow(Refusal):
    """The opening balance is not the closing balance of the statement before: one is missing."""

    code = "statement_does_not_follow"
    nature = Nature.CONFLICT
    french = (
        "Il manque un relevé : celui-ci s’ouvre à {opening_cents}, le précédent se fermait à {previous_closing_cents}."
    )


class BankMessageNotOurs(Refusal):
    """The bank's answer speaks of no transfer of ours."""

    code = "bank_message_not_ours"
    nature = Nature.CONFLICT
    french = "Cette réponse de la banque ne parle d’aucun de nos virements."


class StatementUnknown(Refusal):
    """There is no such imported statement."""

    code = "statement_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce relevé n’est pas dans les comptes."


class LineUnknown(Refusal):
    """There is no such line in this statement."""

    code = "bank_line_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette ligne de relevé n’existe pas."


class LineNotInSuspense(Refusal):
    """This line is explained already: only a line in suspense is resolved."""

    code = "bank_line_not_in_suspense"
    nature = Nature.CONFLICT
    french = "Cette ligne n’est pas en attente : elle est déjà expliquée."


class LineAlreadyResolved(Refusal):
    """This line was already resolved."""

    code = "bank_line_already_resolved"
    nature = Nature.CONFLICT
    french = "Cette ligne est déjà classée."


class ResolutionImpossible(Refusal):
    """This line cannot be what was said: its direction or its amount does not fit."""

    code = "resolution_impossible"
    nature = Nature.INVALID
    french = "Cette ligne ne peut pas être classée ainsi : {why}."


class ResolutionNeedsTwoPeople(Refusal):
    """One person alone says neither that a rejected transfer was paid nor that its debit is something else."""

    code = "resolution_needs_two_people"
    nature = Nature.CONFLICT
    french = "Un virement rejeté et payé malgré tout se prépare, puis une autre personne l’approuve."


class DecisionUnbalanced(Refusal):
    """What the lines are does not add up to the lines."""

    code = "decision_unbalanced"
    nature = Nature.INVALID
    french = "Le total indiqué ({items_cents}) n’est pas celui des lignes choisies ({lines_cents})."


class ProposalGone(Refusal):
    """What was proposed is not proposed any more: the books or the lines have changed since the page was read."""

    code = "proposal_gone"
    nature = Nature.CONFLICT
    french = "Cette proposition n’est plus à jour : relisez la page, puis décidez."


class DecisionUnknown(Refusal):
    """There is no such decision."""

    code = "decision_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette décision n’existe pas."


class DecisionNotUndoable(Refusal):
    """An undo, or a match taken back, is for good: decide again."""

    code = "decision_not_undoable"
    nature = Nature.CONFLICT
    french = "Cette décision ne s’annule pas : prenez-en une nouvelle."


class DecisionAlreadyUndone(Refusal):
    """A decision is undone once."""

    code = "decision_already_undone"
    nature = Nature.CONFLICT
    french = "Cette décision est déjà annulée."


class DecisionUsed(Refusal):
    """A later step rests on this decision: that one is undone first."""

    code = "decision_used"
    nature = Nature.CONFLICT
    french = "Une étape suivante repose sur cette décision ({reference}) : annulez-la d’abord."


class DecisionPeriodClosed(Refusal):
    """Nothing is decided, carried or undone in a closed month."""

    code = "decision_period_closed"
    nature = Nature.CONFLICT
    french = "Ce mois est clos : rien ne s’y décide ni ne s’y annule plus."


class PaidRejectionUnknown(Refusal):
    """Nobody has prepared such a decision."""

    code = "paid_rejection_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette proposition « payé malgré le rejet » n’existe pas."


class PaidRejectionPending(Refusal):
    """Somebody has prepared the same decision already: it waits for another person."""

    code = "paid_rejection_pending"
    nature = Nature.CONFLICT
    french = "Une proposition sur ce virement attend déjà une autre personne."


class PaidRejectionEnded(Refusal):
    """The decision was approved or given up already."""

    code = "paid_rejection_ended"
    nature = Nature.CONFLICT
    french = "Cette proposition est déjà approuvée ou abandonnée."


class PaidRejectionSamePerson(Refusal):
    """Whoever prepared it does not approve it."""

    code = "paid_rejection_same_person"
    nature = Nature.FORBIDDEN
    french = "Cette décision doit être approuvée par une autre personne que celle qui l’a préparée."


class DifferenceUnknown(Refusal):
    """There is no such difference at the end of this month."""

    code = "difference_unknown"
    nature = Nature.NOT_FOUND
    french = "Cet écart n’est plus dans la liste du mois."


REFUSALS: tuple[type[Refusal], ...] = (
    StatementTooLarge,
    StatementNotXml,
    StatementNotCamt053,
    StatementAbsent,
    StatementNotOurs,
    StatementAmountMalformed,
    StatementIncomplete,
    StatementForeignCurrency,
    StatementWithoutBalances,
    StatementDoesNotAddUp,
    StatementInFuture,
    StatementLineOutsidePeriod,
    StatementAlreadyImported,
    StatementRepeated,
    StatementTooEarly,
    StatementDoesNotFollow,
    BankMessageNotOurs,
    StatementUnknown,
    LineUnknown,
    LineNotInSuspense,
    LineAlreadyResolved,
    ResolutionImpossible,
    ResolutionNeedsTwoPeople,
    DecisionUnbalanced,
    ProposalGone,
    DecisionUnknown,
    DecisionNotUndoable,
    DecisionAlreadyUndone,
    DecisionUsed,
    DecisionPeriodClosed,
    PaidRejectionUnknown,
    PaidRejectionEnded,
    PaidRejectionSamePerson,
    PaidRejectionPending,
    DifferenceUnknown,
)
