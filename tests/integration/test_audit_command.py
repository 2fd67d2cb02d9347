"""`monnaie-locale export-audit` and `audit`: a clean export, every way we know to falsify one, and a program apart."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pymerkle
import pytest
from click.testing import CliRunner

from monnaie_locale.__main__ import main
from monnaie_locale.audit.program import main as audit
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.journal.queries import entry_of
from monnaie_locale.journal.sealer import seal
from monnaie_locale.keyring import Keyring
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE
from tests.factories import demo as small
from tests.factories.audited import falsified, of_type, read_lines, rehash, write_lines
from tests.factories.forgeries import (
    FALSIFICATIONS,
    STRANGER,
    change_an_amount,
    give_another_key,
    remove_the_last_heads_and_entries,
    text_of,
)
from tests.factories.vandal import run, take_the_guards_down

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return small.small_demo(tmp_path_factory.mktemp("audited") / "out")


@pytest.fixture(scope="module")
def home(shown):
    return shown.home


@pytest.fixture(scope="module")
def export(home, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "books.jsonl"
    answer = CliRunner().invoke(main, ["export-audit", str(path), "--home", str(home)])
    assert answer.exit_code == 0, answer.output
    assert "écritures" in answer.stdout
    return path


def audited(path, capsys, *words):
    """Return the exit status of the program and the report it printed."""
    status = audit([str(path), "--json", *map(str, words)], program="audit")
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is (status == 0)
    return said


def codes(said):
    return {finding["code"] for finding in said["findings"]}


def test_the_export_of_the_demonstration_is_clean(export, capsys):
    said = audited(export, capsys)
    assert said["findings"] == []
    assert said["entries"] > small.CHARGES
    assert said["heads"] > 1


@pytest.mark.parametrize("falsify", FALSIFICATIONS, ids=lambda falsify: falsify.__name__)
def test_a_falsified_export_is_named(export, tmp_path, capsys, falsify):
    path = falsified(export, tmp_path / "falsified.jsonl", falsify)
    said = audited(path, capsys)
    assert FALSIFICATIONS[falsify] in codes(said)
    # Whatever was done, the installation did not sign it.
    assert "export_signature_invalid" in codes(said)


def test_a_copy_that_was_only_read_and_written_is_named_too(export, tmp_path, capsys):
    lines = read_lines(export)
    path = write_lines(tmp_path / "copy.jsonl", lines)
    assert codes(audited(path, capsys)) == {"export_signature_invalid"}


def test_a_file_cut_short_is_named(export, tmp_path, capsys):
    lines = export.read_bytes().splitlines(keepends=True)
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join(lines[:-1]))
    assert "export_truncated" in codes(audited(path, capsys))
    path.write_bytes(b"".join(lines[:-10])[:-7])
    assert {"export_malformed", "export_truncated"} <= codes(audited(path, capsys))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"null\n",
        b'{"type": "entry"}\n',
        b"\xff\xfe\n",
        b"[" * 100_000,
        b'{"type":"trailer"}',
    ],
)
def test_what_is_no_export_is_named_and_never_a_crash(content, tmp_path, capsys):
    path = tmp_path / "none.jsonl"
    path.write_bytes(content)
    assert codes(audited(path, capsys)) & {"export_malformed", "export_truncated"}


@pytest.mark.parametrize(
    "odd",
    [
        ("entry", "number", "1"),
        ("entry", "number", True),
        ("entry", "transfers", [[1, 2, 0.5]]),
        ("entry", "transfers", "abc"),
        ("entry", "accounted_on", "20261005"),
        ("entry", "key_digest", "zz"),
        ("account", "kind", 99),
        ("head", "root", None),
        ("period", "ends_on", "soon"),
        ("header", "version", 3),
    ],
)
def test_a_value_of_another_type_is_named(export, tmp_path, capsys, odd):
    kind, field, value = odd
    path = tmp_path / "odd.jsonl"
    lines = read_lines(export)
    of_type(lines, kind)[0][field] = value
    write_lines(path, lines)
    assert "export_malformed" in codes(audited(path, capsys))


def test_a_line_out_of_place_is_named(export, tmp_path, capsys):
    lines = read_lines(export)
    lines.insert(2, of_type(lines, "entry")[0])
    assert "export_malformed" in codes(audited(write_lines(tmp_path / "odd.jsonl", lines), capsys))


def test_the_key_had_from_elsewhere_decides(export, home, tmp_path, capsys):
    ours, other = tmp_path / "ours.pem", tmp_path / "other.pem"
    ours.write_text(Keyring.load(home / KEYRING_FILE).public_key_pem)
    other.write_text(STRANGER.public_key_pem)
    assert audited(export, capsys, "--key", ours)["ok"]
    assert {"key_differs", "log_signature_invalid"} <= codes(audited(export, capsys, "--key", other))


def test_books_signed_whole_by_another_key_are_seen_by_who_has_ours(export, home, tmp_path, capsys):
    """Whoever holds another key can sign everything again: only the key had from elsewhere, or an older head, tells."""
    ours = tmp_path / "ours.pem"
    ours.write_text(Keyring.load(home / KEYRING_FILE).public_key_pem)

    def sign_again(lines):
        give_another_key(lines)
        for head in of_type(lines, "head"):
            head["signature"] = STRANGER.sign(text_of(head)).hex()

    path = falsified(export, tmp_path / "signed.jsonl", sign_again)
    assert "key_differs" in codes(audited(path, capsys, "--key", ours))


def test_the_root_is_pymerkle_s(export, capsys):
    said = audited(export, capsys)
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in of_type(read_lines(export), "entry"):
        rehash(entry)
        content = json.dumps(_canonical(entry), separators=(",", ":")).encode()
        tree.append_entry(content)
    assert tree.get_root().hex() == said["root"]
    head = said["newest_head"]
    assert tree.get_root(head["size"]).hex() == head["root"]


def test_balances_and_sums_are_what_the_database_says(export, home, capsys):
    said = audited(export, capsys)
    engine = open_engine(f"sqlite:///{home / DATABASE_FILE}")
    with reading(engine) as db:
        held = dict(db.exec_driver_sql("SELECT account_id, credits_cents - debits_cents FROM balances").all())
        redeemed = db.exec_driver_sql(
            "SELECT a.merchant_id, substr(e.accounted_on, 1, 7), SUM(t.amount_cents) FROM transfers t"
            " JOIN journal_entries e ON e.id = t.entry_id JOIN accounts a ON a.id = t.credit_account_id"
            " WHERE e.kind = 3 GROUP BY 1, 2 ORDER BY 1, 2"
        ).all()
        reserve = db.exec_driver_sql("SELECT reserve_cents FROM ledger_heads").scalar_one()
        paid = db.exec_driver_sql(
            "SELECT SUM(t.amount_cents) FROM transfers t JOIN journal_entries e ON e.id = t.entry_id"
            " JOIN accounts a ON a.id = t.debit_account_id WHERE e.kind = 6 AND a.kind IN (4, 7)"
        ).scalar_one()
        owed = dict(
            db.exec_driver_sql(
                "SELECT a.merchant_id, SUM(b.credits_cents - b.debits_cents) FROM balances b"
                " JOIN accounts a ON a.id = b.account_id WHERE a.kind IN (4, 7) GROUP BY 1"
            ).all()
        )
    engine.dispose()
    assert {int(number): cents for number, cents in said["balances"].items()} == held
    told = [(each["merchant"], each["month"], each["charged_cents"]) for each in said["statements"]]
    assert [row for row in told if row[2]] == [tuple(row) for row in redeemed]
    assert next(line for line in said["trial_balance"] if line["code"] == "512100")["balance_cents"] == reserve
    assert sum(line["balance_cents"] for line in said["trial_balance"]) == 0
    ordered = [each["paid_cents"] for each in said["statements"]]
    assert -sum(cents for cents in ordered if cents < 0) <= paid
    newest = {each["merchant"]: each["owed_cents"] for each in said["statements"]}
    assert newest == {merchant: owed[merchant] for merchant in newest}


def test_no_name_and_no_secret_leaves_with_the_export(export, home):
    text = export.read_text(encoding="ascii")
    keys = json.loads((home / KEYRING_FILE).read_text())
    for word in ("pepper", "argon2", "$argon", "iban", "FR76", "@", keys["signing_key"], keys["pepper"]):
        assert word not in text, word
    assert all("name" not in line for line in read_lines(export)[1:])


def test_the_audit_runs_with_the_service_out_of_reach(export):
    """Every other package of ours, and every library of the service, made impossible to import."""
    poison = """
import sys
for name in ("monnaie_locale.journal", "monnaie_locale.database", "monnaie_locale.keyring", "monnaie_locale.runtime",
             "monnaie_locale.commands", "monnaie_locale.closing", "monnaie_locale.exports", "monnaie_locale.programmes",
             "monnaie_locale.identity", "monnaie_locale.web", "monnaie_locale.api", "monnaie_locale.documents",
             "monnaie_locale.reconciliation", "monnaie_locale.office", "monnaie_locale.app", "monnaie_locale.demo",
             "wallets", "merchants", "sqlalchemy", "flask", "click", "pydantic", "psycopg", "pysqlite3", "typst"):
    sys.modules[name] = None
try:
    import monnaie_locale.journal
except ImportError:
    pass
else:
    raise SystemExit(9)
import runpy
sys.argv = ["audit", *sys.argv[1:]]
runpy.run_module("monnaie_locale.audit", run_name="__main__")
"""
    command = [sys.executable, "-c", poison, str(export), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["ok"]


def test_a_newer_export_continues_an_older_one(export, home, tmp_path, capsys):
    older = falsified(export, tmp_path / "older.jsonl", remove_the_last_heads_and_entries)
    assert audited(export, capsys, "--older", older)["ok"]
    # The other way round, what is there now is shorter than what was exported before.
    assert "older_head_missing" in codes(audited(older, capsys, "--older", export))


def test_books_rewritten_since_the_older_export_are_named(export, home, tmp_path, capsys):
    """The issuer has the key: books rewritten and signed again are clean by themselves. An older head tells."""
    folder = tmp_path / "instance"
    shutil.copytree(home, folder)
    engine = open_engine(f"sqlite:///{folder / DATABASE_FILE}")
    take_the_guards_down(engine)
    _rewrite(engine, Keyring.load(folder / KEYRING_FILE))
    engine.dispose()
    path = tmp_path / "rewritten.jsonl"
    assert CliRunner().invoke(main, ["export-audit", str(path), "--home", str(folder)]).exit_code == 0

    assert codes(audited(path, capsys)) <= {"balance_below_zero"}
    assert "older_head_differs" in codes(audited(path, capsys, "--older", export))
    kept = of_type(read_lines(export), "head")[-1]
    assert "older_head_differs" in codes(audited(path, capsys, "--head", f"{kept['size']}:{kept['root']}"))


def test_a_head_kept_on_paper_is_compared(export, capsys):
    head = of_type(read_lines(export), "head")[-1]
    grouped = " ".join(head["root"][start : start + 8] for start in range(0, 64, 8)).upper()
    assert audited(export, capsys, "--head", f"{head['size']}:{grouped}")["ok"]
    assert codes(audited(export, capsys, "--head", f"{head['size']}:{'0' * 64}")) == {"older_head_differs"}
    assert codes(audited(export, capsys, "--head", f"99999999:{head['root']}")) == {"older_head_missing"}


def test_people_are_told_in_french(export, tmp_path, capsys):
    assert audit([str(export)], program="audit") == 0
    printed = capsys.readouterr().out
    assert "aucune anomalie" in printed
    assert "512100" in printed
    assert "Remboursé" in printed
    path = falsified(export, tmp_path / "falsified.jsonl", change_an_amount)
    assert audit([str(path)], program="audit") == 1
    assert "n’est plus celle qui a été enregistrée" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_said_so_and_the_status_is_two(tmp_path, capsys):
    assert audit([str(tmp_path / "absent.jsonl")], program="audit") == 2
    assert "lecture impossible" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        audit([str(tmp_path), "--head", "12:abc"], program="audit")
    assert ended.value.code == 2


def test_the_command_line_has_it_too(export):
    answer = CliRunner().invoke(main, ["audit", str(export), "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["ok"]
    assert "--older" in CliRunner().invoke(main, ["audit", "--help"]).stdout


def test_an_export_that_cannot_be_written_is_said_so(home, tmp_path):
    answer = CliRunner().invoke(main, ["export-audit", str(tmp_path / "no" / "x.jsonl"), "--home", str(home)])
    assert answer.exit_code == 1
    assert "Impossible d’écrire" in answer.output


def _canonical(entry):
    return [
        1, 1, entry["number"], entry["kind"], entry["happened_at_ms"], entry["recorded_at_ms"], entry["accounted_on"],
        entry["caller"], entry["key_digest"], entry["request_digest"], entry["reverses"], entry["reference"],
        entry["transfers"],
    ]  # fmt: skip


def _rewrite(engine, keyring):
    """Change the reference of an entry in the database, hash it again, seal the whole log again with our own key."""
    run(engine, "UPDATE journal_entries SET reference = 'REWRITTEN' WHERE id = 5")
    with reading(engine) as db:
        leaf = entry_of(db, territory_id=1, entry_id=5).entry.leaf_hash()
    run(engine, "UPDATE journal_entries SET leaf_hash = :leaf WHERE id = 5", leaf=leaf)
    run(engine, "DELETE FROM log_heads")
    transact(engine, seal, territory_id=1, sign=keyring.sign, now_ms=1)
