"""Letters with a card: the address is all that the window shows, the PIN is inside, the code is read."""

import pypdfium2
import pytest
from PIL import ImageChops

from tests.factories.cards import CREATED_AT, HOST, PHONE, decoded, make_cards, pictures, text_of
from wallets.codes.card_token import normalise
from wallets.printing.letter import Letter, PinPlace, render_letters

ADDRESS = (
    "Mme Zoé EXEMPLE-DUPONT",
    "APPARTEMENT 12 ESCALIER B",
    "RESIDENCE DES LILAS BLANCS BATIMENT 38",
    "128 BOULEVARD DU GENERAL DE GAULLE",
    "LIEU DIT LE MOULIN",
    "76530 VILLE EXEMPLE CEDEX",
)
A4_MM = (210, 297)
THIRD_MM = 297 / 3
# Both envelopes have a window of 35 × 100 mm, 20 mm from the right and from the bottom; width and height.
ENVELOPES = {"DL": (220, 110), "C6/5": (229, 114)}


def letters(cards, *, pins=PinPlace.INSIDE, addressee=ADDRESS, **more):
    return render_letters(
        [Letter(card, addressee) for card in cards],
        town_name="Ville-Exemple",
        ccas_name="CCAS de Ville-Exemple",
        ccas_phone=PHONE,
        created_at=CREATED_AT,
        pins=pins,
        **more,
    )


def window_of(envelope):
    """Return what shows of a sheet folded in three: always, and ever, wherever it slides (left, top, right, bottom)."""
    width, height = ENVELOPES[envelope]
    left, top, right, bottom = width - 120, height - 55, width - 20, height - 20
    slides_x, slides_y = width - A4_MM[0], height - THIRD_MM
    return (left, top, right - slides_x, bottom - slides_y), (left - slides_x, top - slides_y, right, bottom)


def ink_in(page, box_mm):
    """Return the box of what is printed inside a box of the page, both in millimetres; None when it is white."""
    per_mm = page.width / A4_MM[0]
    left, top, right, bottom = (round(edge * per_mm) for edge in box_mm)
    crop = page.crop((left, top, right, bottom))
    found = crop.point(lambda grey: 255 if grey < 128 else 0).getbbox()
    if found is None:
        return None
    x0, y0, x1, y1 = found
    return ((left + x0) / per_mm, (top + y0) / per_mm, (left + x1) / per_mm, (top + y1) / per_mm)


def shows_only_the_address(page, envelope):
    always, ever = window_of(envelope)
    shown = ink_in(page, ever)
    return shown is not None and shown == ink_in(page, always) and shown[0] > always[0] and shown[2] < always[2]


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_the_whole_address_and_nothing_else_shows_wherever_the_sheet_slides(envelope):
    (page,) = pictures(letters(make_cards(1)), dpi=100)
    assert shows_only_the_address(page, envelope)


@pytest.mark.parametrize("moved_mm", [(0, -4), (0, 4), (25, 0), (-6, 0)])
def test_an_address_a_few_millimetres_away_would_not(moved_mm):
    """The negative control: the same page, printed a little to the side."""
    (page,) = pictures(letters(make_cards(1)), dpi=100)
    per_mm = page.width / A4_MM[0]
    moved = ImageChops.offset(page, *(round(edge * per_mm) for edge in moved_mm))
    assert not all(shows_only_the_address(moved, envelope) for envelope in ENVELOPES)


def test_every_letter_carries_its_card_and_its_pin_in_the_third_folded_inside():
    cards = make_cards(3)
    pdf = letters(cards)
    assert sorted(decoded(pictures(pdf, dpi=150))) == sorted(card.token_url for card in cards)
    for card, page, words in zip(cards, pypdfium2.PdfDocument(pdf), text_of(pdf), strict=True):
        assert normalise(card.token_url, host=HOST)
        shown = f"{card.number[:3]} {card.number[3:6]} {card.number[6:9]} {card.number[9]}"
        assert words.count(shown) == 2
        assert spaced(card.pin) in words
        for expected in (*ADDRESS, PHONE, "Découpez la carte", "Ne le dites à personne"):
            assert expected in words
        assert highest_mm(page, "Ne le dites à personne") < THIRD_MM
        assert highest_mm(page, "76530 VILLE EXEMPLE CEDEX") > 2 * THIRD_MM


def highest_mm(page, words):
    """Return how far above the foot of the page some words stand, at their last place."""
    text = page.get_textpage()
    found = text.search(words)
    start, count = list(iter(found.get_next, None))[-1]
    return max(text.get_charbox(place)[3] for place in range(start, start + count)) / 72 * 25.4


def spaced(pin):
    """Return a PIN as it is set, each digit apart."""
    return " ".join(pin)


def test_a_pin_apart_is_on_a_page_of_its_own_without_the_code():
    cards = make_cards(2)
    pdf = letters(cards, pins=PinPlace.APART)
    pages = text_of(pdf)
    assert len(pages) == 4
    for card, with_card, with_pin in zip(cards, pages[:2], pages[2:], strict=True):
        assert spaced(card.pin) not in with_card
        assert "dans une autre lettre" in with_card
        assert spaced(card.pin) in with_pin
        assert ADDRESS[0] in with_pin
    assert len(decoded(pictures(pdf, dpi=150)[2:])) == 0


def test_a_card_that_keeps_its_pin_says_so():
    (page,) = text_of(letters(make_cards(1, with_pin=False)))
    assert "Votre code secret ne change pas" in page
    assert "volet" not in page


def test_a_household_without_name_nor_address_is_handed_its_letter():
    (page,) = text_of(letters(make_cards(1), addressee=("Ménage n° 12",)))
    assert "Ménage n° 12" in page


def test_a_specimen_is_marked_and_the_same_letters_give_the_same_bytes():
    cards = make_cards(1)
    assert text_of(letters(cards, demo=True))[0].count("SPÉCIMEN") == 2
    assert letters(cards) == letters(cards)
    told = []
    letters(make_cards(2), progress=lambda *step: told.append(step))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("hostile", ["#panic()", "*[]$", "= Titre // rien", "x" * 38])
def test_an_address_is_printed_as_it_is_and_stays_in_the_window(hostile):
    pdf = letters(make_cards(1), addressee=(hostile,) * 6)
    assert text_of(pdf)[0].count(hostile) == 6
    (page,) = pictures(pdf, dpi=100)
    assert all(shows_only_the_address(page, envelope) for envelope in ENVELOPES)
