"""Write the "fichier des écritures comptables", the tax office's exchange format of the books.

Source: LPF art. A47 A-1: 18 columns in this order, tab between fields, comma decimals, entries in the order of their
validation, EcritureNum on a continuous sequence.
"""

import datetime
from collections.abc import Iterable

from stdnum.fr import siren as siren_number

from monnaie_locale.exports.errors import EntryFieldEmpty, EntryOutsidePeriod, SirenMalformed
from monnaie_locale.exports.model import BookEntry, BookLine, in_order
from monnaie_locale.exports.plain_text import one_line
from monnaie_locale.ledger.money import format_decimal

COLUMNS = (
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
)
# LPF A47 A-1 VII: only these may be blank.
MAY_BE_BLANK = frozenset({"CompAuxNum", "CompAuxLib", "EcritureLet", "DateLet", "Montantdevise", "Idevise"})
SEPARATOR = "\t"
LINE_END = "\r\n"


def fec_file_name(*, siren: str, closes_on: datetime.date) -> str:
    """Return the legal name: SIREN, "FEC", and the closing date of the accounting year; refuses siren_malformed."""
    if not siren_number.is_valid(siren):
        raise SirenMalformed(given=siren[:40])
    return f"{siren_number.compact(siren)}FEC{closes_on:%Y%m%d}.txt"


def write_fec(*, entries: Iterable[BookEntry], first_day: datetime.date, last_day: datetime.date) -> bytes:
    """Return the FEC of the entries of an accounting year (or of its beginning), in UTF-8.

    EcritureNum counts from 1 in the order of validation: the ledger numbers all years in one sequence, and around
    New Year two years interleave in it, so its numbers would leave gaps here. The ledger's number follows the label,
    in brackets.

    Args:
        entries: every entry accounted in the period, in any order.
        first_day: the first day of the accounting year.
        last_day: the last day covered.

    Refuses, in this order: entry_number_repeated, entry_without_lines, entry_line_malformed, entry_unbalanced,
    entry_outside_period, entry_field_empty.
    """
    rows = [SEPARATOR.join(COLUMNS)]
    ordered = in_order(entries=entries)
    for entry in ordered:
        if not first_day <= entry.accounted_on <= last_day:
            raise EntryOutsidePeriod(number=entry.number, accounted_on=entry.accounted_on.strftime("%d/%m/%Y"))
    for rank, entry in enumerate(ordered, start=1):
        rows.extend(SEPARATOR.join(_row(rank, entry, line)) for line in entry.lines)
    return (LINE_END.join(rows) + LINE_END).encode()


def _row(rank: int, entry: BookEntry, line: BookLine) -> list[str]:
    """Return the 18 fields of one line; refuses entry_field_empty."""
    fields = [
        entry.journal_code,
        entry.journal_label,
        str(rank),
        f"{entry.accounted_on:%Y%m%d}",
        line.account.general_code,
        line.account.general_label,
        line.account.auxiliary_code,
        line.account.auxiliary_label if line.account.auxiliary_code else "",
        entry.piece_reference,
        f"{entry.piece_on:%Y%m%d}",
        f"{entry.label} [{entry.number}]" if entry.label.strip() else "",
        format_decimal(line.debit_cents, point=","),
        format_decimal(line.credit_cents, point=","),
        "",
        "",
        f"{entry.recorded_on:%Y%m%d}",
        "",
        "",
    ]
    # "|" is the other separator that the law allows: a reader may guess it from the first line that holds one.
    plain = [one_line(field.replace("|", " ")) for field in fields]
    for column, field in zip(COLUMNS, plain, strict=True):
        if not field and column not in MAY_BE_BLANK:
            raise EntryFieldEmpty(field=column, number=entry.number)
    return plain
