"""Write the "fichier des écritures comptables", the tax office's exchange format of the books.

Source: LPF art. A47 A-1: 18 columns in this order, tab between fields, comma decimals, entries in the order of their
validation, EcritureNum on a continuous sequence.
"""

import datetime
import functools
import itertools
from collections.abc import Iterable, Iterator

from stdnum.fr import siren as siren_number

from monnaie_locale.exports.errors import EntryFieldEmpty, EntryOutsidePeriod, SirenMalformed
from monnaie_locale.exports.model import BookEntry, LedgerAccount, in_order, sound
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
ENTRIES_PER_PART = 500
# Days, journals and their names come again and again.
FIELDS_KEPT = 4_096


def fec_file_name(*, siren: str, closes_on: datetime.date) -> str:
    """Return the legal name: SIREN, "FEC", and the closing date of the accounting year; refuses siren_malformed."""
    if not siren_number.is_valid(siren):
        raise SirenMalformed(given=siren[:40])
    return f"{siren_number.compact(siren)}FEC{closes_on:%Y%m%d}.txt"


def write_fec(
    *,
    entries: Iterable[BookEntry],
    first_day: datetime.date,
    last_day: datetime.date,
    opening: BookEntry | None = None,
) -> bytes:
    """Return the FEC of the entries of an accounting year, given in any order; else as `fec_parts`."""
    ordered = in_order(entries=entries)
    return b"".join(fec_parts(entries=ordered, first_day=first_day, last_day=last_day, opening=opening))


def fec_parts(
    *,
    entries: Iterable[BookEntry],
    first_day: datetime.date,
    last_day: datetime.date,
    opening: BookEntry | None = None,
) -> Iterator[bytes]:
    """Yield the FEC of an accounting year, or the entries of a month alike, in UTF-8, some hundred entries a part.

    EcritureNum counts from 1 in the order of validation: the ledger numbers all years in one sequence, and around
    New Year two years interleave in it, so its numbers would leave gaps here. The ledger's number follows the label,
    in brackets.

    Args:
        entries: every entry accounted in the period, in the order of their numbers.
        first_day: the first day of the accounting year, or of the month.
        last_day: the last day covered.
        opening: the balances brought forward, which take the first number; None when there are none.

    Refuses, entry by entry: entry_number_repeated, entry_without_lines, entry_line_malformed, entry_unbalanced,
    entry_outside_period, entry_field_empty.
    """
    rows = [SEPARATOR.join(COLUMNS)]
    accounts: dict[int, str] = {}
    brought_forward = [] if opening is None else [opening]
    for rank, entry in enumerate(sound(entries=itertools.chain(brought_forward, entries)), start=1):
        if not first_day <= entry.accounted_on <= last_day:
            raise EntryOutsidePeriod(number=entry.number, accounted_on=entry.accounted_on.strftime("%d/%m/%Y"))
        rows.extend(_rows(rank, entry, accounts))
        if rank % ENTRIES_PER_PART == 0:
            yield (LINE_END.join(rows) + LINE_END).encode()
            rows = []
    if rows:
        yield (LINE_END.join(rows) + LINE_END).encode()


def _rows(rank: int, entry: BookEntry, accounts: dict[int, str]) -> Iterator[str]:
    """Yield the lines of an entry; refuses entry_field_empty.

    `accounts` keeps the fields of each account, written once.
    """
    before = _written(
        entry,
        JournalCode=entry.journal_code,
        JournalLib=entry.journal_label,
        EcritureNum=str(rank),
        EcritureDate=_day(entry.accounted_on),
    )
    between = _written(
        entry,
        PieceRef=entry.piece_reference,
        PieceDate=_day(entry.piece_on),
        EcritureLib=_label(entry),
    )
    after = _written(entry, EcritureLet="", DateLet="", ValidDate=_day(entry.recorded_on), Montantdevise="",
                     Idevise="")  # fmt: skip
    for line in entry.lines:
        account = accounts.get(line.account.account_id)
        if account is None:
            account = accounts[line.account.account_id] = _account_fields(entry, line.account)
        debit, credit = format_decimal(line.debit_cents, point=","), format_decimal(line.credit_cents, point=",")
        yield SEPARATOR.join((before, account, between, debit, credit, after))


def _account_fields(entry: BookEntry, account: LedgerAccount) -> str:
    return _written(
        entry,
        CompteNum=account.general_code,
        CompteLib=account.general_label,
        CompAuxNum=account.auxiliary_code,
        CompAuxLib=account.auxiliary_label if account.auxiliary_code else "",
    )


def _written(entry: BookEntry, **fields: str) -> str:
    """Return fields that follow one another, by the names of their columns; refuses entry_field_empty."""
    plain = list(map(_plain, fields.values()))
    if "" in plain:
        for column, field in zip(fields, plain, strict=True):
            if not field and column not in MAY_BE_BLANK:
                raise EntryFieldEmpty(field=column, number=entry.number)
    return SEPARATOR.join(plain)


@functools.lru_cache(maxsize=FIELDS_KEPT)
def _plain(field: str) -> str:
    # "|" is the other separator that the law allows: a reader may guess it from the first line that holds one.
    # ISO 8859-15, one of the character sets of A47 A-1, has no curved apostrophe.
    return one_line(field.replace("|", " ").replace("’", "'"))


@functools.lru_cache(maxsize=FIELDS_KEPT)
def _day(day: datetime.date) -> str:
    return f"{day:%Y%m%d}"


def _label(entry: BookEntry) -> str:
    """Return the label with the ledger's number; balances brought forward are no entry of the ledger."""
    return f"{entry.label} [{entry.number}]" if entry.label.strip() and entry.number else entry.label
