"""The grand-livre gives each account's totals; the balance générale, summed another way, says the same to the cent.

The développement des soldes says whose each balance is, as the registers do.
"""

import csv
import io
import itertools

import pytest
from sqlalchemy import Engine

from monnaie_locale.closing.sheets import month_sheet
from monnaie_locale.database.transaction import reading
from monnaie_locale.dossier.queries import books_of_month
from monnaie_locale.exports.sheets.rendering import Format, streaming
from monnaie_locale.ledger.periods import Month, instant_ms
from tests.factories.month import OCTOBER, moment, open_month
from tests.factories.vandal import run

# What only reads through the same code: once is enough.
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
NOVEMBER = OCTOBER.next()
ACCOUNT, THIRD_PARTY = "Total du compte ", "Total du tiers "
# Brought forward, debit, credit, balance: debits less credits.
Totals = dict[str, tuple[int, int, int, int]]


def cents(typed: str) -> int:
    return int(typed.replace(",", "") or 0)


@pytest.fixture
def town(db_engine: Engine) -> Engine:
    """Live October, then charges of November at one of the two shops: some accounts moved, others only held."""
    month = open_month(db_engine)
    month.live()
    month.world.now_ms = instant_ms(moment(5, 11))
    for amount_cents in (1_234, 1):
        month.world.charge(7, month.shops[1].id, amount_cents)
    return db_engine


def rows_of(engine: Engine, name: str, *, month: Month, lines_max: int | None = None) -> list[dict[str, str]]:
    with reading(engine) as db:
        books = books_of_month(db, territory_id=1, month=month, public_key_pem="", now=moment(4, 12))
        content = streaming(lambda _: month_sheet(books, name=name, lines_max=lines_max), Format.CSV).whole().content
    text = content.decode("utf-8-sig").split("\r\n\r\n")[0]
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def totals_in(rows: list[dict[str, str]], word: str = ACCOUNT) -> Totals:
    found: Totals = {}
    for row in rows:
        if row["Compte"].startswith(word):
            key = " ".join(filter(None, [row["Compte"].removeprefix(word), word == THIRD_PARTY and row["Tiers"]]))
            assert key not in found
            found[key] = tuple(cents(row[title]) for title in ("Report", "Débit", "Crédit", "Solde"))  # type: ignore[assignment]
    return found


def said_by_the_balance(rows: list[dict[str, str]]) -> Totals:
    return {
        row["Compte"]: (
            cents(row["Report débit"]) - cents(row["Report crédit"]),
            cents(row["Mouvements débit"]),
            cents(row["Mouvements crédit"]),
            cents(row["Solde débit"]) - cents(row["Solde crédit"]),
        )
        for row in rows
        if row["Compte"].isdigit()
    }


def recounted(rows: list[dict[str, str]], *, by_third_party: bool = False) -> Totals:
    """Count the lines themselves, as a reader with a spreadsheet does."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if row["Compte"].isdigit():
            key = f"{row['Compte']} {row['Tiers']}" if by_third_party else row["Compte"]
            of_key = found.setdefault(key, [0, 0, 0])
            for place, title in enumerate(("Report", "Débit", "Crédit")):
                of_key[place] += cents(row[title])
    return {key: (before, debit, credit, before + debit - credit) for key, (before, debit, credit) in found.items()}


def disagreements(ledger: Totals, balance: Totals) -> set[str]:
    """Return the accounts of which the two do not say the same; one that never held anything may be left out."""
    nothing = (0, 0, 0, 0)
    return {code for code in ledger | balance if ledger.get(code, nothing) != balance.get(code, nothing)}


def test_the_totals_of_each_account_are_those_of_the_balance(town: Engine) -> None:
    for month, lines_max in itertools.product((OCTOBER, NOVEMBER), (None, 1)):
        rows = rows_of(town, "grand-livre", month=month, lines_max=lines_max)
        balance = said_by_the_balance(rows_of(town, "balance", month=month))

        totals = totals_in(rows)

        assert disagreements(totals, balance) == set()
        assert totals == recounted(rows)
        assert list(totals) == sorted(totals)
        assert len(totals) == (6 if month == OCTOBER else 5)
        # The judge sees one cent, and an account that has no total.
        before, debit, credit, after = totals["467100"]
        assert disagreements(totals | {"467100": (before, debit + 1, credit, after)}, balance) == {"467100"}
        assert disagreements({code: each for code, each in totals.items() if code != "512100"}, balance) == {"512100"}


@ON_SQLITE
def test_the_totals_of_each_third_party_that_moved_are_those_of_its_lines(town: Engine) -> None:
    rows = rows_of(town, "grand-livre", month=NOVEMBER)

    assert totals_in(rows, THIRD_PARTY) == {
        "467100 P1-W7-20261231": (-24_750, 1_235, 0, -23_515),
        "467200 M2": (0, 0, 1_235, -1_235),
    }
    assert totals_in(rows, THIRD_PARTY).items() <= recounted(rows, by_third_party=True).items()
    # The reserve, charges and funds did not move: what they brought forward is in their account's total.
    assert totals_in(rows)["467400"] == (-70_000, 0, 0, -70_000)


@ON_SQLITE
def test_totals_count_neither_as_lines_nor_in_the_sum_of_the_document(town: Engine) -> None:
    rows = rows_of(town, "grand-livre", month=NOVEMBER)
    lines = [row for row in rows if row["Compte"].isdigit()]

    assert (rows[-1]["Compte"], rows[-1]["Débit"], rows[-1]["Crédit"]) == ("Total", "12,35", "12,35")
    assert sum(cents(row["Débit"]) for row in lines) == 1_235
    assert len(rows) - len(lines) - 1 == len(totals_in(rows)) + len(totals_in(rows, THIRD_PARTY))


@ON_SQLITE
def test_the_detail_of_the_balances_names_shops_and_programmes_as_the_registers_do(town: Engine) -> None:
    def details(lines_max: int | None = None) -> dict[str, str]:
        rows = rows_of(town, "developpement-soldes", month=NOVEMBER, lines_max=lines_max)
        return {row["Tiers"]: row["Détail"] for row in rows if row["Tiers"]}

    purse, shop = "Aide alimentaire, expire le 31/12/2026", "C0002 Boulangerie Exemple 2"
    assert details() == {"P1-W7-20261231": f"Porte-monnaie 7, {purse}", "P1": "Aide alimentaire", "M2": shop}
    assert details(lines_max=1) == {"P1-20261231": f"1 porte-monnaie, {purse}", "P1": "Aide alimentaire", "M2": shop}
    run(town, "UPDATE merchants SET name = 'Nouvelle enseigne' WHERE id = 2")
    assert details()["M2"] == "C0002 Nouvelle enseigne"
