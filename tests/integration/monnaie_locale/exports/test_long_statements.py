"""A shop with many operations reads a line a day on paper, and every operation in the CSV beside it."""

import csv
import io

import pypdfium2
import pytest
from sqlalchemy import Engine

from monnaie_locale.closing.frozen import said_of
from monnaie_locale.closing.package import month_package
from monnaie_locale.closing.sheets import month_books
from monnaie_locale.database.transaction import reading
from monnaie_locale.documents.errors import ControlTotalsDiffer
from monnaie_locale.exports import operations
from monnaie_locale.exports.finishing import whole
from monnaie_locale.exports.operations import shop_statements_of
from tests.factories.month import OCTOBER, Month2026, moment, open_month
from tests.factories.vandal import run, take_the_guards_down


def statements(month: Month2026) -> dict[str, bytes]:
    with reading(month.engine) as db:
        files = month_package(
            db, territory_id=1, month=OCTOBER, public_key_pem=month.keyring.public_key_pem, now=moment(4, 11)
        )
    return {file.name: file.content for file in files if file.name.startswith("statement-")}


def lived(engine: Engine) -> Month2026:
    month = open_month(engine)
    month.live()
    return month


def test_the_paper_has_a_line_a_day_and_the_csv_all_operations(
    db_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    month = lived(db_engine)
    assert {name[-4:] for name in statements(month)} == {".pdf"}
    monkeypatch.setattr(operations, "LINES_ON_PAPER_MAX", 0)

    found = statements(month)

    long, other = sorted(name for name in found if name.endswith(".csv"))
    assert (len(found), other.startswith("statement-C0002")) == (4, True)
    rows = list(csv.reader(io.StringIO(found[long].decode("utf-8-sig")), delimiter=";"))
    told = [int(row[-1].replace(",", "")) for row in rows[1:] if row and row[0].isdigit()]
    (total,) = [row for row in rows if row and row[0] == "Total"]
    assert told
    assert sum(told) == int(total[-1].replace(",", ""))
    pdf = pypdfium2.PdfDocument(found[long.replace(".csv", ".pdf")])
    words = " ".join(" ".join(page.get_textpage().get_text_range() for page in pdf).split())
    assert "Jour par jour" in words
    assert "Chaque opération est dans le fichier CSV du même nom" in words
    assert f"Total du mois {total[-1]}" in words


def test_a_counter_that_lies_by_one_cent_stops_the_statements_too(
    db_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(db_engine)
    monkeypatch.setattr(operations, "LINES_ON_PAPER_MAX", 0)
    take_the_guards_down(db_engine)
    run(db_engine, "UPDATE balances SET credits_cents = credits_cents + 1 WHERE kind = 4")

    with reading(db_engine) as db:
        said = said_of(db, territory_id=1, month=OCTOBER, close=None)
        books = month_books(db, said=said, month=OCTOBER, close=None, head=None, created_at=moment(4, 11))
        files = shop_statements_of(db, registers=said.registers, month=OCTOBER, standing=books.scope.standing)
        with pytest.raises(ControlTotalsDiffer):
            list(whole(files))
