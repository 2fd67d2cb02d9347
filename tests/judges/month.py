"""Judge every document of a folder of a month or of a year by the program, the schema or the rule made for its kind."""

import csv
import datetime
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import xmlschema
from beancount import loader
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.judges.fec import check_fec
from tests.judges.pdf_ua import check_pdf_ua

SCHEMAS = Path(__file__).parents[1] / "data" / "xsd"
PERIOD_FOLDER = re.compile(r"\d{4}(-\d{2})?")
CENTS = re.compile(r"-?\d+,\d\d")
# Of a document that has both, debits and credits are the same sums.
TWO_SIDES = ("Débit", "Crédit"), ("Mouvements débit", "Mouvements crédit"), ("Solde débit", "Solde crédit")
ABOUT, TOTAL, LINES = "Contrôle", "Total", "Nombre de lignes"
SUBTOTAL, ACCOUNT_TOTAL = "Total du ", "Total du compte "


def judge_months(out):
    """Return what is wrong with the documents of every period under a folder, by its path; empty when nothing is."""
    found = {}
    for folder in sorted(path for path in Path(out).iterdir() if PERIOD_FOLDER.fullmatch(path.name)):
        for path in sorted(folder.iterdir()):
            faults = judge(path)
            if faults:
                found[f"{folder.name}/{path.name}"] = faults
    return found


def judge(path):
    """Return what is wrong with one document; a document that nobody judges is wrong too."""
    judges = (
        (path.suffix == ".pdf", _pdf),
        (path.suffix == ".xml", _xml),
        ("FEC" in path.name, _fec),
        (path.name.startswith("ecritures-"), _month_entries),
        (path.suffix == ".beancount", _beancount),
        (path.suffix == ".hledger", _hledger),
        (path.name.startswith("close-certificate"), _certificate),
        (path.name == "trial-balance.csv", _balance),
        (path.suffix == ".csv", _sheet_csv),
        (path.suffix == ".xlsx", _sheet_xlsx),
    )
    found = next((judged for fits, judged in judges if fits), None)
    return ["nobody judges this"] if found is None else found(path)


def _xml(path):
    schema = "pain.001.001.09.xsd" if path.name.startswith("payouts") else "camt.053.001.08.xsd"
    return [str(error.reason) for error in xmlschema.XMLSchema(str(SCHEMAS / schema)).iter_errors(str(path))]


def _fec(path):
    year = int(path.name[12:16])
    first, last = datetime.date(year, 1, 1), datetime.date(year, 12, 31)
    return check_fec(path.read_bytes(), name=path.name, first_day=first, last_day=last)


def _month_entries(path):
    """A month's entries obey every rule of the FEC but its name, which the law keeps for the year's."""
    first = datetime.date(int(path.stem[-7:-3]), int(path.stem[-2:]), 1)
    last = (first + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)
    return sorted(set(check_fec(path.read_bytes(), name=path.name, first_day=first, last_day=last)) ^ {"name"})


def _beancount(path):
    _, errors, _ = loader.load_file(str(path))
    return [error.message for error in errors]


def _hledger(path):
    """A second accountant: every balance asserted, every account declared, every transaction balanced."""
    program = shutil.which("hledger")
    if program is None:
        return ["the program hledger is missing"]
    found = subprocess.run([program, "-f", str(path), "check", "--strict"], capture_output=True, text=True, check=False)
    return [] if found.returncode == 0 else [found.stderr]


def _pdf(path):
    # Cards to cut out are a page without a heading.
    allowed = {"headings"} if path.name == "cards.pdf" else set()
    return sorted(set(check_pdf_ua(path.read_bytes())) - allowed)


def _certificate(path):
    signed = json.loads(path.read_text())
    body = signed["certificate"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    key = load_pem_public_key(body["public_key"].encode())
    key.verify(bytes.fromhex(signed["signature"]), text)
    return [] if sum(account["balance_cents"] for account in body["accounts"]) == 0 else ["unbalanced"]


def _balance(path):
    """Debits and credits, and the balances of both sides, are the same sums."""
    rows = [line.split(";") for line in path.read_text("utf-8-sig").splitlines()]
    cents = [
        [int(cell.replace(",", "")) for cell in row if re.fullmatch(r"-?\d+,\d\d", cell)]
        for row in rows[1:]
        if row[0][:1].isdigit()
    ]
    sums = [sum(column) for column in zip(*cents, strict=True)]
    debits, credits_, debit_balances, credit_balances = sums
    return [] if (debits, debit_balances) == (credits_, credit_balances) and debits else ["unbalanced"]


def _sheet_csv(path):
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig")), delimiter=";"))
    cut = rows.index([]) if [] in rows else len(rows)
    about = [(row[1], _cents(row[2])) for row in rows[cut + 1 :] if row[0] == ABOUT]
    return _sheet(rows[0], [[_cents(cell) for cell in row] for row in rows[1:cut]], about)


def _sheet_xlsx(path):
    """As another program reads the workbook: euros are numbers there."""
    workbook = openpyxl.load_workbook(path, read_only=True)
    pages = [list(page.iter_rows()) for page in workbook.worksheets]
    told = pages.pop()
    heads = [cell.value for cell in pages[0][0]]
    lines = [[_number(cell) for cell in row] for page in pages for row in page[1:]]
    return _sheet(heads, lines, [(row[0].value, _number(row[1])) for row in told])


def _sheet(heads, lines, about):
    """Counted again, the lines are those that the document says, and so is each of its totals."""
    said = dict(about)
    *rows, totals = lines or [[None]]
    if not totals or totals[0] != TOTAL:
        return ["no totals: the document was cut"]
    wrong = _subtotals(heads, rows)
    rows = [row for row in rows if not str(row[0]).startswith(SUBTOTAL)]
    faults = wrong + ([] if said.get(LINES) in {len(rows), str(len(rows))} else ["lines"])
    if any(len(row) != len(heads) for row in lines):
        return [*faults, "width"]
    sums = {}
    for place, head in enumerate(heads):
        if f"Total {head}" in said:
            sums[head] = sum(row[place] or 0 for row in rows)
            if not sums[head] == totals[place] == said[f"Total {head}"]:
                faults.append(f"total of {head}")
    return faults + [
        f"{one} and {other}" for one, other in TWO_SIDES if {one, other} <= sums.keys() and sums[one] != sums[other]
    ]


def _subtotals(heads, rows):
    """In a grand-livre, and in no other sheet, each account's total is what its lines add up to, and none lacks."""
    told = {str(row[0]).removeprefix(ACCOUNT_TOTAL): row for row in rows if str(row[0]).startswith(ACCOUNT_TOTAL)}
    if not {"Compte", "Report", "Débit", "Crédit", "Solde"} <= set(heads):
        return ["subtotals"] if told else []
    places = [heads.index(head) for head in ("Report", "Débit", "Crédit")]
    counted = {}
    for row in rows:
        if not str(row[0]).startswith(SUBTOTAL):
            sums = counted.setdefault(row[0], [0, 0, 0])
            for at, place in enumerate(places):
                sums[at] += row[place] or 0
    expected = {code: [*sums, sums[0] + sums[1] - sums[2]] for code, sums in counted.items()}
    found = {code: [row[place] for place in (*places, heads.index("Solde"))] for code, row in told.items()}
    return [f"subtotal of {code}" for code in expected | found if expected.get(code) != found.get(code)]


def _cents(cell):
    """Return the cents of a cell of a CSV, None for an empty one, the text of any other."""
    return (int(cell.replace(",", "")) if CENTS.fullmatch(cell) else cell) if cell else None


def _number(cell):
    """Return the cents of an amount of a workbook, any other value as it is."""
    return round(cell.value * 100) if cell.value is not None and "0.00" in cell.number_format else cell.value


if __name__ == "__main__":
    wrong = judge_months(sys.argv[1])
    for name, faults in wrong.items():
        sys.stdout.write(f"{name}: {faults[:3]}\n")
    raise SystemExit(bool(wrong))
