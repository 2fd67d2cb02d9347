"""The documents of a month from real books: they add up, they never change once closed, they name nobody."""

import datetime
import re

import pypdfium2
import pytest
from sqlalchemy import text

from monnaie_locale.closing.package import month_package
from monnaie_locale.closing.sheets import MONTH_SHEETS, MONTH_TITLES
from monnaie_locale.database.transaction import reading
from monnaie_locale.documents.errors import ControlTotalsDiffer
from monnaie_locale.exports.sheets.rendering import Format
from monnaie_locale.identity.roles import STAFF_ROLES, Permission, Role, permits
from monnaie_locale.ledger.periods import instant_ms
from tests.factories.month import FUNDED_CENTS, BankLine, moment, statement_xml
from tests.factories.site import csrf_token
from tests.factories.vandal import run, take_the_guards_down
from tests.judges.pdf_ua import check_pdf_ua, foreign_findings

# What only reads through the same code: once is enough.
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
NAMES = ("Famille MENAGE-1", "MENAGE-2", "06 00 00")


def cents(typed: str) -> int:
    return int(typed.replace(",", "")) if typed else 0


def words_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)).split())


def run_bank_line(dossier, line: BankLine) -> None:
    """Import a statement of one line, which follows the last one."""
    opening = FUNDED_CENTS - 5_250 - 300
    days = {"from_on": datetime.date(2026, 10, 31), "to_on": datetime.date(2026, 11, 1)}
    dossier.month.import_(statement_xml(line, identifier="SUITE", opening=opening, **days))


def total_of(rows: list[list[str]]) -> list[str]:
    return next(row for row in rows if row and row[0] == "Total")


def test_a_closed_month_gives_the_same_documents_for_ever(dossier) -> None:
    dossier.close()
    before = dossier.whole_month()

    dossier.month.world.now_ms = instant_ms(moment(5, 11))
    dossier.month.world.charge(7, dossier.month.shops[0].id, 100)

    assert len(before) == len(MONTH_SHEETS) * len(Format)
    assert set(MONTH_TITLES) == set(MONTH_SHEETS)
    assert dossier.whole_month() == before


def test_every_document_says_its_month_its_state_its_head_and_its_totals(dossier) -> None:
    provisional = dossier.whole_month(formats=(Format.CSV,))
    dossier.close()
    final = dossier.whole_month(formats=(Format.PDF, Format.CSV))

    assert all("Provisoire" in content.decode("utf-8-sig") for content in provisional.values())
    for name, content in final.items():
        said = content.decode("utf-8-sig") if name.endswith(".csv") else words_of(content)
        assert "Définitif : période arrêtée le 03/11/2026" in said, name
        assert "octobre 2026" in said, name
        assert "Empreinte des comptes" in said, name
        assert "CCAS de Ville-Exemple" in said, name
        assert ("Nombre de lignes" if name.endswith(".csv") else "Totaux de contrôle") in said, name


@ON_SQLITE
def test_every_pdf_can_be_read_aloud(dossier, tmp_path) -> None:
    for name, content in dossier.whole_month(formats=(Format.PDF,)).items():
        assert check_pdf_ua(content) == [], name
        findings, applied = foreign_findings(content, tmp_path / name)
        assert (findings, applied >= 10) == ([], True), name


def test_the_figures_are_those_of_the_database(dossier) -> None:
    dossier.close()
    with reading(dossier.engine) as db:
        moved = db.scalar(text("SELECT sum(amount_cents) FROM transfers"))
        held = dict(
            db.execute(text("SELECT kind, sum(credits_cents - debits_cents) FROM balances GROUP BY kind")).all()
        )

    journal, ledger, balance = (dossier.csv_of(name) for name in ("journal", "grand-livre", "balance"))
    assert [cents(cell) for cell in total_of(journal)[-2:]] == [moved, moved]
    assert [cents(cell) for cell in total_of(ledger)[-3:-1]] == [moved, moved]
    assert [cents(cell) for cell in total_of(balance)[4:6]] == [moved, moved]
    for rows in (journal, ledger):
        (named,) = (row[-1] for row in rows if row and "Comptes : " in row[-1])
        assert "467100 Monnaie en circulation – bénéficiaires ; 467200 " in named
        assert {row[0] for row in balance[1:] if row and row[0].isdigit()} == set(re.findall(r"\d{6}", named))
    by_code = {row[0]: cents(row[-2]) - cents(row[-1]) for row in balance[1:] if row and row[0].isdigit()}
    assert by_code["512100"] == -held[1] == FUNDED_CENTS - 5_250 - 300
    assert by_code["467100"] == -held[3]
    assert sum(by_code.values()) == 0
    use = next(row for row in dossier.csv_of("compte-emploi") if row[0] == "Aide alimentaire")
    assert [cents(cell) for cell in use[2:]] == [0, 100_000, 30_000, 5_250, 0, 0, 94_750, 24_750]
    assert total_of(dossier.csv_of("bordereau"))[-1] == "52,50"


def test_a_long_journal_is_centralised_by_day_with_the_same_totals(dossier) -> None:
    for name in ("journal", "grand-livre"):
        detailed, by_day = dossier.csv_of(name), dossier.csv_of(name, lines_max=1)
        assert detailed[0] != by_day[0]
        assert any("Centralisé par jour" in cell for row in by_day for cell in row)
        sums = [
            {row[1]: row[2] for row in rows if row[:1] == ["Contrôle"] and row[1].startswith("Total")}
            for rows in (detailed, by_day)
        ]
        assert sums[0] == sums[1]


def test_what_waits_has_an_age_and_agrees_with_the_accounts(dossier) -> None:
    assert total_of(dossier.csv_of("suspens"))[-2:] == ["0,00", "0,00"]
    run_bank_line(dossier, BankLine(cents=500, on=datetime.date(2026, 10, 30), text="INCONNU"))

    rows = dossier.csv_of("suspens")

    assert rows[1][:3] == ["2026-10-30", "1", "Mouvement bancaire à classer"]
    assert total_of(rows)[-2:] == ["0,00", "5,00"]
    assert any("écart avec cet état : 0,00" in cell for row in rows for cell in row)


@pytest.mark.parametrize(
    ("statement", "documents"),
    [
        (
            "UPDATE balances SET credits_cents = credits_cents + 1 WHERE kind = 3",
            {"developpement-soldes", "pv-arrete", "compte-emploi"},
        ),
        ("UPDATE balances SET debits_cents = debits_cents + 1 WHERE kind = 1", {"developpement-soldes", "pv-arrete"}),
    ],
)
def test_a_counter_that_lies_by_one_cent_stops_the_documents_that_it_controls(dossier, statement, documents) -> None:
    take_the_guards_down(dossier.engine)
    run(dossier.engine, statement)

    stopped = set()
    for name in MONTH_SHEETS:
        try:
            dossier.csv_of(name, names=(name,))
        except ControlTotalsDiffer:
            stopped.add(name)
    assert stopped == documents


@ON_SQLITE
def test_no_document_of_a_month_names_a_holder(dossier) -> None:
    dossier.close()
    for name, content in dossier.whole_month(formats=(Format.PDF, Format.CSV)).items():
        said = content.decode("utf-8-sig") if name.endswith(".csv") else words_of(content)
        assert not any(each in said for each in NAMES), name


@ON_SQLITE
def test_names_are_given_to_the_ordonnateur_alone_and_written_down(dossier) -> None:
    number = dossier.distribution.distribution_id
    path = f"/bureau/documents/aides/{number}"
    for role in sorted(STAFF_ROLES):
        client = dossier.site.client_of(role)
        allowed = permits(roles=frozenset({role}), permission=Permission.PRINT_NAMED_AID)
        assert allowed == (role in {Role.PROGRAMME_MANAGER, Role.APPROVER})
        answer = client.post(f"{path}/nominatif", data={"csrf_token": csrf_token(client, "/bureau"), "format": "csv"})
        assert answer.status_code == (200 if allowed else 403), role
        assert ("Famille MENAGE-1" in answer.text) == allowed
        if client.get(f"{path}.csv").status_code == 200:
            assert not any(each in client.get(f"{path}.csv").text for each in NAMES)
    with reading(dossier.engine) as db:
        said = db.execute(text("SELECT actor, target, detail FROM audit_events WHERE action = 'aid.names'")).all()
    assert len(said) == 2
    assert {target for _, target, _ in said} == {f"distribution:{number}"}
    assert not any(each in str(said) for each in NAMES)


@ON_SQLITE
def test_the_aid_of_a_distribution_adds_up_to_what_was_approved(dossier) -> None:
    client = dossier.site.client_of(Role.APPROVER)
    token = {"csrf_token": csrf_token(client, "/bureau")}
    answer = client.post(
        f"/bureau/documents/aides/{dossier.distribution.distribution_id}/nominatif", data=token | {"format": "csv"}
    )
    rows = [line.split(";") for line in answer.text.removeprefix("\ufeff").splitlines()]
    assert rows[:4] == [
        ["N°", "Dossier", "Bénéficiaire", "Montant"],
        ["1", "MENAGE-1", "Famille MENAGE-1", "25,00"],
        ["2", "MENAGE-2", "Famille MENAGE-2", "25,00"],
        ["Total", "", "", "50,00"],
    ]
    assert any("DEL-2026-31" in cell for row in rows for cell in row)


@ON_SQLITE
def test_what_does_not_exist_is_not_found(dossier) -> None:
    client = dossier.site.client_of(Role.ACCOUNTANT)
    for path, status in (
        ("2026-10/journal.csv", 200),
        ("2026-10/journal.doc", 404),
        ("2026-10/rien.csv", 404),
        ("2026-13/journal.csv", 422),
        ("annee/2026/chiffres-acpr.pdf", 200),
        ("annee/2026/rien.pdf", 404),
        ("annee/9999/chiffres-acpr.pdf", 422),
        ("aides/99.pdf", 404),
    ):
        answer = client.get(f"/bureau/documents/{path}")
        assert answer.status_code == status, path
        answer.close()


@ON_SQLITE
def test_the_pages_offer_what_the_role_may_have(dossier) -> None:
    accountant, approver = (dossier.site.client_of(role) for role in (Role.ACCOUNTANT, Role.APPROVER))
    page = "/bureau/documents/2026-10"
    assert len(re.findall(r'href="/bureau/documents/2026-10/[^"]+"', accountant.get(page).text)) == 30
    assert not re.findall(r'href="/bureau/documents/2026-10/[^"]+"', approver.get(page).text)
    assert ("Noms (PDF)" in approver.get(page).text, "Noms (PDF)" in accountant.get(page).text) == (True, False)
    assert "31 janvier" not in accountant.get("/bureau/documents").text
    assert "Reddition des comptes" in accountant.get("/bureau/documents/annee/2026").text


def test_a_shop_renamed_after_the_close_changes_no_byte_of_the_documents(dossier) -> None:
    close = dossier.month.approve(dossier.month.prepare())
    rt = dossier.site.rt
    client = dossier.site.client_of(Role.ACCOUNTANT)

    def documents() -> dict[str, bytes]:
        paths = [f"/bureau/documents/2026-10/{name}.{wanted}" for name in MONTH_SHEETS for wanted in Format]
        found = {path: client.get(path).data for path in [*paths, "/bureau/arretes/2026-10/rapprochement"]}
        with reading(rt.engine) as db:
            files = month_package(
                db, territory_id=1, month=close.month, public_key_pem=rt.keyring.public_key_pem, now=moment(20, 12)
            )
        return found | {file.name: file.content for file in files}

    def rename() -> None:
        run(rt.engine, "UPDATE merchants SET name = name || ' et fils', code = 'Z' || substr(code, 2)")

    dossier.month.keep(close)
    before = documents()
    rename()

    assert len(before) > 2 * len(MONTH_SHEETS) * len(Format)
    assert documents() == before
    # Rendered again they say the same, for the registers were kept too; without them, the name is on the documents.
    take_the_guards_down(rt.engine)
    run(rt.engine, "DELETE FROM close_documents")
    assert documents() == before
    run(rt.engine, "DELETE FROM close_facts")
    assert documents() != before
