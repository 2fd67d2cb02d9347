"""Judge every document of a month's folder by the program, the schema or the rule made for its kind."""

import datetime
import json
import re
import sys
from pathlib import Path

import openpyxl
import pypdf
import xmlschema
from beancount import loader
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.judges.fec import check_fec

SCHEMAS = Path(__file__).parents[1] / "data" / "xsd"
MONTH_FOLDER = re.compile(r"\d{4}-\d{2}")


def judge_months(out):
    """Return what is wrong with the documents of every month under a folder, by its path; empty when nothing is."""
    found = {}
    for folder in sorted(path for path in Path(out).iterdir() if MONTH_FOLDER.fullmatch(path.name)):
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
        (path.suffix == ".beancount", _beancount),
        (path.name.startswith("close-certificate"), _certificate),
        (path.suffix == ".csv", _balance),
        (path.suffix == ".xlsx", _workbook),
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


def _beancount(path):
    _, errors, _ = loader.load_file(str(path))
    return [error.message for error in errors]


def _pdf(path):
    root = pypdf.PdfReader(path).trailer["/Root"]
    return [] if root.get("/MarkInfo", {}).get("/Marked") and "/StructTreeRoot" in root else ["untagged"]


def _workbook(path):
    """The workbook opens elsewhere, and its last page says of which month it is."""
    last = openpyxl.load_workbook(path, read_only=True).worksheets[-1]
    facts = {row[0]: row[1] for row in last.iter_rows(values_only=True, max_col=2)}
    return [] if facts.get("Période") else ["no period"]


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


if __name__ == "__main__":
    wrong = judge_months(sys.argv[1])
    for name, faults in wrong.items():
        sys.stdout.write(f"{name}: {faults[:3]}\n")
    raise SystemExit(bool(wrong))
