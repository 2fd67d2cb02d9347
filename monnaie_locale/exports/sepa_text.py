"""What a bank accepts in a SEPA message: its characters, its identifiers, its references.

Source: EPC217-08 (SEPA Requirements for an Extended Character Set), ISO 11649 (RF creditor reference).
"""

import re
import unicodedata

from stdnum.iso7064 import mod_97_10

from monnaie_locale.exports.errors import PaymentIdentifierMalformed, PaymentReferenceMalformed

IDENTIFIER_LENGTH_MAX = 35
REFERENCE_LENGTH_MAX = 25
REFERENCE_PREFIX_LENGTH = 4
NOT_SEPA_LATIN = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
IDENTIFIER = re.compile(r"^[A-Za-z0-9\-?:().,'+]+(?:/[A-Za-z0-9\-?:().,'+]+)*$")
REFERENCE = re.compile(r"^RF[0-9]{2}[0-9A-Z]{1,21}$")
# What taking the accents off does not turn into the SEPA set, by the usual French spelling.
SPELT = str.maketrans(
    {
        "œ": "oe",
        "Œ": "OE",
        "æ": "ae",
        "Æ": "AE",
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "’": "'",
        "‘": "'",
        "`": "'",
        "´": "'",
        '"': "'",
        "«": "'",
        "»": "'",
        "“": "'",
        "”": "'",
        "–": "-",
        "—": "-",
        "_": "-",
        "&": "+",
        "€": "EUR",
        "@": "(at)",
    }
)


def sepa_text(text: str, *, length_max: int) -> str:
    """Return the text in the SEPA Latin set, accents taken off, at most `length_max` characters; may be empty."""
    letters = unicodedata.normalize("NFKD", text.translate(SPELT)).translate(SPELT)
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(NOT_SEPA_LATIN.sub(" ", plain).split()).strip("/ ")[:length_max].rstrip("/ ")


def check_identifier(identifier: str, *, field: str) -> str:
    """Return the identifier when every bank will carry it back unchanged; refuses payment_identifier_malformed.

    It is never repaired: the bank's answer is recognised by it, character for character.
    """
    if len(identifier) > IDENTIFIER_LENGTH_MAX or IDENTIFIER.fullmatch(identifier) is None:
        raise PaymentIdentifierMalformed(field=field, given=identifier[:80])
    return identifier


def creditor_reference(*, body: str) -> str:
    """Return the ISO 11649 reference of 1 to 21 letters and digits: "MLC20261100042" gives "RF52MLC20261100042".

    Refuses payment_reference_malformed.
    """
    wanted = body.upper()
    key = mod_97_10.calc_check_digits(f"{wanted}RF") if wanted.isascii() and wanted.isalnum() else "00"
    return check_reference(f"RF{key}{wanted}")


def check_reference(reference: str) -> str:
    """Return the RF reference in capitals without spaces; refuses payment_reference_malformed."""
    compact = "".join(reference.split()).upper()
    if REFERENCE.fullmatch(compact) is None:
        raise PaymentReferenceMalformed(given=reference[:80])
    if not mod_97_10.is_valid(compact[REFERENCE_PREFIX_LENGTH:] + compact[:REFERENCE_PREFIX_LENGTH]):
        raise PaymentReferenceMalformed(given=reference[:80])
    return compact
