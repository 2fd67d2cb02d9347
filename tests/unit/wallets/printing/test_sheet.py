"""The sheet handed to a print shop: every code in it is read back, and the page tells nothing it should not."""

import io
import re

import pypdf
import pypdfium2
import pytest
import zxingcpp
from PIL import ImageDraw

from tests.factories.cards import CREATED_AT, HOST, PHONE, decoded, make_cards, pictures, text_of
from wallets.codes.card_token import normalise
from wallets.printing.sheet import PinSlip, render_cards, render_pin_slips


def printed(cards, *, demo=False, town_name="Ville-Exemple"):
    return render_cards(cards, town_name=town_name, ccas_phone=PHONE, created_at=CREATED_AT, demo=demo)


@pytest.mark.parametrize("dpi", [300, 150])
@pytest.mark.parametrize("demo", [False, True])
def test_every_card_is_read_out_of_the_pdf(dpi, demo):
    cards = make_cards(23)
    found = decoded(pictures(printed(cards, demo=demo), dpi=dpi))
    assert sorted(found) == sorted(card.token_url for card in cards)
    assert all(normalise(text, host=HOST) for text in found)


def test_a_code_with_its_middle_covered_is_not_read():
    cards = make_cards(1)
    (sheet, _slips) = pictures(printed(cards), dpi=150)
    (found,) = zxingcpp.read_barcodes(sheet)
    left, top = found.position.top_left.x, found.position.top_left.y
    side = found.position.bottom_right.x - left
    ImageDraw.Draw(sheet).rectangle(
        (left + side // 4, top + side // 4, left + 3 * side // 4, top + 3 * side // 4), fill=255
    )
    assert decoded([sheet]) == []


def test_codes_are_27_mm_wide_with_their_quiet_zone_and_nothing_else_in_it():
    (sheet, *_slips) = pictures(printed(make_cards(10), demo=True), dpi=300)
    dots_per_module = 27 / 37 * 300 / 25.4
    for found in zxingcpp.read_barcodes(sheet):
        left, top = found.position.top_left.x, found.position.top_left.y
        side = found.position.bottom_right.x - left
        assert side == pytest.approx(29 * dots_per_module, abs=4)
        zone = int(4 * dots_per_module) - 4
        around = sheet.crop((left - zone, top - zone, left + side + zone, top + side + zone))
        ImageDraw.Draw(around).rectangle((zone - 3, zone - 3, zone + side + 3, zone + side + 3), fill=255)
        assert around.getextrema() == (255, 255)


def test_ten_cards_fit_a_page_and_six_slips_follow():
    assert len(text_of(printed(make_cards(10)))) == 1 + 2
    assert len(text_of(printed(make_cards(11)))) == 2 + 2


def test_a_card_shows_what_its_holder_needs_and_never_the_pin():
    (card,) = cards = make_cards(1)
    sheet, slip = text_of(printed(cards))
    number = f"{card.number[:3]} {card.number[3:6]} {card.number[6:9]} {card.number[9]}"
    for expected in (number, PHONE, HOST, "L’Exemple", "Ville-Exemple", "A · 10/26"):
        assert expected in sheet
    assert card.pin not in sheet.replace(number, "").replace(" ", "")
    assert number in slip
    assert card.pin in slip.replace(number, "").replace(" ", "")
    assert "Ne le dites à personne" in slip


def test_a_specimen_is_marked_on_the_card_and_on_the_slip():
    cards = make_cards(3)
    sheet, slip = text_of(printed(cards, demo=True))
    assert sheet.count("SPÉCIMEN") == slip.count("SPÉCIMEN") == 3
    assert not any("SPÉCIMEN" in page for page in text_of(printed(cards)))


def test_a_card_that_keeps_its_pin_has_no_slip():
    assert len(text_of(printed(make_cards(2, with_pin=False)))) == 1


def test_new_pins_are_printed_without_cards():
    slips = [PinSlip(number="1234567897", pin="7305", batch_mark="A", currency_name="L’Exemple")]
    pdf = render_pin_slips(slips, town_name="Ville-Exemple", ccas_phone=PHONE, created_at=CREATED_AT)
    (page,) = text_of(pdf)
    assert "7305" in page.replace(" ", "")
    assert "123 456 789 7" in page
    assert decoded(pictures(pdf, dpi=150)) == []


def test_the_sheet_is_tagged_in_french_and_each_code_has_its_words():
    cards = make_cards(2)
    pdf = pypdf.PdfReader(io.BytesIO(printed(cards)))
    root = pdf.trailer["/Root"]
    assert root["/Lang"].startswith("fr")
    assert root["/MarkInfo"]["/Marked"]
    alternatives = list(figure_alternatives(root["/StructTreeRoot"]))
    shown = [f"{c.number[:3]} {c.number[3:6]} {c.number[6:9]} {c.number[9]}" for c in cards]
    assert [text.replace("\u00a0", " ") for text in alternatives] == [
        f"Code à scanner de la carte n° {n}" for n in shown
    ]


def figure_alternatives(node):
    """Yield the alternative texts of the figures below a node of the structure tree, in reading order."""
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from figure_alternatives(child)
    elif isinstance(node, dict):
        if node.get("/S") == "/Figure":
            yield str(node["/Alt"])
        elif "/K" in node:
            yield from figure_alternatives(node["/K"])


def test_the_same_cards_give_the_same_bytes():
    assert printed(make_cards(4)) == printed(make_cards(4))
    assert printed(make_cards(4)) != printed(make_cards(3))


@pytest.mark.parametrize("hostile", ["#panic()", "*[]$", "\\ \" ' `", "<b>&amp;</b>", "= Titre\n- liste // rien"])
def test_names_are_printed_as_they_are(hostile):
    cards = make_cards(1, currency_name=hostile)
    sheet, _slip = text_of(printed(cards, town_name=hostile))
    # But for the apostrophe, which is the one of print on every paper.
    assert sheet.count(re.sub(r"\s+", " ", hostile).replace("'", "’")) == 2
    assert decoded(pictures(printed(cards, town_name=hostile), dpi=150)) == [cards[0].token_url]


def test_long_names_do_not_reach_the_code():
    cards = make_cards(10, currency_name="La Monnaie solidaire du Pays de Saint-Rémy")
    pdf = printed(cards, town_name="Saint-Rémy-en-Bouzemont-Saint-Genest-et-Isson", demo=True)
    assert sorted(decoded(pictures(pdf, dpi=150))) == sorted(card.token_url for card in cards)


def test_a_long_name_is_written_smaller_and_stays_above_the_mark():
    cards = make_cards(1, currency_name="La Monnaie solidaire du Pays de Saint-Rémy")
    pdf = printed(cards, town_name="Saint-Rémy-en-Bouzemont-Saint-Genest-et-Isson")
    page = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    assert lowest_of(page, "Isson") > highest_of(page, "A · 10/26")


def lowest_of(page, words):
    start, count = page.search(words).get_next()
    return min(page.get_charbox(place)[1] for place in range(start, start + count))


def highest_of(page, words):
    start, count = page.search(words).get_next()
    return max(page.get_charbox(place)[3] for place in range(start, start + count))
