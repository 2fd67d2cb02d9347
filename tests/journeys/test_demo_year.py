"""A few months of the demonstration's year: closed one after the other as in the back office, each document judged.

The whole year is `monnaie-locale demo --months 12`, judged by `python -m tests.judges.month FOLDER`.
"""

import datetime
import itertools
import json

import openpyxl
import pikepdf
import pytest

from monnaie_locale.closing.documents import kept_documents
from monnaie_locale.closing.queries import close_of_month, closes_of
from monnaie_locale.commands.verification import verify_installation
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo.invitations import still_alive
from monnaie_locale.demo.ordinary import draw_month
from monnaie_locale.demo.run import run_demo
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import Month
from monnaie_locale.programmes.model import Category
from monnaie_locale.runtime import DATABASE_FILE, KEYRING_FILE
from tests.judges.month import judge, judge_months

MONTHS = 3
YEAR = "2026"
NAMES = ["2026-10", "2026-11", "2026-12"]


def few_months(out):
    shown = run_demo(out=out, seed=7, households=12, shops=4, charges=60, months=MONTHS)
    shown.rt.stop()
    return shown


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    lived = few_months(tmp_path_factory.mktemp("year") / "out")
    assert lived.is_clean
    return lived


@pytest.fixture(scope="module")
def out(shown):
    return shown.home.parent


def files(out):
    return {f"{name}/{path.name}": path.read_bytes() for name in (YEAR, *NAMES) for path in (out / name).iterdir()}


def test_each_month_is_closed_by_two_people_and_its_documents_are_those_kept(out):
    engine = open_engine(f"sqlite:///{out / 'instance' / DATABASE_FILE}")
    keyring = Keyring.load(out / "instance" / KEYRING_FILE)
    with reading(engine) as db:
        assert [str(close.month) for close in closes_of(db, territory_id=1)] == NAMES[::-1]
        for name in NAMES:
            close = close_of_month(db, territory_id=1, month=Month.parse(name))
            assert close.is_closed
            assert close.prepared_by != close.approved_by
            kept = kept_documents(db, territory_id=1, close_id=close.close_id)
            assert {file.name: file.content for file in kept}.items() <= {
                path.name: path.read_bytes() for path in (out / name).iterdir()
            }.items()
        assert verify_installation(db, territory_id=1, public_key_pem=keyring.public_key_pem).findings == ()
    engine.dispose()


@pytest.mark.usefixtures("hledger")
def test_every_document_of_every_month_and_of_the_year_passes_its_judge(out):
    assert judge_months(out) == {}
    kinds = {path.suffix for folder in (YEAR, *NAMES) for path in (out / folder).iterdir()}
    assert kinds == {".pdf", ".csv", ".xlsx", ".xml", ".txt", ".json", ".beancount", ".hledger"}


@pytest.mark.usefixtures("hledger")
@pytest.mark.parametrize(
    ("name", "there", "instead"),
    [
        ("2026-11/journal.beancount", "1", "2"),
        ("2026-11/payouts.xml", "<PmtMtd>TRF<", "<PmtMtd>XXX<"),
        ("2026-11/trial-balance.csv", ",0", ",1"),
        ("2026-11/balance-2026-11.csv", "\nTotal;", "\n471000;;;;1,00;;1,00;\nTotal;"),
        ("2026-11/journal-2026-11.csv", "Nombre de lignes;", "Nombre de lignes;1"),
        ("2026-12/grand-livre-2026-12.csv", "\nTotal;", "\n"),
        ("2026-12/grand-livre-2026-12.csv", "\nTotal du compte 512100;", "\nTotal du compte 512101;"),
        ("2026/journal-2026.hledger", "  0 EUR = ", "  1 EUR = "),
        ("2026/000000018FEC20261231.txt", "\t512100\t", "\tBQ1\t"),
    ],
)
def test_each_judge_sees_a_fault(out, tmp_path, name, there, instead):
    content = (out / name).read_text("utf-8-sig")
    assert there in content
    wrong = tmp_path / name.rpartition("/")[2]
    wrong.write_text(content.replace(there, instead, 1))
    assert judge(wrong)


def test_the_judges_of_workbooks_and_of_paper_see_a_fault_and_nothing_stays_unjudged(out, tmp_path):
    workbook = openpyxl.load_workbook(out / "2026" / "reddition-balance-2026.xlsx")
    workbook.worksheets[0].cell(row=2, column=5).value = 0.01
    workbook.save(tmp_path / "reddition-balance-2026.xlsx")
    assert "total of Mouvements débit" in judge(tmp_path / "reddition-balance-2026.xlsx")
    with pikepdf.open(out / "2026-11" / "balance-2026-11.pdf") as pdf:
        del pdf.Root.StructTreeRoot
        pdf.save(tmp_path / "balance.pdf")
    assert "structure" in judge(tmp_path / "balance.pdf")
    (tmp_path / "letter.txt").write_text("?")
    assert judge(tmp_path / "letter.txt") == ["nobody judges this"]


def test_each_certificate_begins_where_the_one_before_ended(out):
    certificates = [json.loads((out / name / "close-certificate.json").read_text())["certificate"] for name in NAMES]
    sizes = [certificate["log_head"]["size"] for certificate in certificates]
    assert sizes == sorted(sizes)
    for before, after in itertools.pairwise(certificates):
        assert after["entries"]["first"] > before["entries"]["last"]
    assert all(certificate["reserve_cents"] >= certificate["owed_cents"] for certificate in certificates)


def test_the_same_seed_draws_the_same_month_and_another_does_not():
    def drawn(seed):
        return draw_month(
            seed=seed, month=Month(2027, 2), households=20, categories=(Category.FOOD, Category.HYGIENE), charges=30
        )

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert all(step.at.month == 2 for step in drawn(1).steps)


def test_a_year_begun_again_is_the_same_to_the_last_byte(out):
    before = files(out)
    few_months(out)
    assert files(out) == before


def test_a_year_may_begin_in_the_shortest_month(tmp_path):
    shown = run_demo(out=tmp_path / "out", seed=7, households=12, shops=4, charges=60, first=Month(2026, 2))
    shown.rt.stop()
    assert shown.is_clean
    assert str(shown.ended.close.month) == "2026-02"


def test_what_is_still_to_spend_counts_what_later_months_gave(shown):
    # The mobility aid of the first month ends with 2027, as does December's; the food aid of all of them with 2026.
    assert {grants.expires_on.year for grants in shown.grants} == {2026, 2027}
    assert len(shown.grants) > len(shown.plan.grants)
    told = still_alive(shown.grants, now=datetime.datetime(2027, 1, 5, tzinfo=datetime.UTC))
    assert (
        told == "Aide alimentaire : périmée depuis le 31/12/2026. Aide à la mobilité : à dépenser jusqu’au 31/12/2027."
    )
