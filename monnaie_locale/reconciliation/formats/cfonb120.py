"""Read CFONB 120 statements, which French banks still give: records of 120 characters, 01, then 04 and 05, then 07.

Source: CFONB, "Relevé de compte sur support informatique" (2004): amounts end with a letter that is also their sign
(A to I and { credit, J to R and } debit). The name of the other party (05 NPY, NBE) is not read.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from monnaie_locale.ledger.money import CENTS_MAX, CENTS_PER_EURO
from monnaie_locale.reconciliation.errors import StatementAmountMalformed, StatementIncomplete, StatementNotOurs
from monnaie_locale.reconciliation.formats.iso_fields import LABEL_LENGTH_MAX, clip, squeeze_iban
from monnaie_locale.reconciliation.formats.model import AccountReport, BankFile
from monnaie_locale.reconciliation.model import Line

FORMAT = "cfonb120"
RECORD_LENGTH = 120
# A bank may take the blanks off the end of its records, never the amount.
RECORD_LENGTH_MIN = 104
BEGINNING = re.compile(rb"^\s*01[0-9]{5}.{4}[0-9]{5}[A-Z ]{3}")
# In the French variant of ASCII (ISO 646-FR) the two braces are é and è.
CREDIT_LETTERS = dict(zip("{ABCDEFGHI", range(10), strict=True)) | {"é": 0}
DEBIT_LETTERS = dict(zip("}JKLMNOPQR", range(10), strict=True)) | {"è": 0}
DECIMALS = "2"
CENTURY = 2000
ONE_DAY = datetime.timedelta(days=1)
# Interbank codes of operations whose nature matters, in the words of ISO 20022: a transfer that came back, a charge.
ISO_CODES = {"21": "PMNT/ICDT/RRTN", "62": "ACMT/MDOP/CHRG"}
LABEL_QUALIFIERS = frozenset({"LIB", "LCC", "LC2", "LCS"})
END_TO_END_QUALIFIER = "RCN"
REFERENCE_LENGTH = 35
REASON = re.compile(r"(?<![A-Z0-9])(A[CGM][0-9]{2}|MD[0-9]{2}|MS0[23]|BE0[1-9]|RC01|RR0[1-4]|FOCR)(?![A-Z0-9])")
LETTERS = {letter: str((place % 9) + 1) for place, letter in enumerate("ABCDEFGHIJKLMNOPQR")} | {
    letter: str(place + 2) for place, letter in enumerate("STUVWXYZ")
}


@dataclass(slots=True)
class _Entry:
    """One 04 record and what the 05 records below it add."""

    record: str
    labels: list[str] = field(default_factory=list)
    end_to_end_id: str = ""


@dataclass(slots=True)
class _Reading:
    """One statement while its records are read."""

    opening: str
    entries: list[_Entry] = field(default_factory=list)
    closing: str | None = None


def is_cfonb120(content: bytes) -> bool:
    """Return whether a file begins as a CFONB 120 statement does."""
    return BEGINNING.match(content) is not None


def read_cfonb120(content: bytes, *, account: str | None) -> BankFile:
    """Return the statements of a file.

    Args:
        content: the file as received.
        account: the IBAN whose statements are wanted; those of other accounts are left aside. None reads them all.

    Refuses, in this order: statement_incomplete (a record is out of place), statement_not_ours,
    statement_amount_malformed, statement_incomplete (a date).

    """
    read = list(_readings(_records(content)))
    wanted = None if account is None else squeeze_iban(account)
    ours = [each for each in read if wanted in {None, iban_of(each.opening)}]
    if not ours:
        raise StatementNotOurs(iban=iban_of(read[0].opening))
    others = dict.fromkeys(iban_of(each.opening) for each in read if each not in ours)
    return BankFile(
        format=FORMAT,
        message_id="",
        is_booked=True,
        reports=tuple(_report(each) for each in ours),
        other_accounts=tuple(others),
    )


def iban_of(record: str) -> str:
    """Return the IBAN of the account that a record names by bank, branch and number, its two keys worked out.

    Sources: the key of a RIB (Banque de France), ISO 13616.
    """
    bank, branch, number = record[2:7], record[11:16], record[21:32].upper()
    digits = [int("".join(LETTERS.get(each, each) for each in part) or "0") for part in _digits(bank, branch, number)]
    key = 97 - (89 * digits[0] + 15 * digits[1] + 3 * digits[2]) % 97
    bban = f"{bank}{branch}{number}{key:02d}"
    check = 98 - int("".join(str(int(each, 36)) for each in f"{bban}FR00")) % 97
    return f"FR{check:02d}{bban}"


def _digits(*parts: str) -> tuple[str, ...]:
    for part in parts:
        if re.fullmatch(r"[0-9A-Z]+", part) is None:
            raise StatementIncomplete(field="numéro de compte")
    return parts


def _records(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield each record with its number; a file may come without line breaks."""
    text = content.decode("latin-1")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) == 1 and len(lines[0]) > RECORD_LENGTH:
        lines = [lines[0][start : start + RECORD_LENGTH] for start in range(0, len(lines[0]), RECORD_LENGTH)]
    for number, line in enumerate(lines, start=1):
        record = line.rstrip().ljust(RECORD_LENGTH)
        if len(record) > RECORD_LENGTH or (record[:2] != "05" and len(line.rstrip()) < RECORD_LENGTH_MIN):
            raise _out_of_place(number)
        yield number, record


def _out_of_place(number: int) -> StatementIncomplete:
    return StatementIncomplete(field=f"enregistrement n° {number}")


def _readings(records: Iterator[tuple[int, str]]) -> Iterator[_Reading]:
    """Yield each statement: its records in their order, all of one account."""
    reading: _Reading | None = None
    for number, record in records:
        kind = record[:2]
        if kind == "01":
            if reading is not None:
                yield reading
            reading = _Reading(record)
            continue
        if reading is None or _account(record) != _account(reading.opening):
            raise _out_of_place(number)
        if kind == "07":
            reading.closing = record
            yield reading
            reading = None
        elif kind == "04":
            reading.entries.append(_Entry(record))
        elif kind == "05" and reading.entries:
            _complete(reading.entries[-1], record)
        else:
            raise _out_of_place(number)
    if reading is not None:
        yield reading


def _account(record: str) -> tuple[str, str, str, str]:
    return record[2:7], record[11:16], record[16:19], record[21:32]


def _complete(entry: _Entry, record: str) -> None:
    qualifier, text = record[45:48], record[48:118].strip()
    if qualifier in LABEL_QUALIFIERS and text:
        entry.labels.append(text)
    elif qualifier == END_TO_END_QUALIFIER:
        entry.end_to_end_id = record[48 : 48 + REFERENCE_LENGTH].strip()


def _report(reading: _Reading) -> AccountReport:
    opening_cents = _cents(reading.opening)
    closing_cents = None if reading.closing is None else _cents(reading.closing)
    lines = tuple(_line(number, entry) for number, entry in enumerate(reading.entries, start=1))
    held_on = _date(reading.opening, 34)
    to_on = None if reading.closing is None else _date(reading.closing, 34)
    # The first balance is that of the evening before.
    from_on = held_on if to_on is None or held_on >= to_on else held_on + ONE_DAY
    return AccountReport(
        report_id=f"CFONB-{from_on:%Y%m%d}-{to_on or from_on:%Y%m%d}-{opening_cents}",
        account=iban_of(reading.opening),
        currency=reading.opening[16:19].strip() or "EUR",
        opening_cents=opening_cents,
        closing_cents=closing_cents,
        from_on=from_on,
        to_on=to_on,
        lines=lines,
    )


def _line(number: int, entry: _Entry) -> Line:
    record = entry.record
    code, reference = record[32:34].strip(), record[104:120].strip()
    label = clip(" ".join((record[48:79], *entry.labels)), LABEL_LENGTH_MAX)
    bank_code = ISO_CODES.get(code, f"CFONB/{code}")
    is_return = code in ISO_CODES and ISO_CODES[code].endswith("RRTN")
    booked_on = _date(record, 34)
    reason = REASON.search(label)
    return Line(
        line_no=number,
        booked_on=booked_on,
        value_on=_date(record, 42) if record[42:48].strip() else booked_on,
        amount_cents=_cents(record),
        bank_reference=record[81:88].strip(" 0") and record[81:88].strip(),
        # Sixteen characters: a whole order's identifier fits, that of one transfer is in a record 05.
        batch_reference="" if is_return else reference,
        end_to_end_id=entry.end_to_end_id or (reference if is_return else ""),
        remittance=reference or label,
        label=label,
        return_reason=(record[40:42].strip() or (reason.group() if reason else "")) if is_return else "",
        bank_code=bank_code,
    )


def _cents(record: str) -> int:
    """Return the signed cents of a record's amount; refuses statement_amount_malformed."""
    written, decimals = record[90:104], record[19].strip() or DECIMALS
    last = written[-1]
    sign = 1 if last in CREDIT_LETTERS else -1
    unit = CREDIT_LETTERS.get(last, DEBIT_LETTERS.get(last))
    if unit is None or re.fullmatch(r"[0-9]{13}", written[:-1]) is None or re.fullmatch(r"[0-9]", decimals) is None:
        raise StatementAmountMalformed(given=clip(written, RECORD_LENGTH))
    # Whole numbers only: what is left over beyond the cent is refused, never rounded.
    cents, rest = divmod((int(written[:-1]) * 10 + unit) * CENTS_PER_EURO, int(10 ** int(decimals)))
    if rest or cents > CENTS_MAX:
        raise StatementAmountMalformed(given=clip(written, RECORD_LENGTH))
    return sign * cents


def _date(record: str, place: int) -> datetime.date:
    """Return the date written DDMMYY at a place; refuses statement_incomplete."""
    written = record[place : place + 6]
    if re.fullmatch(r"[0-9]{6}", written) is None:
        raise StatementIncomplete(field=f"date « {clip(written, 6)} »")
    try:
        return datetime.date(CENTURY + int(written[4:]), int(written[2:4]), int(written[:2]))
    except ValueError as error:
        raise StatementIncomplete(field=f"date « {written} »") from error
