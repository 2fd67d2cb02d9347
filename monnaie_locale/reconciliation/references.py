"""Say whether a text carries a reference: as a whole word, whatever the case, the accents and the spaces. Pure."""

import re
import unicodedata

# A shorter reference would be found by chance in a free text.
REFERENCE_LENGTH_MIN = 4
RF_REFERENCE = re.compile(r"^RF[0-9]{2}[0-9A-Z]{1,21}$")


def plain(text: str) -> str:
    """Return the text in capitals without accents, single spaces."""
    letters = unicodedata.normalize("NFKD", text.upper())
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).split())


def mentions(reference: str, *, text: str, fields: tuple[str, ...] = ()) -> bool:
    """Return whether one of the fields is the reference, or the text has it as a whole word.

    A creditor reference (ISO 11649) is often printed in groups of four, so spaces inside it do not count.
    """
    wanted = plain(reference)
    if len(wanted) < REFERENCE_LENGTH_MIN:
        return False
    if wanted in {plain(field) for field in fields}:
        return True
    squeezed, searched = "".join(wanted.split()), plain(text)
    if squeezed not in "".join(searched.split()):
        return False
    pattern = r"\s*".join(squeezed) if RF_REFERENCE.match(squeezed) else re.escape(wanted)
    return re.search(rf"(?<![0-9A-Z]){pattern}(?![0-9A-Z])", searched) is not None
