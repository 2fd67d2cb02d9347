"""Every reason a programme can refuse, in the order in which they are looked at."""

from monnaie_locale.ledger.errors import Nature, Refusal


class CsvUnreadable(Refusal):
    """The file is not a CSV table in UTF-8 or Windows-1252."""

    code = "csv_unreadable"
    nature = Nature.INVALID
    french = "Ce fichier n’est pas un tableau CSV lisible. Enregistrez-le au format « CSV UTF-8 » et réessayez."


class CsvTooLarge(Refusal):
    """The file has too many lines, or weighs too much."""

    code = "csv_too_large"
    nature = Nature.INVALID
    french = "Ce fichier est trop grand : {lines_max} lignes au plus."


class CsvLineInvalid(Refusal):
    """A line of the file is wrong, so nothing was imported."""

    code = "csv_line_invalid"
    nature = Nature.INVALID
    french = "Ligne {line}, colonne « {column} » : {reason} Rien n’a été importé."


class ProgrammeInvalid(Refusal):
    """A field of the programme is not acceptable."""

    code = "programme_invalid"
    nature = Nature.INVALID
    french = "Le dispositif ne peut pas être enregistré : {reason}"


class ProgrammeNameTaken(Refusal):
    """Another programme already has this name."""

    code = "programme_name_taken"
    nature = Nature.CONFLICT
    french = "Un autre dispositif porte déjà ce nom."


class ProgrammeUnknown(Refusal):
    """There is no such programme."""

    code = "programme_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce dispositif n’existe pas."


class ProgrammeClosed(Refusal):
    """The programme is closed: nothing more is funded or distributed under it."""

    code = "programme_closed"
    nature = Nature.CONFLICT
    french = "Le dispositif « {name} » est fermé : il ne reçoit ni financement ni distribution."


class BudgetExceeded(Refusal):
    """The funding asked for would exceed the budget that was decided."""

    code = "budget_exceeded"
    nature = Nature.SHORT
    french = "Le budget décidé serait dépassé : il reste {available_cents} à financer sur ce dispositif."


class FundingUnknown(Refusal):
    """There is no such funding order."""

    code = "funding_unknown"
    nature = Nature.NOT_FOUND
    french = "Cet appel de fonds n’existe pas."


class FundingAlreadyReceived(Refusal):
    """This funding was already received."""

    code = "funding_already_received"
    nature = Nature.CONFLICT
    french = "Ce financement a déjà été reçu."


class DistributionUnknown(Refusal):
    """There is no such distribution."""

    code = "distribution_unknown"
    nature = Nature.NOT_FOUND
    french = "Cette distribution n’existe pas."


class DistributionEmpty(Refusal):
    """The distribution has no line."""

    code = "distribution_empty"
    nature = Nature.INVALID
    french = "Cette distribution ne contient aucune ligne."


class DistributionLabelInvalid(Refusal):
    """The label of a distribution is 1 to 120 characters."""

    code = "distribution_label_invalid"
    nature = Nature.INVALID
    french = "Donnez à la distribution un libellé de 1 à 120 caractères."


class DistributionWalletTwice(Refusal):
    """A wallet is named twice in the same distribution."""

    code = "distribution_wallet_twice"
    nature = Nature.INVALID
    french = "Un même porte-monnaie figure deux fois : lignes {first_line} et {line}."


class DistributionWalletUnknown(Refusal):
    """The distribution names a wallet that does not exist or is closed."""

    code = "distribution_wallet_unknown"
    nature = Nature.INVALID
    french = "Cette distribution nomme un porte-monnaie qui n’existe pas ou qui est fermé."


class ExpiryPast(Refusal):
    """The units would already be expired."""

    code = "expiry_past"
    nature = Nature.INVALID
    french = "La date d’expiration du {expires_on} est passée : cette aide ne pourrait pas être dépensée."


class ExpiryBeyondYear(Refusal):
    """A cheque d'accompagnement personnalise is valid within the calendar year only (CGCT L1611-6)."""

    code = "expiry_beyond_year"
    nature = Nature.INVALID
    french = (
        "Ce dispositif est un chèque d’accompagnement personnalisé : il expire au plus tard le 31 décembre"
        " de l’année en cours (CGCT, article L1611-6)."
    )


class DistributionNotPrepared(Refusal):
    """Only a prepared distribution can be approved or cancelled."""

    code = "distribution_not_prepared"
    nature = Nature.CONFLICT
    french = "Cette distribution n’est plus à valider."


class MakerIsChecker(Refusal):
    """Who prepared it may not approve it."""

    code = "maker_is_checker"
    nature = Nature.FORBIDDEN
    french = "Vous avez préparé cette opération : une autre personne doit la valider."


class DistributionIncomplete(Refusal):
    """Its preparation was interrupted: lines are missing, so it cannot be approved."""

    code = "distribution_incomplete"
    nature = Nature.CONFLICT
    french = (
        "Cette distribution n’est pas enregistrée en entier ({written} lignes sur {lines}) : la personne qui l’a"
        " préparée envoie de nouveau le même fichier pour la compléter, ou l’annule."
    )


class DistributionNotApproved(Refusal):
    """The distribution is not approved, so it cannot be posted."""

    code = "distribution_not_approved"
    nature = Nature.CONFLICT
    french = "Cette distribution n’est pas validée : elle ne peut pas être versée."


class DistributionUnfunded(Refusal):
    """The programme's funds do not cover the whole distribution: nothing was posted."""

    code = "distribution_unfunded"
    nature = Nature.SHORT
    french = (
        "Les fonds du dispositif ne couvrent pas cette distribution : il manque {missing_cents}"
        " (il reste {available_cents})."
    )


class DistributionFrozen(Refusal):
    """A distribution and its lines do not change once written, and an approval is not taken back."""

    code = "distribution_frozen"
    nature = Nature.CONFLICT
    french = "Cette distribution ne peut plus être modifiée."


class GuaranteeMoveUnknown(Refusal):
    """There is no such move of an offline guarantee."""

    code = "guarantee_move_unknown"
    nature = Nature.NOT_FOUND
    french = "Ce mouvement de la garantie hors connexion n’existe pas."


class GuaranteeMoveEnded(Refusal):
    """This move of the guarantee was already posted or cancelled."""

    code = "guarantee_move_ended"
    nature = Nature.CONFLICT
    french = "Ce mouvement de la garantie hors connexion n’est plus à valider."


class GuaranteeMoveUnfunded(Refusal):
    """There is not so much to put into the guarantee, or to take back from it."""

    code = "guarantee_move_unfunded"
    nature = Nature.SHORT
    french = "Montant trop élevé : {available_cents} au plus peuvent être déplacés aujourd’hui."


REFUSALS: tuple[type[Refusal], ...] = (
    CsvUnreadable,
    CsvTooLarge,
    CsvLineInvalid,
    ProgrammeInvalid,
    ProgrammeNameTaken,
    ProgrammeUnknown,
    ProgrammeClosed,
    BudgetExceeded,
    FundingUnknown,
    FundingAlreadyReceived,
    DistributionUnknown,
    DistributionEmpty,
    DistributionLabelInvalid,
    DistributionWalletTwice,
    DistributionWalletUnknown,
    ExpiryPast,
    ExpiryBeyondYear,
    DistributionNotPrepared,
    MakerIsChecker,
    DistributionIncomplete,
    DistributionNotApproved,
    DistributionUnfunded,
    DistributionFrozen,
    GuaranteeMoveUnknown,
    GuaranteeMoveEnded,
    GuaranteeMoveUnfunded,
)
