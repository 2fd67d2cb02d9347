"""A shop's month on its till says what its statement on paper says: the transfer, the fee, the minimum, the chèques."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

import merchants.app
import wallets.app
from merchants.model import PayoutTerms
from merchants.payouts.cap_claims import record_certification
from merchants.payouts.operations import approve_payout, prepare_payout
from merchants.payouts.terms import set_payout_terms
from monnaie_locale.database.transaction import transact
from monnaie_locale.ledger.entries import EntryKind
from monnaie_locale.ledger.posting import Draw
from monnaie_locale.programmes.model import LegalBasis
from tests.factories import programmes
from tests.factories.market import Market, market_at
from tests.factories.merchants import APPROVER, MANAGER, admit, pairing
from tests.factories.site import Site, build_site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
CHEQUES = 3


def with_shops(app: Flask) -> None:
    wallets.app.init_app(app)
    merchants.app.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine, init=with_shops)
    yield built
    built.rt.stop()


@pytest.fixture
def market(site: Site) -> Market:
    return market_at(site)


@pytest.fixture
def till(site: Site, market: Market) -> FlaskClient:
    _, code = pairing(market.world, market.merchant, label="Caisse 2")
    client = site.app.test_client()
    client.post(f"/caisse/appairer/{code}")
    return client


def month_of(till: FlaskClient, month: str = "2026-10") -> str:
    """Return the words of the page, without its tags."""
    answer = till.get(f"/caisse/mois/{month}")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def decide(market: Market, *, minimum_cents: int, fee_basis_points: int) -> None:
    terms = PayoutTerms(pain_version="09", minimum_cents=minimum_cents, fee_basis_points=fee_basis_points)
    transact(market.engine, set_payout_terms, territory_id=1, terms=terms, actor=APPROVER, now=market.now)


def pay(market: Market, *, minimum_cents: int | None = None) -> None:
    day = market.now.date()
    prepared = transact(
        market.engine, prepare_payout, territory_id=1, label="Octobre", cutoff_on=day, execution_on=day, actor=MANAGER,
        now=market.now, minimum_cents=minimum_cents,
    )  # fmt: skip
    transact(
        market.engine, approve_payout, territory_id=1, payout_id=prepared.id, actor=APPROVER, now=market.now
    )  # fmt: skip


def take_cheques(market: Market, cents: int) -> None:
    world = market.world
    programmes.programme(market.engine, "Chèques", legal_basis=LegalBasis.CAP)
    world.fund(100_000, CHEQUES)
    world.issue(market.card.wallet_id, 50_000, CHEQUES)
    world.do(EntryKind.CHARGE, Draw((world.purse(market.card.wallet_id, CHEQUES),), world.shop(1), cents))


def test_a_month_without_anything_says_nothing_of_transfers(till: FlaskClient):
    assert "Virement du mois" not in month_of(till)


def test_a_shop_that_is_not_paid_yet_reads_the_minimum_and_a_fee_only_where_there_is_one(
    till: FlaskClient, market: Market
):
    market.charge(1_250)
    said = month_of(till)
    assert "Un virement est fait à partir de 1,00 €." in said
    assert "Aucun virement n’est encore ordonné pour ce mois." in said
    assert "Frais de l’émetteur" not in said
    decide(market, minimum_cents=2_000, fee_basis_points=50)
    assert "Un virement est fait à partir de 20,00 €. Frais de l’émetteur : 0,50 % du montant brut." in month_of(till)


def test_the_transfer_its_fee_and_the_cheques_that_wait_are_there(till: FlaskClient, market: Market):
    market.charge(1_250)
    take_cheques(market, 3_000)
    decide(market, minimum_cents=500, fee_basis_points=50)
    pay(market)

    said = month_of(till)

    assert (
        "Montant brut 12,50 € Frais de l’émetteur −0,06 € Virement ordonné 12,44 € Date du virement 5 octobre" in said
    )
    assert "Frais de l’émetteur : 0,50 % du montant brut." in said
    assert "à partir de" not in said
    assert "30,00 € de chèques d’accompagnement personnalisé ne sont pas payés" in said
    assert "personnalisé 2026 Certification de l’usage À certifier : 30,00 € attendent À présenter jusqu’au" in said
    assert "28 février 2027 Encaissé 30,00 € Non payé 30,00 €" in said
    assert "Rendu au CCAS" not in said
    # The next month pays nothing and has no operation; the chèques of the year still wait.
    after = month_of(till, "2026-11")
    assert "À certifier" in after
    assert "Montant brut" not in after


def test_certified_cheques_do_not_wait_any_more(till: FlaskClient, market: Market):
    take_cheques(market, 3_000)
    transact(
        market.engine, record_certification, territory_id=1, merchant_id=1, year=2026, document="attestation n° 7",
        actor=MANAGER, now=market.now,
    )  # fmt: skip
    said = month_of(till)
    assert "Certifié le 05/10/2026 (attestation n° 7)" in said
    assert "Encaissé 30,00 € Non payé 0,00 €" in said
    assert "ne sont pas payés" not in said


def test_the_words_are_those_of_the_shop_alone(site: Site, market: Market, till: FlaskClient):
    other = admit(market.world, 2)
    take_cheques(market, 3_000)
    _, code = pairing(market.world, other, label="Caisse 1")
    stranger = site.app.test_client()
    stranger.post(f"/caisse/appairer/{code}")
    assert "À certifier" in month_of(till)
    assert "Virement du mois" not in month_of(stranger)
    assert till.get("/caisse/mois/9999-12").status_code == 200
