"""The style sheet's colours, by the arithmetic of WCAG 2.2 (success criteria 1.4.3 and 1.4.11)."""

import re

import pytest

from monnaie_locale.web.assets import STATIC

SHEET = (STATIC / "kit.css").read_text(encoding="utf-8")
TEXT_RATIO, PART_RATIO = 4.5, 3.0
TEXT_PAIRS = [
    *((ink, paper) for ink in ("ink", "ink-soft", "accent", "bad") for paper in ("paper", "sheet")),
    ("accent-ink", "accent"),
    ("sheet", "bad"),
    ("accent", "accent-soft"),
    ("ink", "accent-soft"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
]
PART_PAIRS = [
    ("line-strong", "sheet"),
    ("line-strong", "paper"),
    ("focus", "paper"),
    ("focus", "sheet"),
    ("good", "paper"),
]


def colours(theme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)[:2]
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    return found | (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark)) if theme == "dark" else {})


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), TEXT_PAIRS)
def test_text_is_readable_on_its_ground(theme, ink, paper):
    palette = colours(theme)

    assert contrast(palette[ink], palette[paper]) >= TEXT_RATIO


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("part", "ground"), PART_PAIRS)
def test_the_edges_of_fields_and_the_focus_can_be_seen(theme, part, ground):
    palette = colours(theme)

    assert contrast(palette[part], palette[ground]) >= PART_RATIO


def test_the_arithmetic_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < TEXT_RATIO < contrast("#767676", "#ffffff")


def test_both_themes_define_the_same_colours():
    assert len(colours("light")) == len(colours("dark")) > 15
    assert colours("light") != colours("dark")


def test_nothing_is_fetched_from_elsewhere():
    assert "http" not in SHEET
    assert "@import" not in SHEET
