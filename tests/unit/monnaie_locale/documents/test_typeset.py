"""A document is accessible, reproducible, and made of values only."""

import datetime
import io
import json
import logging
import os
import subprocess
import sys

import pypdf
import pytest
import typst

from monnaie_locale.documents.typeset import typeset

HOSTILE = (
    '#panic("x")',
    "*[]$",
    '#read("/etc/passwd")',
    "= Titre",
    "// rien",
    "\\u{41}",
    '"; #sys.inputs',
    "<ref> @ref",
)


def letter(**changed):
    data = {
        "title": "Relevé du mois – octobre 2026 – Épicerie",
        "footer": "Épicerie",
        "demo": True,
        "issuer": {"name": "Association", "lines": ["Ville-Exemple"]},
        "heading": "Relevé",
        "currency_name": "L’Exemple",
        "merchant": {"name": "Épicerie", "lines": []},
        "summary": [["Solde", "", "0,00 €"]],
        "notes": [],
        "cap": [],
        "payout": {"amount": "", "facts": []},
        "detail": "days",
        "rows": [["01/10/2026", "1", "1,00 €", "0,00 €", "1,00 €"]],
        "total": "1,00 €",
        "certification": [],
        "head": None,
    }
    return data | changed


def reader(pdf):
    return pypdf.PdfReader(io.BytesIO(pdf))


def test_a_document_is_tagged_french_and_titled(created_at):
    pdf = reader(typeset("merchant_statement", letter(), created_at=created_at))
    root = pdf.trailer["/Root"]
    assert root["/Lang"] == "fr-FR"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/StructTreeRoot"]["/K"]
    assert pdf.metadata.title == "Relevé du mois – octobre 2026 – Épicerie"
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()


def test_the_only_date_in_a_document_is_the_one_given(created_at):
    pdf = reader(typeset("merchant_statement", letter(), created_at=created_at))
    assert pdf.metadata.creation_date == created_at
    paris = datetime.timezone(datetime.timedelta(hours=1))
    again = typeset("merchant_statement", letter(), created_at=created_at.astimezone(paris))
    assert again == typeset("merchant_statement", letter(), created_at=created_at)
    # A running service's clock has microseconds, a PDF's date has none.
    now = created_at.replace(microsecond=123_456)
    assert again == typeset("merchant_statement", letter(), created_at=now)


def test_the_same_values_give_the_same_bytes_in_another_process(created_at):
    script = (
        "import datetime, json, sys; from monnaie_locale.documents.typeset import typeset;"
        "data, at = json.load(sys.stdin);"
        "sys.stdout.buffer.write(typeset('merchant_statement', data, created_at=datetime.datetime.fromisoformat(at)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([letter(), created_at.isoformat()]).encode(),
        env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "LANG": "C"},
        capture_output=True,
        check=True,
    )
    assert other.stdout == typeset("merchant_statement", letter(), created_at=created_at)
    later = created_at + datetime.timedelta(seconds=1)
    assert other.stdout != typeset("merchant_statement", letter(), created_at=later)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_data_is_never_read_as_markup(hostile, created_at, words_of):
    rows = [[hostile, "1", "1,00 €", "0,00 €", "1,00 €"]]
    pdf = typeset(
        "merchant_statement",
        letter(merchant={"name": hostile, "lines": [hostile]}, title=hostile, footer=hostile, rows=rows),
        created_at=created_at,
    )
    assert words_of(pdf).count(hostile) == 4
    assert reader(pdf).metadata.title == hostile


def test_fonts_are_embedded_and_ours_whatever_the_machine_has(created_at):
    pdf = reader(typeset("merchant_statement", letter(currency_name="Монета"), created_at=created_at))
    names = {
        str(font.get_object()["/BaseFont"]).partition("+")[2] for page in pdf.pages for font in fonts_of(page).values()
    }
    assert {name.partition("-")[0] for name in names} <= {"Lato", "LibertinusSerif", "DejaVuSansMono"}
    assert "Lato-Regular" in {name.removesuffix("-Identity-H") for name in names}


def fonts_of(page):
    return page["/Resources"]["/Font"]


def test_an_unknown_template_or_a_missing_value_is_an_error_and_not_an_empty_document(created_at):
    with pytest.raises(RuntimeError):
        typeset("inconnu", {}, created_at=created_at)
    with pytest.raises(typst.TypstError, match="total"):
        typeset("merchant_statement", {k: v for k, v in letter().items() if k != "total"}, created_at=created_at)


def test_templates_are_set_without_a_warning(created_at, caplog):
    caplog.set_level(logging.WARNING)
    typeset("merchant_statement", letter(), created_at=created_at)
    assert caplog.records == []
