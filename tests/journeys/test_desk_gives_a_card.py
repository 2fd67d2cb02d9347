"""The desk enrols a household, prints its card, replaces it, gives a new PIN, erases the identity."""

import base64
import io
import re

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from monnaie_locale.database.transaction import reading
from monnaie_locale.identity.roles import Role
from monnaie_locale.programmes import app as programmes_app
from tests.factories import programmes as made
from tests.factories.cards import decoded, pictures, text_of
from tests.factories.site import Site, build_site, csrf_token
from wallets import app as wallets_app


def with_wallets(app: Flask) -> None:
    programmes_app.init_app(app)
    wallets_app.init_app(app)


@pytest.fixture
def site(db_engine: Engine) -> Site:
    return build_site(db_engine, init=with_wallets)


class Desk:
    """An agent's browser."""

    def __init__(self, site: Site, *roles: Role) -> None:
        self.client = site.client_of(*roles)

    def get(self, path: str) -> str:
        page = self.client.get(path)
        assert page.status_code == 200, page.text
        return page.text

    def post(self, path: str, **values: object):
        token = csrf_token(self.client, "/bureau/menages")
        return self.client.post(path, data={"csrf_token": token, **values})


def test_a_household_gets_a_card_printed_once(site: Site) -> None:
    desk = Desk(site, Role.AGENT)
    enrolled = desk.post("/bureau/menages/nouveau", reference="D-2026-001", alias="Famille Exemple", contact="courrier")
    assert enrolled.headers["Location"] == "/bureau/menages/1"
    assert "Famille Exemple" in desk.get("/bureau/menages/1")
    assert "D-2026-001" in desk.get("/bureau/menages")

    card = desk.post("/bureau/menages/1/carte")
    assert (card.status_code, card.content_type) == (200, "application/pdf")
    assert card.data.startswith(b"%PDF")
    assert card.headers["Cache-Control"] == "no-store"
    again = desk.post("/bureau/menages/1/carte")
    assert again.status_code == 409
    assert "déjà une carte active" in again.text

    slip = desk.post("/bureau/cartes/1/code")
    assert slip.data.startswith(b"%PDF")
    replaced = desk.post("/bureau/cartes/1/remplacer")
    assert replaced.data.startswith(b"%PDF")
    assert desk.post("/bureau/cartes/2/bloquer", reason="lost").status_code == 303
    page = desk.get("/bureau/menages/1")
    assert "remplacée" in page
    assert "bloquée" in page
    refused = desk.post("/bureau/cartes/2/code")
    assert refused.status_code == 409


def test_a_household_is_found_by_its_reference_which_stays_out_of_addresses(site: Site) -> None:
    desk = Desk(site, Role.AGENT)
    desk.post("/bureau/menages/nouveau", reference="D-7")
    found = desk.post("/bureau/menages/chercher", reference="D-7")
    assert found.headers["Location"] == "/bureau/menages/1"
    assert desk.post("/bureau/menages/chercher", reference="D-8").status_code == 422


def test_a_file_enrols_everybody_or_nobody(site: Site) -> None:
    desk = Desk(site, Role.AGENT)
    bad = io.BytesIO("\ufeffréférence;alias\nM-1;Un\nM-1;Deux\n".encode())
    refused = desk.post("/bureau/menages/importer", file=(bad, "menages.csv"))
    assert refused.status_code == 422
    assert "Ligne 3" in refused.text
    assert "Aucun ménage n’est inscrit" in desk.get("/bureau/menages")

    good = io.BytesIO(b"reference,alias,contact\r\nM-1,Un,\r\nM-2,Deux,courrier\r\n")
    assert desk.post("/bureau/menages/importer", file=(good, "menages.csv")).status_code == 303
    page = desk.get("/bureau/menages")
    assert "M-2" in page
    made = desk.post("/bureau/menages/cartes").text
    steps = re.findall(r'<progress value="(\d)" max="2">', made)
    assert steps == ["1", "2", "1", "2"], "PINs, then cards"
    (inside,) = re.findall(r'download="cartes-[\d-]+\.pdf" href="data:application/pdf;base64,([^"]+)"', made)
    assert len(decoded(pictures(base64.b64decode(inside), dpi=150))) == 2
    assert "carte manquante" not in desk.get("/bureau/menages")


def test_the_desk_chooses_what_the_card_is_made_on(site: Site) -> None:
    desk = Desk(site, Role.AGENT)
    address = "12 RUE DES LILAS\r\n76530 VILLE-EXEMPLE"
    desk.post("/bureau/menages/nouveau", reference="D-1", alias="Mme Exemple", address=address)
    assert "12 RUE DES LILAS, 76530 VILLE-EXEMPLE" in desk.get("/bureau/menages/1")
    letter = desk.post("/bureau/menages/1/carte", support="letters")
    (page,) = text_of(letter.data)
    assert "Mme Exemple 12 RUE DES LILAS 76530 VILLE-EXEMPLE" in page
    (url,) = decoded(pictures(letter.data, dpi=150))
    apart = desk.post("/bureau/cartes/1/remplacer", support="letters-pin-apart")
    assert len(text_of(apart.data)) == 2
    assert decoded(pictures(apart.data, dpi=150)) != [url], "another secret: the lost card is dead"
    archive = desk.post("/bureau/cartes/2/remplacer", support="plastic")
    assert archive.content_type == "application/zip"
    assert archive.headers["Content-Disposition"].endswith('.zip"')
    assert desk.post("/bureau/cartes/3/remplacer", support="gold").status_code == 200, (
        "sheets, when it is not said well"
    )
    # A card found in the street leads to its household, at the desk only.
    (number,) = re.findall(r"Carte n° (\d{3} \d{3} \d{3} \d)\b", page)[:1]
    assert desk.post("/bureau/menages/chercher", reference=number).headers["Location"] == "/bureau/menages/1"
    assert desk.post("/bureau/menages/chercher", reference="123 456 789 7").status_code == 422


def test_who_prepared_a_move_reads_that_another_person_approves_it(site: Site) -> None:
    both, approver = Desk(site, Role.AGENT, Role.APPROVER), Desk(site, Role.APPROVER)
    for reference in ("D-1", "D-2"):
        both.post("/bureau/menages/nouveau", reference=reference)
    assert both.post("/bureau/menages/1/deplacer", reference="D-2", kind="merge").status_code == 303

    prepared, waiting = both.get("/bureau/deplacements"), approver.get("/bureau/deplacements")

    assert ("Préparé par vous" in prepared, "Valider" in prepared) == (True, False)
    assert ("Préparé par vous" in waiting, "Valider" in waiting) == (False, True)


def test_a_balance_is_moved_by_two_people_at_the_desk(site: Site) -> None:
    agent, approver = Desk(site, Role.AGENT), Desk(site, Role.APPROVER)
    for reference in ("D-1", "D-2"):
        agent.post("/bureau/menages/nouveau", reference=reference)
    food = made.programme(site.rt.engine)
    made.distributed(site.rt.engine, food.programme_id, [(1, 1_500)])
    unknown = agent.post("/bureau/menages/1/deplacer", reference="D-9", kind="merge")
    assert (unknown.status_code, "Aucun ménage n’a cette référence" in unknown.text) == (422, True)
    assert "C’est le même ménage" in agent.post("/bureau/menages/1/deplacer", reference="D-1", kind="move").text
    assert agent.post("/bureau/menages/1/deplacer", reference="D-2", kind="merge").status_code == 303
    assert "Un déplacement de solde attend" in agent.get("/bureau/menages/1")
    assert "/bureau/deplacements/1/valider" not in agent.get("/bureau/deplacements")
    assert agent.post("/bureau/deplacements/1/valider").status_code == 403
    assert "15,00" in approver.get("/bureau/deplacements")
    assert approver.post("/bureau/deplacements/1/valider").status_code == 303
    assert "15,00" in approver.get("/bureau/menages/2")
    assert "déjà" not in agent.get("/bureau/menages/1")
    again = approver.post("/bureau/deplacements/1/valider")
    assert (again.status_code, "n’est plus à valider" in again.text) == (409, True)


def test_an_erased_household_leaves_no_identity(site: Site) -> None:
    desk = Desk(site, Role.AGENT)
    desk.post("/bureau/menages/nouveau", reference="D-EFFACER", alias="Famille Oubli")
    desk.post("/bureau/menages/1/carte")
    assert desk.post("/bureau/menages/1/effacer").status_code == 422
    assert desk.post("/bureau/menages/1/effacer", confirm="1").status_code == 303
    page = desk.get("/bureau/menages/1")
    assert "effacée" in page
    assert "Oubli" not in page
    assert "bloquée" in page
    assert desk.post("/bureau/menages/1/carte").status_code == 410
    with reading(site.rt.engine) as db:
        sealed, digest = db.execute(text("SELECT sealed, reference_digest FROM households")).one()
    assert (bytes(sealed), digest) == (b"", None)


def test_who_only_reads_is_offered_nothing_to_change(site: Site) -> None:
    Desk(site, Role.AGENT).post("/bureau/menages/nouveau", reference="D-1")
    auditor = Desk(site, Role.AUDITOR)
    page = auditor.get("/bureau/menages/1")
    assert "D-1" in page
    assert not re.search(r'action="/bureau/(menages|cartes)', page)
    assert auditor.post("/bureau/menages/1/carte").status_code == 403


def test_an_operator_does_not_read_who_holds_a_card(site: Site) -> None:
    client = site.client_of(Role.OPERATOR)
    assert client.get("/bureau/menages").status_code == 403
