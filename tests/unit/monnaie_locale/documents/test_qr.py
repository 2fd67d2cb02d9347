"""The code is the small one that scanners read, drawn as vectors, black on white in any theme."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
import zxingcpp
from PIL import Image

from monnaie_locale.documents import qr

CARD = "HTTPS://MONNAIE.VILLE-EXEMPLE.FR/W/0123456789ABCDEFGHJKM"
SVG = "{http://www.w3.org/2000/svg}"


def picture(modules, *, scale=4, quiet_zone=4):
    side = len(modules) + 2 * quiet_zone
    image = Image.new("L", (side, side), 255)
    for row, line in enumerate(modules):
        for column, dark in enumerate(line):
            if dark:
                image.putpixel((column + quiet_zone, row + quiet_zone), 0)
    return image.resize((side * scale, side * scale), Image.Resampling.NEAREST)


def filled(drawing):
    """Return the modules that the SVG's even-odd outlines fill: a point is dark after an odd number of walls."""
    root = ET.fromstring(drawing)
    side = int(root.get("viewBox").split()[2])
    walls = []
    for start_x, start_y, moves in re.findall(r"M(\d+) (\d+)([hv\d-]*)z", root.findall(f"{SVG}path")[1].get("d")):
        points = [(int(start_x), int(start_y))]
        for direction, length in re.findall(r"([hv])(-?\d+)", moves):
            x, y = points[-1]
            points.append((x + int(length), y) if direction == "h" else (x, y + int(length)))
        for (x, y), (next_x, next_y) in pairwise([*points, points[0]]):
            assert x == next_x or y == next_y
            walls += [(x, level) for level in range(min(y, next_y), max(y, next_y))]
    walls_of = [sorted(x for x, level in walls if level == row) for row in range(side)]
    return [[sum(x <= column for x in walls_of[row]) % 2 == 1 for column in range(side)] for row in range(side)]


def test_a_card_is_a_version_three_code():
    modules = qr.matrix(CARD)
    assert len(CARD) == 56
    assert len(modules) == len(modules[0]) == 29


def test_lower_case_would_need_a_larger_code():
    assert len(qr.matrix(CARD.lower())) > 29


def test_the_matrix_is_decoded_as_level_m():
    (found,) = zxingcpp.read_barcodes(picture(qr.matrix(CARD)))
    assert found.text == CARD
    assert found.ec_level == "M"


@pytest.mark.parametrize("text", [CARD, "MLR1:" + "A7" * 20, "https://monnaie.ville-exemple.fr/P/été", "1"])
def test_the_outlines_draw_exactly_the_modules_inside_four_light_ones(text):
    modules = qr.matrix(text)
    side = len(modules)
    margin, band = [False] * 4, [[False] * (side + 8)] * 4
    assert filled(qr.svg(text, label="Code")) == [*band, *([*margin, *row, *margin] for row in modules), *band]


def test_the_svg_suits_a_strict_policy_and_a_screen_reader():
    root = ET.fromstring(qr.svg(CARD, label='Code de "A" & <B>'))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Code de "A" & <B>'
    assert root.get("viewBox") == "0 0 37 37"
    assert {element.tag for element in root.iter()} == {f"{SVG}svg", f"{SVG}path"}
    assert not any("style" in element.attrib for element in root.iter())
    background, code = root.findall(f"{SVG}path")
    assert background.get("fill") == "#fff"
    assert background.get("d") == "M0 0h37v37H0z"
    assert code.get("fill") == "#000"


def test_without_quiet_zone_on_a_dark_background_the_code_is_not_found():
    bare = Image.new("L", (37 * 4, 37 * 4), 0)
    bare.paste(picture(qr.matrix(CARD), quiet_zone=0), (16, 16))
    assert zxingcpp.read_barcodes(bare) == []


def test_a_fixed_mask_gives_one_of_the_eight_codes_that_say_the_same():
    codes = {qr.matrix(CARD, mask=mask) for mask in range(8)}
    assert len(codes) == 8
    assert qr.matrix(CARD) in codes
    assert {found.text for code in codes for found in zxingcpp.read_barcodes(picture(code))} == {CARD}
