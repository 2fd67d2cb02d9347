"""The demonstration's files before judges that others wrote, and the promise that a seed gives the same bytes."""

import csv
import datetime
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pymerkle
import pypdf
import pypdfium2
import pytest
import xmlschema
import zxingcpp
from beancount import loader
from beancount.core import data
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from lxml import etree

from merchants.charging.charge import find_charge
from merchants.model import OFFLINE_CAPS
from merchants.offline.charges import refused_offline
from monnaie_locale.database.engine import open_engine
from monnaie_locale.database.transaction import reading
from monnaie_locale.demo import output, plan, town
from monnaie_locale.demo.appointments import Appointments
from monnaie_locale.demo.counter import Surprise
from monnaie_locale.demo.drawing import draw_plan
from monnaie_locale.demo.output import FolderInUse
from monnaie_locale.demo.plan import ACCEPTED, Charge, Refund
from monnaie_locale.demo.summary import REFUSED, market_rows, market_title, months_title, table
from monnaie_locale.journal.queries import entries, owners_of
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.periods import PARIS
from monnaie_locale.runtime import DATABASE_FILE
from tests.factories import demo as small
from tests.judges.fec import check_fec

# What the keys of the market day posted, in cents; None is what nobody paid.
MARKET_CENTS = {
    "small": 1_240,
    "large-unpinned": None,
    "large": 4_500,
    "phone": 800,
    "phone-again": None,
    "lost-answer": 600,
    "lost-request": None,
    "lost-request-again": 750,
    **{f"offline-{number}": cents for number, cents in enumerate((420, 1_100, 1_500, 330, 830, 900, None))},
    "short": None,
    "merged": None,
}
SCHEMAS = "tests/data/xsd"
FIRST_DAY, LAST_DAY = datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, small.small_demo(out)


@pytest.fixture(scope="module")
def out(shown):
    return shown[0]


@pytest.fixture(scope="module")
def leaves(shown):
    engine = open_engine(f"sqlite:///{shown[1].home / DATABASE_FILE}")
    with reading(engine) as db:
        found = [posted.entry.canonical_bytes() for posted in entries(db, territory_id=1)]
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def certificate(out):
    return json.loads((out / "close-certificate.json").read_text())


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def small_plan(seed):
    categories = tuple(shop.category for shop in town.shops(small.SHOPS))
    return draw_plan(
        seed=seed, days=Appointments(), households=small.HOUSEHOLDS, categories=categories, charges=small.CHARGES
    )


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(out, tmp_path):
    small.small_demo(tmp_path / "again")
    small.small_demo(tmp_path / "other", seed=8)
    first, again, other = files(out), files(tmp_path / "again"), files(tmp_path / "other")
    assert first == again
    assert len(first) >= 10
    for name in ("journal.beancount", "payouts.xml", "cards.pdf", "close-certificate.json", "statement-2026-10-29.xml"):
        assert first[name] != other[name]


def test_every_file_promised_is_there(shown):
    out, demo = shown
    names = set(files(out))
    visited = {step.shop for step in demo.plan.steps if isinstance(step, Charge) and step.expects == ACCEPTED}
    visited |= {demo.plan.market_day.shop, demo.plan.market_day.neighbour}
    assert {"cards.pdf", "payouts.xml", "journal.beancount", "trial-balance.csv"} <= names
    assert {"reconciliation.pdf", "close-certificate.json", "000000018FEC20261231.txt"} <= names
    assert len([name for name in names if re.fullmatch(r"statement-2026-10-\d\d\.xml", name)]) == 3
    assert len([name for name in names if re.fullmatch(r"statement-C\d{4}-2026-10\.pdf", name)]) == len(visited)


def test_the_bank_accepts_our_order_and_its_statements_are_statements(out):
    xmlschema.XMLSchema(f"{SCHEMAS}/pain.001.001.09.xsd").validate(out / "payouts.xml")
    camt = xmlschema.XMLSchema(f"{SCHEMAS}/camt.053.001.08.xsd")
    for path in out.glob("statement-*.xml"):
        camt.validate(path)
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        camt.validate(out / "payouts.xml")


def test_the_bank_shows_the_transfers_a_fee_a_return_and_the_top_up(out):
    texts = [(out / f"statement-2026-10-{day}.xml").read_text() for day in ("29", "30")]
    ordered = etree.parse(out / "payouts.xml").findall(".//{*}EndToEndId")
    assert all(each.text in texts[0] for each in ordered)
    assert "CHRG" in texts[0]
    assert "AC04" in texts[1]
    assert "COMPLEMENT RESERVE" in texts[1]


def test_the_tax_office_reads_the_fec(out):
    (path,) = out.glob("*FEC*.txt")
    content = path.read_bytes()
    assert check_fec(content, name=path.name, first_day=FIRST_DAY, last_day=LAST_DAY) == []
    altered = content.replace(b",00\t0,00\t", b",01\t0,00\t", 1)
    assert "balance" in check_fec(altered, name=path.name, first_day=FIRST_DAY, last_day=LAST_DAY)


def test_bean_check_accepts_the_journal(out, tmp_path):
    command = [sys.executable, "-m", "beancount.scripts.check", str(out / "journal.beancount")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    wrong = tmp_path / "wrong.beancount"
    text = (out / "journal.beancount").read_text()
    wrong.write_text(re.sub(r"(\d+)\.(\d\d) EUR", lambda found: f"{int(found[1]) + 1}.{found[2]} EUR", text, count=1))
    assert subprocess.run([*command[:-1], str(wrong)], capture_output=True, check=False).returncode != 0


def test_beancount_and_the_trial_balance_hold_the_same_cents(out):
    found, errors, _ = loader.load_file(str(out / "journal.beancount"))
    assert not errors
    held = 0
    for entry in data.sorted(found):
        if isinstance(entry, data.Transaction):
            for posting in entry.postings:
                amount = posting.units.number
                held += int(amount * 100) if amount > 0 else 0
    rows = list(csv.reader(io.StringIO((out / "trial-balance.csv").read_text("utf-8-sig")), delimiter=";"))
    header, *lines = rows
    debit = next(place for place, name in enumerate(header) if "bit" in name.lower())
    totals = [int(line[debit].replace(",", "").replace(".", "")) for line in lines if line[0][:1].isdigit()]
    assert sum(totals) == held


def test_every_card_of_the_sheet_is_decoded(shown):
    out, demo = shown
    document = pypdfium2.PdfDocument(out / "cards.pdf")
    pages = [page.render(scale=150 / 72, grayscale=True).to_pil() for page in document]
    codes = [found.text for page in pages for found in zxingcpp.read_barcodes(page)]
    tokens = {card.token for card in demo.ended.first_cards}
    assert {code.rpartition("/")[2] for code in codes} == tokens
    assert len(codes) == small.HOUSEHOLDS


def test_every_document_is_tagged_speaks_french_and_says_it_is_a_demonstration(out):
    for path in out.glob("*.pdf"):
        root = pypdf.PdfReader(path).trailer["/Root"]
        assert root["/MarkInfo"]["/Marked"]
        assert root["/Lang"].startswith("fr")
        text = pypdfium2.PdfDocument(path)[0].get_textpage().get_text_range()
        assert "SPÉCIMEN" in text, path.name


def test_the_certificate_is_signed_by_the_key_it_names(certificate):
    body, signature = certificate["certificate"], bytes.fromhex(certificate["signature"])
    key = load_pem_public_key(body["public_key"].encode())
    signed = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    key.verify(signature, signed)
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed.replace(b'"2026-10"', b'"2026-11"'))


def test_strangers_compute_the_same_merkle_root(certificate, leaves):
    head = certificate["certificate"]["log_head"]
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves[: head["size"]]:
        tree.append_entry(leaf)
    assert tree.get_root().hex() == head["root"]
    assert len(leaves) == head["size"]


def test_a_leaf_less_is_another_root(certificate, leaves):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves[:-1]:
        tree.append_entry(leaf)
    assert tree.get_root().hex() != certificate["certificate"]["log_head"]["root"]


def test_the_month_shows_one_of_each_thing(shown):
    tally = shown[1].ended.counters.tally
    assert set(tally.refused) == set(REFUSED)
    assert min(tally.charges, tally.partial, tally.several_purses, tally.late, tally.retries, tally.refunds) > 0
    assert shown[1].ended.verdict.ok
    assert shown[1].ended.close.is_closed
    prepared, approved = shown[1].ended.close.prepared_by, shown[1].ended.close.approved_by
    assert prepared != approved


def test_a_payment_draws_on_two_programmes(shown):
    engine = open_engine(f"sqlite:///{shown[1].home / DATABASE_FILE}")
    with reading(engine) as db:
        charges = [posted.entry for posted in entries(db, territory_id=1) if posted.entry.kind is EntryKind.CHARGE]
        drawn = [{line.debit_account_id for line in entry.transfers} for entry in charges]
        owners = owners_of(db, territory_id=1, account_ids=set().union(*drawn))
    engine.dispose()
    assert max(len({owners[account].programme_id for account in accounts}) for accounts in drawn) == 2


def test_the_market_day_is_in_the_books_to_the_cent(shown):
    stall = shown[1].ended.market.stall
    engine = open_engine(f"sqlite:///{shown[1].home / DATABASE_FILE}")
    found = {
        key: find_charge(engine, territory_id=1, till=stall.till, idempotency_key=f"market-{key}")
        for key in (*MARKET_CENTS, "part", "refund")
    }
    with reading(engine) as db:
        posted = {one.entry.entry_id: one.entry for one in entries(db, territory_id=1)}
        unpaid = refused_offline(db, territory_id=1, merchant_id=stall.till.merchant_id)
    engine.dispose()
    assert {key: found[key] and found[key].amount_cents for key in MARKET_CENTS} == MARKET_CENTS
    # The second household held so much that morning: all of it was spent, at the counter, again after a lost request,
    # twice without network, and last in part.
    assert found["part"].amount_cents == stall.day.held_cents[1] - 980 - 750 - 1_100 - 830
    assert [found[f"offline-{number}"].is_late for number in range(6)] == [True] * 6
    assert [found[f"offline-{number}"].guaranteed_cents for number in range(6)] == [0, 0, 0, 0, 0, 600]
    assert [(one.amount_cents, one.acknowledged_at_ms is not None) for one in unpaid] == [(1_400, True)]
    (moved,) = [entry for entry in posted.values() if entry.kind is EntryKind.WALLET_MOVE]
    mobility = next(grants for grants in shown[1].plan.grants if grants.aid is plan.Aid.MOBILITY)
    assert moved.amount_cents == 980 + dict(mobility.lines).get(stall.day.households[1], 0)
    refunded = posted[found["refund"].entry_id]
    assert posted[int(refunded.reference.removeprefix("CHARGE:"))].amount_cents == refunded.amount_cents == 980


def test_the_market_day_is_told_in_french(shown):
    told = table(market_rows(shown[1].ended.market.stall.events), title=market_title(shown[1].plan))
    assert "25/10/2026" in told
    for words in (
        "11:10  Le réseau tombe",
        "6 payés (50,80\N{NO-BREAK SPACE}€), 1 non payé",
        "dont 6,00\N{NO-BREAK SPACE}€ par la garantie",
        "27/10 10:15  Retour",
        "par deux personnes",
    ):
        assert words in told


def test_the_demonstration_stops_when_the_market_does_not_end_as_planned(tmp_path, monkeypatch):
    lower = replace(OFFLINE_CAPS, payment_cents=1_000)
    monkeypatch.setattr("merchants.offline.limits.OFFLINE_CAPS", lower)
    with pytest.raises(Surprise, match="instead of"):
        small.small_demo(tmp_path / "out")


def test_every_plan_is_in_the_order_of_time_and_in_shop_hours():
    for seed in range(1, 6):
        moments = [step.at for step in small_plan(seed).steps]
        assert moments == sorted(moments)
        assert {moment.tzinfo for moment in moments} == {datetime.UTC}
        payments = [step for step in small_plan(seed).steps if isinstance(step, Charge)]
        hours = {step.at.astimezone(PARIS).hour for step in payments}
        assert hours <= set(range(9, 20))


def test_keys_are_used_once_except_where_the_plan_says_so():
    steps = [step for step in small_plan(3).steps if isinstance(step, Charge | Refund)]
    fresh = [step.key for step in steps if step.expects == ACCEPTED and not getattr(step, "retries", False)]
    assert len(fresh) == len(set(fresh))


def test_the_demonstration_stops_at_the_first_surprise(tmp_path, monkeypatch):
    # The pocket model is made to believe in a PIN-free limit that the service does not know.
    monkeypatch.setattr("monnaie_locale.demo.pocket.UNPINNED_COUNT_MAX", 50)
    monkeypatch.setattr("monnaie_locale.demo.pocket.UNPINNED_TOTAL_MAX_CENTS", 10_000_000)
    with pytest.raises(Surprise, match="pin_required"):
        small.small_demo(tmp_path / "out")


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderInUse):
        output.claim(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_demonstration_is_replaced_and_what_is_beside_it_stays(out, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(out, folder)
    (folder / "notes.txt").write_text("mine")
    output.claim(folder)
    assert sorted(path.name for path in folder.iterdir()) == [output.MARKER, "instance", "notes.txt"]
    assert list((folder / "instance").iterdir()) == []


def test_the_files_of_the_town_are_those_of_the_repository():
    assert (
        hashlib.sha256(town.households_csv(town.households(200))).hexdigest()
        == hashlib.sha256((town_folder() / "menages.csv").read_bytes()).hexdigest()
    )
    assert len(town.shops(25)) == 25
    assert len({shop.category for shop in town.shops(25)}) == 4
    assert len({shop.siret for shop in town.shops(60)}) == 60


def town_folder():
    return output.Path(town.__file__).parent / "data"


def test_the_table_is_in_french_and_says_that_nothing_is_wrong(shown):
    text = table(shown[1].rows, title=months_title(shown[1].plan, shown[1].later))
    assert "démonstration" in text
    assert "propre" in text
    assert "carte verrouillée" in text
