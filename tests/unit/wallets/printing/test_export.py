"""The archive for a printer of plastic cards: every code is read from its file, and no PIN leaves the CCAS."""

import csv
import io
import zipfile

import pytest
import typst
from PIL import Image

from tests.factories.cards import CREATED_AT, PHONE, decoded, make_cards, pictures, text_of
from wallets.printing.export import CODE_SIDE_MM, FOR_THE_CCAS, FOR_THE_PRINTER, READ_ME, plastic_package

CARDS = 6


def package(cards):
    return plastic_package(cards, town_name="Ville-Exemple", ccas_phone=PHONE, created_at=CREATED_AT)


def opened(content):
    archive = zipfile.ZipFile(io.BytesIO(content))
    return {name: archive.read(name) for name in archive.namelist()}


def listed(files):
    return list(csv.DictReader(io.StringIO(files["cartes.csv"].decode("utf-8-sig")), delimiter=";"))


@pytest.fixture(scope="module")
def cards():
    return make_cards(CARDS)


@pytest.fixture(scope="module")
def outer(cards):
    return opened(package(cards))


@pytest.fixture(scope="module")
def files(outer):
    return opened(outer[FOR_THE_PRINTER])


def test_the_list_names_each_card_its_printed_line_and_its_files(cards, files):
    rows = listed(files)
    assert [row["numero"] for row in rows] == [card.number for card in cards]
    for row, card in zip(rows, cards, strict=True):
        shown = f"{card.number[:3]} {card.number[3:6]} {card.number[6:9]} {card.number[9]}"
        assert row["ligne_imprimee"] == f"N° {shown}"
        assert {row["fichier_svg"], row["fichier_png"]} <= set(files)
    assert len(files) == 1 + 2 * CARDS


def test_each_png_is_read_and_its_modules_are_whole_pixels(cards, files):
    for row, card in zip(listed(files), cards, strict=True):
        picture = Image.open(io.BytesIO(files[row["fichier_png"]]))
        picture.load()
        assert picture.mode == "1"
        assert picture.size == (37 * 17, 37 * 17)
        assert picture.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        assert decoded([picture.convert("L")]) == [card.token_url]
        half = picture.resize((37, 37), Image.Resampling.NEAREST).resize(picture.size, Image.Resampling.NEAREST)
        assert half.tobytes() == picture.tobytes()


def test_each_svg_is_read_and_has_its_size(cards, files):
    for row, card in zip(listed(files), cards, strict=True):
        drawing = files[row["fichier_svg"]]
        assert f'width="{CODE_SIDE_MM}mm" height="{CODE_SIDE_MM}mm"'.encode() in drawing
        page = f'#set page(width: 60mm, height: 60mm, fill: black)\n#image(bytes({typst_text(drawing)}), format: "svg")'
        png = typst.compile(page.encode(), format="png", ppi=200)
        # On black: the quiet zone is in the file, it does not count on the card's colour.
        assert decoded([Image.open(io.BytesIO(png)).convert("L")]) == [card.token_url]


def typst_text(content):
    return '"' + content.decode().replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_a_file_that_lost_its_quiet_zone_or_its_middle_is_not_read(cards, files):
    """The negative control of what `decoded` proves."""
    picture = Image.open(io.BytesIO(files[f"png/{cards[0].number}.png"])).convert("L")
    side = picture.width
    covered = picture.copy()
    covered.paste(255, (side // 4, side // 4, 3 * side // 4, 3 * side // 4))
    assert decoded([covered]) == []


def test_the_printer_gets_no_pin_and_the_ccas_gets_them_all(cards, outer, files):
    assert set(outer) == {READ_ME, FOR_THE_PRINTER, FOR_THE_CCAS}
    slips = " ".join(text_of(outer[FOR_THE_CCAS]))
    assert all(" ".join(card.pin) in slips for card in cards)
    # No picture among the slips: they open nothing without the cards.
    assert not [read for read in decoded(pictures(outer[FOR_THE_CCAS], dpi=100)) if read.startswith("HTTPS")]
    told = files["cartes.csv"].decode("utf-8-sig")
    for card in cards:
        told = told.replace(card.number, "").replace(f"{card.number[:3]} {card.number[3:6]} {card.number[6:]}", "")
    assert not any(card.pin in told for card in cards)
    assert "jamais à l’imprimeur" in outer[READ_ME].decode()


def test_the_same_cards_give_the_same_bytes(cards):
    assert package(cards[:2]) == package(cards[:2])
    assert package(cards[:1]) != package(cards[1:2])
