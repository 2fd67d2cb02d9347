"""Every reason an export is refused, one class each: a file that another program would reject is never written."""

from monnaie_locale.ledger.errors import Nature, Refusal


class EntryWithoutLines(Refusal):
    """A journal entry must have lines."""

    code = "entry_without_lines"
    nature = Nature.INVALID
    french = "L’écriture n° {number} n’a aucune ligne."


class EntryLineMalformed(Refusal):
    """A line of an entry must have one positive amount, on one side."""

    code = "entry_line_malformed"
    nature = Nature.INVALID
    french = "L’écriture n° {number} a une ligne sans montant, ou avec un montant des deux côtés."


class EntryUnbalanced(Refusal):
    """The debits and credits of an entry must be equal."""

    code = "entry_unbalanced"
    nature = Nature.INVALID
    french = "L’écriture n° {number} n’est pas équilibrée : écart de {difference_cents}."


class EntryNumberRepeated(Refusal):
    """Two entries carry the same number."""

    code = "entry_number_repeated"
    nature = Nature.INVALID
    french = "Deux écritures portent le n° {number}."


class EntryOutsidePeriod(Refusal):
    """An entry is dated outside the period of the file."""

    code = "entry_outside_period"
    nature = Nature.INVALID
    french = "L’écriture n° {number} est datée du {accounted_on}, hors de la période du fichier."


class EntryFieldEmpty(Refusal):
    """A field that the format requires is empty."""

    code = "entry_field_empty"
    nature = Nature.INVALID
    french = "La rubrique {field} de l’écriture n° {number} est vide."


class SirenMalformed(Refusal):
    """The SIREN is not nine digits with a valid key."""

    code = "siren_malformed"
    nature = Nature.INVALID
    french = "Le numéro SIREN « {given} » n’est pas valide."


class PaymentFileEmpty(Refusal):
    """A payment file must hold at least one transfer."""

    code = "payment_file_empty"
    nature = Nature.INVALID
    french = "Il n’y a aucun virement à transmettre."


class PaymentIdentifierMalformed(Refusal):
    """An identifier must be 1 to 35 characters of the SEPA set, without slashes at its ends or doubled."""

    code = "payment_identifier_malformed"
    nature = Nature.INVALID
    french = "L’identifiant {field} « {given} » n’est pas accepté par les banques (35 caractères simples au plus)."


class PaymentIdentifierRepeated(Refusal):
    """Two transfers carry the same end-to-end identifier."""

    code = "payment_identifier_repeated"
    nature = Nature.INVALID
    french = "Deux virements portent la même référence {end_to_end_id}."


class PaymentAmountOutOfRange(Refusal):
    """A SEPA transfer is between 0.01 and 999,999,999.99 euros."""

    code = "payment_amount_out_of_range"
    nature = Nature.INVALID
    french = "Le montant du virement {end_to_end_id} ({amount_cents}) n’est pas possible pour un virement SEPA."


class PaymentNameMalformed(Refusal):
    """A name has no character that banks can carry."""

    code = "payment_name_malformed"
    nature = Nature.INVALID
    french = "Le nom « {given} » ne peut pas être transmis à la banque."


class PaymentIbanMalformed(Refusal):
    """The IBAN or its key is wrong."""

    code = "payment_iban_malformed"
    nature = Nature.INVALID
    french = "L’IBAN {given} n’est pas valide."


class PaymentBicMalformed(Refusal):
    """The BIC is not 8 or 11 characters."""

    code = "payment_bic_malformed"
    nature = Nature.INVALID
    french = "Le BIC {given} n’est pas valide."


class PaymentSiretMalformed(Refusal):
    """The SIRET is not fourteen digits with a valid key."""

    code = "payment_siret_malformed"
    nature = Nature.INVALID
    french = "Le numéro SIRET « {given} » n’est pas valide."


class PaymentAddressIncomplete(Refusal):
    """An address must at least name the town and the country: banks refuse unstructured ones."""

    code = "payment_address_incomplete"
    nature = Nature.INVALID
    french = "L’adresse de {name} doit indiquer au moins la ville et le pays."


class PaymentReferenceMalformed(Refusal):
    """The creditor reference is not an ISO 11649 "RF" reference with a valid key."""

    code = "payment_reference_malformed"
    nature = Nature.INVALID
    french = "La référence créancier « {given} » n’est pas une référence RF valide."


class PaymentDateInPast(Refusal):
    """The execution date is before the day on which the file is made."""

    code = "payment_date_in_past"
    nature = Nature.INVALID
    french = "La date d’exécution ({execution_on}) est passée."


REFUSALS: tuple[type[Refusal], ...] = (
    EntryWithoutLines,
    EntryLineMalformed,
    EntryUnbalanced,
    EntryNumberRepeated,
    EntryOutsidePeriod,
    EntryFieldEmpty,
    SirenMalformed,
    PaymentFileEmpty,
    PaymentDateInPast,
    PaymentIdentifierMalformed,
    PaymentIdentifierRepeated,
    PaymentSiretMalformed,
    PaymentAmountOutOfRange,
    PaymentNameMalformed,
    PaymentIbanMalformed,
    PaymentBicMalformed,
    PaymentAddressIncomplete,
    PaymentReferenceMalformed,
)
