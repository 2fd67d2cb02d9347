"""`import-statement` on every sample that other people wrote: taken, taken with a warning, or refused in one line.

The verdicts are the table below; a sample without a line in it fails. Then the same files, cut and garbled: the command
answers 0 or 2, never with a traceback.
"""

import json
import pathlib
import shutil

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monnaie_locale.__main__ import main
from monnaie_locale.commands.founding import found_installation
from monnaie_locale.reconciliation.errors import REFUSALS
from monnaie_locale.runtime import DATABASE_FILE, wall_clock
from tests.factories.camt import balance_xml, entry_xml, message_xml
from tests.factories.ledger import territory
from tests.factories.merchants import chance

DATA = pathlib.Path(__file__).parents[1] / "data"
FOLDERS = ("camt053", "cfonb120", "mockbank")
SAMPLES = {path.name: path for folder in FOLDERS for path in (DATA / folder).iterdir() if path.name != "SOURCES.md"}
GAP, FOREIGN, NO_BALANCE, REPEAT = "ne détaille pas", "et non en EUR", "Il manque le solde", "répète la ligne"
# Taken: the entries of each statement, and what each is warned of. Refused: the code.
VERDICTS: dict[str, list[tuple[int, bool | None, tuple[str, ...]]] | str] = {
    "bsp_camt.053.001.02.xml": [(3, True, (FOREIGN,))],
    "bsp_duplicate_same_day.xml": [(2, None, (REPEAT, NO_BALANCE))],
    "bsp_garbled_amount.xml": "statement_amount_malformed",
    "genkgo_v2_all-balance-types.xml": [(1, False, (GAP,))],
    "genkgo_v2_five.decimals.xml": [(1, False, (GAP,))],
    "genkgo_v2_multi.statement.xml": [(1, True, ()), (1, True, ())],
    "genkgo_v2_wrong.xml": "statement_absent",
    "genkgo_v4.xml": [(1, False, ("Des lignes sont en SEK", GAP))],
    "newinnovations_example-camt053-a.xml": [(7, True, ()), (4, True, ())],
    "prowide_camt.053.001.07.xml": [(0, None, (FOREIGN, NO_BALANCE))],
    "viafintech_valid_example.xml": [(4, True, ())],
    "viafintech_valid_example_v4.xml": [(13, True, (FOREIGN,))],
    "mockbank_accept_002_camt.054.001.08.xml": [(1, None, ())],
    "mockbank_accept_005_camt.053.001.08.xml": [(1, True, ())],
    "mockbank_accept_011_camt.053.001.08.xml": [(4, True, ())],
    "mockbank_accept_017_camt.053.001.08.xml": [(0, True, ())],
    "mockbank_accept_023_camt.053.001.08.xml": [(0, True, ())],
    "mockbank_accept_029_camt.053.001.08.xml": [(0, True, ())],
    "synthetic_cfonb120_2026-11.txt": [(4, True, ())],
    "001_pain.002.001.10.xml": [],
    "003_camt.054.001.08.xml": [(4, None, ())],
}
DIFFERENCES = {"genkgo_v2_all-balance-types.xml": -582, "genkgo_v2_five.decimals.xml": 5, "genkgo_v4.xml": -5_400}
OURS = message_xml(balance_xml("OPBD", 0) + balance_xml("CLBD", 500) + entry_xml(500))


def typed(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def looked_at(path, *more):
    """Return what a dry run answers where there is no installation: the file is only read."""
    return typed("import-statement", path, "--dry-run", "--json", "--home", path.parent / "nowhere", *more)


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("founded") / "home"
    found_installation(
        home=folder, territory=territory(), database_url=None, operator_login="exploitation", operator_name="Charlie",
        now=wall_clock(), random_bytes=chance(),
    )  # fmt: skip
    return folder


@pytest.fixture
def home(founded, tmp_path):
    return shutil.copytree(founded, tmp_path / "home")


def test_every_sample_has_its_verdict():
    assert set(VERDICTS) == set(SAMPLES)


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_each_sample_gets_its_verdict(name):
    verdict = VERDICTS[name]
    answer = looked_at(SAMPLES[name])
    said = json.loads(answer.stdout)
    if isinstance(verdict, str):
        assert (answer.exit_code, said["code"]) == (2, verdict)
        assert "\n" not in said["french"]
        return
    assert answer.exit_code == 0, answer.output
    assert [(each["entries"], each["sums_up"]) for each in said["statements"]] == [each[:2] for each in verdict]
    for each, (_, _, warnings) in zip(said["statements"], verdict, strict=True):
        assert len(each["warnings"]) == len(warnings)
        for words, warning in zip(warnings, each["warnings"], strict=True):
            assert words in warning
    for each in said["statements"]:
        assert each["difference_cents"] == DIFFERENCES.get(name, 0 if each["sums_up"] else None)


def test_what_a_statement_is_said_to_be():
    said = json.loads(looked_at(SAMPLES["mockbank_accept_011_camt.053.001.08.xml"]).stdout)
    assert said["format"] == "camt.053.001.08"
    assert said["imported"] is False
    (statement,) = said["statements"]
    assert statement["account"] == "FR7630006000011234567890189"
    assert (statement["opening"], statement["closing"], statement["entries"]) == ("7500.00", "7258.74", 4)
    assert (statement["sums_up"], statement["warnings"]) == (True, [])


def test_what_a_banks_answer_is_said_to_be():
    said = json.loads(looked_at(SAMPLES["001_pain.002.001.10.xml"]).stdout)
    assert said["format"] == "pain.002.001.10"
    assert [(each["status"], each["reason"]) for each in said["payments"]].count(("rejected", "AC04")) == 1


def test_a_file_of_another_account_may_be_looked_at_and_is_not_imported(home):
    sample = SAMPLES["viafintech_valid_example.xml"]
    looked = typed("import-statement", sample, "--dry-run", "--json", "--home", home)
    assert looked.exit_code == 0
    assert "n’est pas celui de la réserve" in json.loads(looked.stdout)["statements"][0]["warnings"][0]
    refused = typed("import-statement", sample, "--home", home)
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert "DE14740618130000033626" in refused.stderr


def test_a_statement_that_does_not_add_up_is_imported_with_a_warning_unless_refused(home, tmp_path):
    path = tmp_path / "statement.xml"
    path.write_bytes(
        OURS.replace(
            b'<Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>',
            b'<Amt Ccy="EUR">7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>',
        )
    )
    assert json.loads(typed("import-statement", path, "--strict", "--json", "--home", home).stdout)["code"] == (
        "statement_does_not_add_up"
    )
    answer = typed("import-statement", path, "--json", "--home", home)
    said = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert said["imported"] is True
    assert said["statements"][0]["sums_up"] is False
    assert GAP in said["statements"][0]["warnings"][0]
    assert [(line["amount_cents"], line["in_suspense"]) for line in said["lines"]] == [(500, True), (200, True)]
    assert json.loads(typed("verify", "--home", home, "--json").stdout)["ok"] is True


def test_a_folder_is_imported_once_and_only_read(home, tmp_path):
    folder = tmp_path / "bank"
    folder.mkdir()
    second = message_xml(balance_xml("OPBD", 500) + balance_xml("CLBD", 700) + entry_xml(200), identifier="REL-2")
    second = second.replace(b"2026-11-24", b"2026-11-25").replace(b"<ValDt><Dt>2026-11-25", b"<ValDt><Dt>2026-11-25")
    third = message_xml(balance_xml("OPBD", 900) + balance_xml("CLBD", 900), identifier="REL-4")
    third = third.replace(b"2026-11-24", b"2026-11-26")
    (folder / "a-second.xml").write_bytes(second)
    (folder / "b-first.xml").write_bytes(OURS)
    (folder / "c-holes.xml").write_bytes(third)
    (folder / "notes.txt").write_text("à rappeler")
    (folder / ".hidden.xml").write_bytes(OURS)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    answer = typed("import-statement", "--folder", folder, "--json", "--home", home)
    outcomes = {each["file"]: (each["outcome"], each["code"]) for each in json.loads(answer.stdout)["files"]}
    assert outcomes == {
        "a-second.xml": ("imported", None),
        "b-first.xml": ("imported", None),
        "c-holes.xml": ("refused", "statement_does_not_follow"),
        "notes.txt": ("refused", "statement_not_xml"),
    }
    assert answer.exit_code == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    (folder / "notes.txt").unlink()
    (folder / "c-holes.xml").unlink()
    again = typed("import-statement", "--folder", folder, "--home", home)
    assert again.exit_code == 0
    assert again.stdout.count("déjà importé") == 2


def test_a_file_and_a_folder_are_not_given_together(tmp_path):
    assert typed("import-statement", "--home", tmp_path).exit_code == 2
    assert typed("import-statement", SAMPLES["genkgo_v4.xml"], "--folder", tmp_path).exit_code == 2


CODES = {refusal.code for refusal in REFUSALS}
SEEDS = sorted(path.read_bytes() for path in SAMPLES.values() if path.stat().st_size < 20_000)


@st.composite
def garbled(draw, seeds=None):
    """Draw a file cut short, with bytes changed, repeated or taken out, or with one of its values replaced."""
    content = bytearray(draw(st.sampled_from(seeds or SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(["value", "value", "value", "cut", "change", "out", "twice"])):
            case "cut":
                del content[place:]
            case "change":
                content[place : place + 1] = draw(st.binary(min_size=1, max_size=3))
            case "out":
                del content[place : place + length]
            case "twice":
                content[place:place] = content[place : place + length]
            case _:
                start, end = content.find(b">", place), content.find(b"<", place + 1)
                if 0 <= start < end:
                    words = [
                        "",
                        "9" * 30,
                        "-1",
                        "0.001",
                        "2026-99-99",
                        "9999-12-31",
                        "CRDT",
                        "É\u202f",
                        " ",
                        "NaN",
                        "1e9",
                    ]
                    content[start + 1 : end] = draw(st.sampled_from(words)).encode()
    return bytes(content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(content=garbled())
def test_a_garbled_file_is_read_or_refused_in_one_line(tmp_path, content):
    path = tmp_path / "garbled"
    path.write_bytes(content)
    judge(looked_at(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(content=garbled(seeds=[OURS, SAMPLES["003_camt.054.001.08.xml"].read_bytes()]))
def test_a_garbled_statement_of_ours_leaves_all_of_it_or_nothing(home, content):
    path = home.parent / "garbled"
    path.write_bytes(content)
    fresh = shutil.copy(home / DATABASE_FILE, home.parent / "fresh")
    answer = typed("import-statement", path, "--json", "--home", home)
    judge(answer)
    verdict = json.loads(typed("verify", "--home", home, "--json").stdout)
    assert verdict["ok"] is True
    assert answer.exit_code == 0 or verdict["entries"] == 0
    for extra in home.glob(f"{DATABASE_FILE}-*"):
        extra.unlink()
    shutil.copy(fresh, home / DATABASE_FILE)


def judge(answer):
    """Fail unless the command took the file or said in one line why not."""
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exc_info
    said = json.loads(answer.stdout)
    if answer.exit_code == 0:
        assert said["format"]
    else:
        assert answer.exit_code == 2
        assert said["code"] in CODES
        assert "\n" not in said["french"]


def test_the_judge_of_garbled_files_would_see_a_traceback(monkeypatch, tmp_path):
    path = tmp_path / "any"
    path.write_bytes(OURS)

    def broken(**_):
        raise ValueError

    monkeypatch.setattr("monnaie_locale.commands.bank_files.read_bank_file", broken)
    with pytest.raises(AssertionError):
        judge(looked_at(path))
