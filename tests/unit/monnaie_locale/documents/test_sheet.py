"""One table, three writers: the PDF, the CSV and the workbook say the same, and give nothing that does not add up."""

import csv
import dataclasses
import datetime
import io
import zipfile

import openpyxl
import pikepdf
import pypdfium2
import pytest

from monnaie_locale.documents import sheet_xlsx
from monnaie_locale.documents.errors import ControlTotalsDiffer
from monnaie_locale.documents.sheet import Column, Control, Kind, PartSubtotal, Sheet, Standing, Subtotal, control_of
from monnaie_locale.documents.sheet_csv import csv_parts
from monnaie_locale.documents.sheet_pdf import pdf_bytes
from monnaie_locale.documents.sheet_xlsx import xlsx_bytes
from tests.judges.pdf_ua import check_pdf_ua, foreign_findings, tags

COLUMNS = (
    Column("Date", Kind.DAY),
    Column("Libellé", share=1),
    Column("Lignes", Kind.COUNT),
    Column("Débit", Kind.CENTS),
    Column("Crédit", Kind.CENTS),
    Column("Solde", Kind.AMOUNT),
)
ROWS = [
    (datetime.date(2026, 10, 5), "Financement", 2, 123_456_789, None, 123_456_789),
    (datetime.date(2026, 10, 6), '=HYPERLINK("http://x")', 1, None, 10, 123_456_779),
    (datetime.date(2026, 10, 7), "Ligne\ncassée ; « été »", 1, 0, 123_456_779, 0),
]
CONTROL = Control(3, {"Débit": 123_456_789, "Crédit": 123_456_789})
WRITERS = {"pdf": pdf_bytes, "xlsx": xlsx_bytes, "csv": lambda sheet: b"".join(csv_parts(sheet))}


@pytest.fixture
def standing(issuer, log_head, created_at):
    return Standing(
        issuer=issuer,
        currency_name="L’Exemple",
        period="2026-10",
        period_label="octobre 2026",
        closed_at=created_at,
        created_at=created_at,
        head=log_head,
    )


@pytest.fixture
def sheet(standing):
    return Sheet(
        name="essai", title="Document d’essai", standing=standing, columns=COLUMNS, rows=lambda: iter(ROWS),
        control=CONTROL, notes=("Une mention.",), signatures=("Le comptable", "L’ordonnateur"),
    )  # fmt: skip


def csv_rows(sheet):
    return list(csv.reader(io.StringIO(WRITERS["csv"](sheet).decode("utf-8-sig")), delimiter=";"))


def test_the_csv_is_what_a_french_spreadsheet_and_a_program_read(sheet):
    rows = csv_rows(sheet)
    assert rows[:6] == [
        ["Date", "Libellé", "Lignes", "Débit", "Crédit", "Solde"],
        ["2026-10-05", "Financement", "2", "1234567,89", "", "1234567,89"],
        ["2026-10-06", '\'=HYPERLINK("http://x")', "1", "", "0,10", "1234567,79"],
        ["2026-10-07", "Ligne cassée ; « été »", "1", "0,00", "1234567,79", "0,00"],
        ["Total", "", "", "1234567,89", "1234567,89", ""],
        [],
    ]
    assert ["Contrôle", "Nombre de lignes", "3"] in rows
    assert ["Contrôle", "Total Débit", "1234567,89"] in rows
    assert ["Contrôle", "Empreinte des comptes", bytes(range(32)).hex()] in rows
    assert ["Contrôle", "État", "Définitif : période arrêtée le 02/11/2026 à 10 h 00."] in rows


def test_another_program_reads_the_same_in_the_workbook(sheet):
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(sheet)))
    lines = book["Lignes"]
    assert [cell.value for cell in lines[1]] == [column.title for column in COLUMNS]
    assert [cell.value for cell in lines[2]] == [
        datetime.datetime(2026, 10, 5), "Financement", 2, 1234567.89, None, 1234567.89,  # noqa: DTZ001
    ]  # fmt: skip
    assert (lines["B3"].value, lines["B3"].data_type) == ('=HYPERLINK("http://x")', "s")
    assert [cell.value for cell in lines[5]] == ["Total", None, None, 1234567.89, 1234567.89, None]
    facts = dict(book["Contrôle"].iter_rows(values_only=True))
    assert facts["Nombre de lignes"] == 3
    assert facts["Total Crédit"] == 1234567.89
    assert facts["Empreinte des comptes"] == bytes(range(32)).hex()
    assert facts["Au nom et pour le compte de"] == "CCAS de Ville-Exemple"


def test_the_pdf_says_the_same_in_words(sheet, words_of):
    words = words_of(pdf_bytes(sheet))
    for expected in (
        "Document d’essai",
        "Définitif : période arrêtée le 02/11/2026 à 10 h 00.",
        "05/10/2026 Financement 2 1 234 567,89 € 1 234 567,89 €",
        "Total 1 234 567,89 € 1 234 567,89 €",
        "Totaux de contrôle : 3 lignes ; Débit 1 234 567,89 € ; Crédit 1 234 567,89 €.",
        "Une mention.",
        "Le comptable",
        bytes(range(32)).hex(),
    ):
        assert expected in words


def test_a_number_says_which_one_and_a_count_how_many(sheet, words_of):
    numbered = dataclasses.replace(
        sheet, columns=(Column("N°", Kind.NUMBER), Column("Lignes", Kind.COUNT)), rows=lambda: iter([(1920, 1920)]),
        control=Control(1, {}), notes=("L'apostrophe n'est plus droite.",),
    )  # fmt: skip
    words = words_of(pdf_bytes(numbered))
    assert "1920 1 920" in words
    assert "L’apostrophe n’est plus droite." in words
    assert openpyxl.load_workbook(io.BytesIO(xlsx_bytes(numbered)))["Lignes"]["A2"].value == 1920


def test_what_is_signed_and_sealed_is_never_alone_on_a_page(sheet):
    lasts = []
    for count in range(12, 28):
        long = dataclasses.replace(
            sheet, columns=COLUMNS[1:2], rows=lambda count=count: iter([("x",)] * count), control=Control(count, {}),
            is_wide=True,
        )  # fmt: skip
        pages = pypdfium2.PdfDocument(pdf_bytes(long))
        lasts.append(pages[len(pages) - 1].get_textpage().get_text_range())
    assert all("Empreinte des comptes" in last and "Une mention." in last for last in lasts)
    # Some of them end on a page of their own, others below the table.
    assert {"Totaux de contrôle" in last for last in lasts} == {True, False}


def test_an_open_month_is_said_to_be_provisional(sheet, words_of):
    still_open = dataclasses.replace(sheet, standing=dataclasses.replace(sheet.standing, closed_at=None))
    assert "Provisoire : la période n’est pas arrêtée" in words_of(pdf_bytes(still_open))
    assert any("Provisoire" in row[-1] for row in csv_rows(still_open) if row)


@pytest.mark.parametrize("wanted", WRITERS)
@pytest.mark.parametrize(
    "control",
    [
        Control(2, CONTROL.sums_cents),
        Control(3, {"Débit": 123_456_788, "Crédit": 123_456_789}),
        Control(3, {"Débit": 123_456_789, "Crédit": 123_456_790}),
    ],
)
def test_no_writer_gives_what_does_not_add_up(sheet, wanted, control):
    with pytest.raises(ControlTotalsDiffer) as caught:
        WRITERS[wanted](dataclasses.replace(sheet, control=control))
    assert "{" not in caught.value.sentence()


def with_subtotals(sheet, kinds=(PartSubtotal, Subtotal)):
    words = ("Total du tiers", "Total du compte")
    rows = [
        *ROWS, *(kind((each, "M3", None, 123_456_789, 123_456_789, 0)) for kind, each in zip(kinds, words, strict=True))
    ]  # fmt: skip
    return dataclasses.replace(sheet, rows=lambda: iter(rows))


def test_a_subtotal_is_marked_and_in_no_control_total(sheet, words_of):
    marked = with_subtotals(sheet)
    lines = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(marked)))["Lignes"]
    assert csv_rows(marked)[4:7] == [
        ["Total du tiers", "M3", "", "1234567,89", "1234567,89", "0,00"],
        ["Total du compte", "M3", "", "1234567,89", "1234567,89", "0,00"],
        ["Total", "", "", "1234567,89", "1234567,89", ""],
    ]
    assert ["Contrôle", "Nombre de lignes", "3"] in csv_rows(marked)
    assert [(lines[f"D{row}"].font.bold, lines[f"D{row}"].border.top.style) for row in (4, 5, 6)] == [
        (False, None), (True, None), (True, "thin"),
    ]  # fmt: skip
    assert "Total du compte M3 1 234 567,89 € 1 234 567,89 € 0,00 €" in words_of(pdf_bytes(marked))
    assert check_pdf_ua(pdf_bytes(marked)) == []
    assert check_pdf_ua(broken(pdf_bytes(marked), _no_span)) == ["rows of one width"]


@pytest.mark.parametrize("wanted", WRITERS)
def test_a_row_of_totals_that_does_not_say_so_is_counted(sheet, wanted):
    with pytest.raises(ControlTotalsDiffer):
        WRITERS[wanted](with_subtotals(sheet, kinds=(PartSubtotal, tuple)))


@pytest.mark.parametrize("wanted", WRITERS)
def test_the_same_sheet_gives_the_same_bytes(sheet, wanted):
    assert WRITERS[wanted](sheet) == WRITERS[wanted](sheet)


@pytest.mark.parametrize("wanted", WRITERS)
def test_an_empty_document_is_a_document(sheet, wanted, words_of):
    empty = dataclasses.replace(
        sheet, rows=lambda: iter(()), control=Control(0, {"Débit": 0, "Crédit": 0}), empty="Rien ce mois-ci."
    )
    content = WRITERS[wanted](empty)
    assert content
    if wanted == "pdf":
        assert "Rien ce mois-ci." in words_of(content)
        assert check_pdf_ua(content) == []


def test_a_csv_is_given_before_its_last_row_is_read(standing):
    read = []

    def rows():
        for number in range(5_000):
            read.append(number)
            yield (number, 1)

    columns = (Column("N°", Kind.COUNT), Column("Montant", Kind.CENTS))
    long = Sheet(
        name="long", title="Long", standing=standing, columns=columns, rows=rows,
        control=Control(5_000, {"Montant": 5_000}),
    )  # fmt: skip
    parts = csv_parts(long)
    next(parts)
    next(parts)
    assert len(read) < 1_000
    assert sum(part.count(b"\r\n") for part in parts) > 4_000
    assert len(read) == 5_000


def test_a_workbook_goes_on_another_page_when_one_is_full(sheet, monkeypatch):
    monkeypatch.setattr(sheet_xlsx, "ROWS_PER_PAGE", 2)
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(sheet)))
    assert book.sheetnames == ["Lignes", "Lignes 2", "Contrôle"]
    assert book["Lignes 2"]["A3"].value == "Total"
    assert book["Lignes 2"]["D3"].value == 1234567.89


def test_a_workbook_holds_no_date_of_the_machine(sheet):
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(sheet))) as archive:
        assert {each.date_time[0] for each in archive.infolist()} == {1980}
        assert b"2026-11-02T09:00:00Z" in archive.read("docProps/core.xml")


def test_totals_can_be_taken_from_rows_that_have_no_other_source():
    assert control_of(COLUMNS, ROWS) == CONTROL


def test_a_screen_reader_finds_headings_and_headed_columns(sheet, tmp_path):
    content = pdf_bytes(sheet)
    assert check_pdf_ua(content) == []
    assert [tag for tag in tags(content) if tag in {"/H1", "/Table", "/THead", "/H2"}][:3] == [
        "/H1",
        "/Table",
        "/THead",
    ]
    findings, applied = foreign_findings(content, tmp_path / "sheet.pdf")
    assert (findings, applied >= 10) == ([], True)


def broken(content, harm):
    """Return the PDF with one thing taken from what a reader needs."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        harm(pdf)
        pdf.save(out)
    return out.getvalue()


def without(name):
    return lambda pdf: pdf.Root.__delitem__(name)


def _no_scope(pdf):
    for each in pdf.objects:
        if isinstance(each, pikepdf.Dictionary) and str(each.get("/S", "")) == "/TH":
            del each["/A"]


def _no_span(pdf):
    for each in pdf.objects:
        if isinstance(each, pikepdf.Dictionary) and str(each.get("/S", "")) == "/TD":
            del each["/A"]


@pytest.mark.parametrize(
    ("harm", "finding"),
    [
        (without("/Lang"), "language"),
        (without("/MarkInfo"), "marked"),
        (without("/ViewerPreferences"), "title shown"),
        (without("/StructTreeRoot"), "structure"),
        (without("/Metadata"), "metadata"),
        (_no_scope, "headed columns"),
    ],
)
def test_the_judge_of_accessibility_sees_each_fault(sheet, harm, finding):
    assert finding in check_pdf_ua(broken(pdf_bytes(sheet), harm))


def test_the_foreign_judge_sees_a_document_without_structure(sheet, tmp_path):
    findings, _ = foreign_findings(broken(pdf_bytes(sheet), without("/StructTreeRoot")), tmp_path / "bare.pdf")
    assert findings
