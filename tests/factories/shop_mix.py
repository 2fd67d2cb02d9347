"""The damage set "shop mix": what a till's camera sees of a card that lived in a pocket, drawn from a seed.

A card is photographed at 5 pixels a millimetre, which is a card that fills two fifths of a 1,280-pixel frame. Each of
five damages comes alone at three strengths; then three times all five together, each at a strength drawn at random.
The last strength of each is beyond what a shop shows every day.
"""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

PIXELS_PER_MM = 5.0
MARGIN_MM = 12
TABLE_GREY = 105
# Millimetres of blur (sigma), grey levels of noise (sigma), share of light at the dark end, degrees of tilt, width in
# millimetres of a white crease.
STRENGTHS: dict[str, tuple[float, float, float]] = {
    "blur": (0.10, 0.20, 0.30),
    "noise": (10, 20, 35),
    "shade": (0.55, 0.35, 0.20),
    "tilt": (15, 30, 45),
    "crease": (0.5, 0.9, 1.3),
}
MIXES = 3


def shop_mix(card: Image.Image, *, seed: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield (damage, photograph) of one card, whose picture is at PIXELS_PER_MM: 18 of them, the same for a seed."""
    for name, strengths in STRENGTHS.items():
        for place, strength in enumerate(strengths):
            chance = np.random.default_rng((seed, place, *name.encode()))
            yield name, _photograph(card, {name: strength}, chance)
    for place in range(MIXES):
        chance = np.random.default_rng((seed, place))
        mixed = {name: float(chance.uniform(0.3, 0.6) * strengths[2]) for name, strengths in STRENGTHS.items()}
        mixed["shade"] = float(chance.uniform(0.35, 0.6))
        yield "mix", _photograph(card, mixed, chance)


def _photograph(card: Image.Image, damages: dict[str, float], chance: np.random.Generator) -> Image.Image:
    """Return the card as the camera sees it, in the order of the world: paper, pose, light, lens, sensor."""
    picture = card.convert("L")
    if "crease" in damages:
        picture = _creased(picture, damages["crease"], chance)
    picture = _posed(picture, damages.get("tilt", 0.0), chance)
    if "shade" in damages:
        picture = _shaded(picture, damages["shade"], chance)
    if "blur" in damages:
        picture = picture.filter(ImageFilter.GaussianBlur(damages["blur"] * PIXELS_PER_MM))
    if "noise" in damages:
        noisy = np.asarray(picture, dtype=float) + chance.normal(0, damages["noise"], (picture.height, picture.width))
        picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    return picture


def _creased(picture: Image.Image, width_mm: float, chance: np.random.Generator) -> Image.Image:
    """Fold the card across its code: the ink is gone along a line."""
    folded = picture.copy()
    # The code stands in the right third of a card.
    x = folded.width * chance.uniform(0.70, 0.90)
    y = folded.height * chance.uniform(0.20, 0.45)
    angle = chance.uniform(0, math.pi)
    dx, dy = math.cos(angle) * folded.width, math.sin(angle) * folded.width
    ImageDraw.Draw(folded).line((x - dx, y - dy, x + dx, y + dy), fill=235, width=round(width_mm * PIXELS_PER_MM))
    return folded


def _posed(picture: Image.Image, tilt_degrees: float, chance: np.random.Generator) -> Image.Image:
    """Hold the card before the camera, turned a little, and tilted around an axis of its plane."""
    margin = round(MARGIN_MM * PIXELS_PER_MM)
    width, height = picture.width + 2 * margin, picture.height + 2 * margin
    table = Image.new("L", (width, height), TABLE_GREY)
    table.paste(picture, (margin, margin))
    turned, axis = math.radians(chance.uniform(-20, 20)), chance.uniform(0, 2 * math.pi)
    tilt = math.radians(tilt_degrees)
    distance = 2.5 * width
    corners = [(-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2), (-width / 2, height / 2)]
    seen = []
    for corner in corners:
        along, across = _turned(corner, turned - axis)
        depth = distance / (distance + across * math.sin(tilt))
        x, y = _turned((along, across * math.cos(tilt)), axis)
        seen.append((x * depth + width / 2, y * depth + height / 2))
    flat = [(x + width / 2, y + height / 2) for x, y in corners]
    return table.transform(
        table.size, Image.Transform.PERSPECTIVE, _homography(seen, flat), Image.Resampling.BICUBIC, fillcolor=TABLE_GREY
    )


def _turned(point: tuple[float, float], angle: float) -> tuple[float, float]:
    x, y = point
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def _homography(seen: list[tuple[float, float]], flat: list[tuple[float, float]]) -> list[float]:
    """Return the eight numbers that take a point of the photograph to a point of the card."""
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(number) for number in np.linalg.solve(np.array(rows), np.array(values))]


def _shaded(picture: Image.Image, darkest: float, chance: np.random.Generator) -> Image.Image:
    """Let the light fall from one side: full at one end, `darkest` of it at the other."""
    angle = chance.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0 : picture.height, 0 : picture.width]
    along = x * math.cos(angle) + y * math.sin(angle)
    light = 1 - (1 - darkest) * (along - along.min()) / (along.max() - along.min())
    return Image.fromarray((np.asarray(picture, dtype=float) * light).astype(np.uint8))
