"""A person who knows accounting follows one euro by links alone, from the decision to the shop's bank line and back."""

import datetime
import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from merchants import app as merchants_app
from monnaie_locale.closing import app as closing_app
from monnaie_locale.database.transaction import transact
from monnaie_locale.exports import app as exports_app
from monnaie_locale.identity.roles import Role
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.office import app as office_app
from monnaie_locale.programmes import app as programmes_app
from monnaie_locale.programmes.operations.distributing import approve_distribution, prepare_distribution
from monnaie_locale.programmes.operations.paying_out import post_distribution
from monnaie_locale.reconciliation import app as bank_app
from monnaie_locale.reconciliation.decisions import By, decide
from monnaie_locale.reconciliation.model import Item, Resolution, Share
from tests.factories.guarantee import guaranteed
from tests.factories.ledger import World
from tests.factories.market import issue
from tests.factories.month import CHECKER, MAKER, Month2026, moment, open_month_in
from tests.factories.site import Site, build_site
from wallets import app as wallets_app

LINK = re.compile(r'<a [^>]*?href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)
DECISION, STATEMENT = "Décision DEL-2026-31", r"Relevé REL-2026-10-"


def init(app: Flask) -> None:
    for package in (programmes_app, wallets_app, merchants_app, office_app, bank_app, exports_app, closing_app):
        package.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=init)


@pytest.fixture
def month(site: Site) -> Month2026:
    """A month where 300 € come in, two households receive them, pay a shop each, and both shops are paid."""
    month = open_month_in(World(site.rt.engine), keyring=site.rt.keyring)
    wallets = [issue(month.world, month.keyring, reference=reference).wallet_id for reference in ("A", "B")]
    month.import_(month.first_statement(), now=moment(11))
    common = {"territory_id": month.territory_id, "now": moment(12)}
    prepared = transact(
        site.rt.engine,
        prepare_distribution,
        programme_id=1,
        lines=list(zip(wallets, (20_000, 10_000), strict=True)),
        expires_on=datetime.date(2026, 12, 31),
        label="Octobre",
        actor=MAKER,
        **common,
    )
    posted = {"distribution_id": prepared.distribution_id, "actor": CHECKER}
    transact(site.rt.engine, approve_distribution, **posted, **common)
    post_distribution(site.rt.engine, **posted, **common)
    for wallet, shop, cents in zip(wallets, month.shops, (1_250, 4_000), strict=True):
        month.world.charge(wallet, shop.id, cents)
    guaranteed(site.rt.engine, 1_000)
    guarantee = month.world.account(AccountKind.OFFLINE_GUARANTEE, programme=1)
    month.world.do(EntryKind.CHARGE, Draw((guarantee,), month.world.shop(month.shops[0].id), 300))
    payout = month.pay()
    # The bank does not say whose the second transfer is: a person does.
    named = f"<Refs><EndToEndId>{payout.lines[1].end_to_end_id}</EndToEndId></Refs>".encode()
    month.import_(month.second_statement(payout).replace(named, b""))
    by = By(territory_id=1, actor=MAKER, note="Seul virement de ce montant", now=moment(2, 11))
    cents = payout.lines[1].amount_cents
    settled = Item(
        kind=Resolution.PAYOUT_SETTLED, reference=payout.lines[1].end_to_end_id, amount_cents=cents
    )  # fmt: skip
    share = Share(bank_statement_id=2, line_no=2, part_no=1, amount_cents=-cents)
    transact(site.rt.engine, decide, by=by, shares=[share], items=[settled])
    # The shop's page shows the month that runs.
    site.clock.now = moment(31)
    return month


class Reader:
    """Somebody at the back office, who only ever follows a link of the page in front of them."""

    def __init__(self, client: FlaskClient, address: str) -> None:
        self.client = client
        self.visited: list[str] = []
        self._open(address)

    def _open(self, address: str) -> None:
        path, _, anchor = address.partition("#")
        response = self.client.get(path)
        assert response.status_code == 200, path
        self.page = response.text
        assert not anchor or f'id="{anchor}"' in self.page, address
        self.visited.append(path)

    def follow(self, words: str, *, inside: str = "") -> None:
        """Follow the first link whose words match, inside the part of the page that begins with `inside`."""
        part = self.page[self.page.index(inside) :] if inside else self.page
        for address, label in LINK.findall(part):
            if re.search(words, html.unescape(re.sub(r"<[^>]+>", "", label))):
                self._open(html.unescape(address))
                return
        raise AssertionError(f"no link « {words} » on {self.visited[-1]}")


def test_one_euro_from_the_decision_to_the_shops_bank_line_and_back(site: Site, month: Month2026) -> None:
    del month
    reader = Reader(site.client_of(Role.ACCOUNTANT), "/bureau/dispositifs")
    reader.follow("Aide alimentaire")
    assert "DEL-2026-31" in reader.page
    reader.follow("^n°", inside="Appels de fonds")
    assert "Suivre un euro" in reader.page
    # Down: the distribution, a purse, what it paid, the shop, its transfer, the bank's debit.
    reader.follow("Distribution « Octobre »", inside="Où il va")
    reader.follow("^n°", inside="Qui reçoit combien")
    reader.follow("^n°", inside="mouvementé")
    assert ": encaissement" in reader.page.lower()
    charge = reader.visited[-1]
    reader.follow("Le commerce", inside="Où il va")
    reader.follow("^n°", inside="Opérations du mois")
    while reader.visited[-1] != charge:
        reader.follow("Encaissement", inside="D’où il vient")
    reader.follow("^Virement ", inside="Où il va")
    order = reader.visited[-1]
    reader.follow("Débit par la banque", inside="Où il va")
    reader.follow(STATEMENT, inside="Où il va")
    assert reader.visited[-1].startswith("/bureau/banque/")

    # And back, from the bank's line: the debit, the payout, the order, the charge, the purse's aid, the decision.
    reader.follow("^n°", inside='id="ligne-1-1"')
    reader.follow("Virement groupé", inside="D’où il vient")
    reader.follow("^n°", inside="Les lignes")
    assert reader.visited[-1] == order
    reader.follow(r"Encaissement.* 12,50", inside="D’où il vient")
    assert reader.visited[-1] == charge
    reader.follow("Distribution|distribution", inside="D’où il vient")
    reader.follow("Distribution n° 1", inside="D’où il vient")
    reader.follow("Aide alimentaire")
    assert "DEL-2026-31" in reader.page
    reader.follow("^n°", inside="Appels de fonds")
    reader.follow(STATEMENT, inside="D’où il vient")
    assert "F00001" in reader.page or "CCAS" in reader.page
    reader.follow("^n°", inside='id="ligne-1-1"')
    reader.follow(DECISION, inside="D’où il vient")
    assert reader.visited[-1] == "/bureau/dispositifs/1"


def test_one_euro_through_a_bank_line_that_a_person_decided(site: Site, month: Month2026) -> None:
    del month
    reader = Reader(site.client_of(Role.ACCOUNTANT), "/bureau/banque/2")
    # Back: what waited, what a person said it was, the order, what the shop took, the aid.
    reader.follow("^n°", inside='id="ligne-2-1"')
    assert "Mouvement bancaire à classer" in reader.page
    reader.follow("Virement débité par la banque", inside="Où il va")
    decided = reader.visited[-1]
    reader.follow("Ordre de virement", inside="D’où il vient")
    order = reader.visited[-1]
    reader.follow("Encaissement", inside="D’où il vient")
    reader.follow("Distribution du", inside="D’où il vient")
    # And down again, to the line of the statement.
    reader.follow("Encaissement", inside="Où il va")
    reader.follow("^Virement ", inside="Où il va")
    assert reader.visited[-1] == order
    reader.follow("Débit par la banque", inside="Où il va")
    assert reader.visited[-1] == decided
    reader.follow(STATEMENT, inside="Où il va")
    assert 'id="ligne-2-1"' in reader.page


def test_one_euro_through_the_offline_guarantee(site: Site, month: Month2026) -> None:
    del month
    reader = Reader(site.client_of(Role.ACCOUNTANT), "/bureau/dispositifs/1")
    reader.follow("^n°", inside="Appels de fonds")
    funding = reader.visited[-1]
    reader.follow("Garantie hors connexion alimentée", inside="Où il va")
    guarantee = reader.visited[-1]
    reader.follow("Encaissement", inside="Où il va")
    assert "467700" in reader.page
    charge = reader.visited[-1]
    reader.follow("^Virement ", inside="Où il va")
    reader.follow("Débit par la banque", inside="Où il va")
    reader.follow(STATEMENT, inside="Où il va")

    reader.follow("^n°", inside='id="ligne-1-1"')
    reader.follow("Ordre de virement", inside="D’où il vient")
    reader.follow("Encaissement", inside="D’où il vient")
    assert reader.visited[-1] == charge
    reader.follow("Garantie hors connexion alimentée", inside="D’où il vient")
    assert reader.visited[-1] == guarantee
    reader.follow("Financement", inside="D’où il vient")
    assert reader.visited[-1] == funding
    reader.follow(DECISION, inside="D’où il vient")


def test_a_shop_shows_its_earlier_months_when_the_euro_is_followed_later(site: Site, month: Month2026) -> None:
    del month
    site.clock.advance(days=60)
    reader = Reader(site.client_of(Role.AUDITOR), "/bureau/commercants/1")
    assert "Aucune opération ce mois-ci." in reader.page
    reader.follow("^Novembre 2026")
    reader.follow("^Octobre 2026")
    with pytest.raises(AssertionError, match="no link"):
        reader.follow("^Septembre 2026")  # the shop was not admitted yet
    reader.follow("^Novembre 2026")
    reader.follow("^Octobre 2026")
    reader.follow("^n°", inside="Opérations du mois")
    reader.follow("^Virement ", inside="Où il va")
    reader.follow("^Le commerce", inside="D’où il vient")
    reader.follow("^Tout le compte du commerce")
    assert reader.visited[-1].startswith("/bureau/journal/comptes/")
    assert reader.client.get("/bureau/commercants/1/mois/jamais").location == "/bureau/commercants/1"


def test_a_page_without_the_right_to_read_the_journal_has_no_link_to_it(site: Site, month: Month2026) -> None:
    del month
    shown = site.client_of(Role.AGENT).get("/bureau/dispositifs/1").text
    assert "/bureau/journal/" not in shown
    assert "/bureau/journal/" in site.client_of(Role.AUDITOR).get("/bureau/dispositifs/1").text
