"""Judge a "fichier des écritures comptables" by LPF art. A47 A-1 and the DGFiP's own list of fields."""

import datetime
import itertools
import pathlib
import re

FIELD_LIST = pathlib.Path(__file__).parents[1] / "data" / "fec" / "fmt_arrete_DGFiP.txt"
# The first eighteen of the DGFiP's list are those of the general case, in the order of the law.
COLUMNS = [row.split(";")[0] for row in FIELD_LIST.read_text(encoding="latin-1").splitlines()[:18]]
BLANK_ALLOWED = {"CompAuxNum", "CompAuxLib", "EcritureLet", "DateLet", "Montantdevise", "Idevise"}
OF_THE_ENTRY = ("JournalCode", "JournalLib", "EcritureDate", "PieceRef", "PieceDate", "ValidDate")
NAME = re.compile(r"([0-9]{9})FEC([0-9]{8})\.txt")
AMOUNT = re.compile(r"[0-9]+,[0-9]{2}")
ACCOUNT = re.compile(r"[1-9][0-9]{2}[0-9A-Za-z]*")


def check_fec(content, *, name, first_day, last_day):
    """Return what is wrong with the file, as a sorted list of rule names; empty when nothing is."""
    found = set(_name(name))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return sorted(found | {"charset"})
    if re.search(r"[^\S \t\r\n]|[\x00-\x08\x0e-\x1f\x7f]", text):
        found.add("charset")
    header, *lines = re.split(r"\r\n|\r|\n", text.removesuffix("\r\n"))
    if header.split("\t") != COLUMNS:
        return sorted(found | {"columns"})
    rows = [line.split("\t") for line in lines]
    if any(len(row) != len(COLUMNS) for row in rows):
        return sorted(found | {"fields"})
    records = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    for record in records:
        found |= set(_record(record, first_day, last_day))
    if not found & {"amount", "number"}:
        found |= set(_entries(records))
    return sorted(found)


def _name(name):
    read = NAME.fullmatch(name)
    if read is None:
        yield "name"
        return
    digits = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(read.group(1))]
    if sum(digit // 10 + digit % 10 for digit in digits) % 10 or _date(read.group(2)) is None:
        yield "name"


def _date(text):
    try:
        return datetime.datetime.strptime(text, "%Y%m%d").date() if re.fullmatch(r"[0-9]{8}", text) else None  # noqa: DTZ007
    except ValueError:
        return None


def _record(record, first_day, last_day):
    if any(not text.strip() for column, text in record.items() if column not in BLANK_ALLOWED):
        yield "blank"
    if any(text != text.strip() for text in record.values()):
        yield "spaces"
    for column in ("EcritureDate", "PieceDate", "ValidDate"):
        if _date(record[column]) is None:
            yield "date"
            return
    if not first_day <= _date(record["EcritureDate"]) <= last_day:
        yield "period"
    if ACCOUNT.fullmatch(record["CompteNum"]) is None:
        yield "account"
    if bool(record["CompAuxNum"]) != bool(record["CompAuxLib"]):
        yield "auxiliary"
    if re.fullmatch(r"[1-9][0-9]*", record["EcritureNum"]) is None:
        yield "number"
    yield from _amounts(record)


def _amounts(record):
    if any(AMOUNT.fullmatch(record[column]) is None for column in ("Debit", "Credit")):
        yield "amount"
    elif (record["Debit"] == "0,00") == (record["Credit"] == "0,00"):
        yield "sides"


def _cents(text):
    euros, cents = text.split(",")
    return int(euros) * 100 + int(cents)


def _entries(records):
    entries = [(number, list(group)) for number, group in itertools.groupby(records, lambda row: row["EcritureNum"])]
    if [int(number) for number, _ in entries] != list(range(1, len(entries) + 1)):
        yield "sequence"
    for _, group in entries:
        if sum(_cents(row["Debit"]) - _cents(row["Credit"]) for row in group):
            yield "balance"
        if any(len({row[column] for row in group}) > 1 for column in OF_THE_ENTRY):
            yield "entry"
    validated = [row["ValidDate"] for row in records]
    if validated != sorted(validated):
        yield "order"
