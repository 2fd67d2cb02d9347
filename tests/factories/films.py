"""What a till's camera is shown: a card as the service prints it, near, far, worn and moving; a screen; other codes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

from monnaie_locale.documents import qr
from tests.factories.camera import HEIGHT, WIDTH
from tests.factories.ledger import territory
from tests.factories.market import HOST, Market
from tests.factories.merchants import NOW
from tests.factories.shop_mix import PIXELS_PER_MM, shop_mix
from wallets.codes.card_token import card_url
from wallets.printing.sheet import PrintedCard, render_cards

POINTS_PER_MM = 72 / 25.4
# The top left card of the sheet, with some of the paper around it; and the middle of its code.
CARD_MM = (105, 68)
CODE_MM = (88, 30.5)
CLOSE_PIXELS_PER_MM = 24
FRAMES = 12
TABLE, BEZEL = (120, 112, 100), (12, 12, 14)
SCREEN_PX = 480


def printed_card(market: Market, *, pixels_per_mm: float, host: str = HOST) -> Image.Image:
    """Return the market's card as `cards.pdf` prints it, seen at a distance; `host` prints it for another town."""
    card = PrintedCard(
        token_url=card_url(host=host, token=market.card.token),
        number=market.card.number,
        pin=market.card.pin,
        batch_mark="A1",
        currency_name="l'Exemple",
        host=host,
    )
    town = territory()
    pdf = render_cards([card], town_name=town.name, ccas_phone=town.ccas_phone, created_at=NOW, demo=True)
    sheet = pypdfium2.PdfDocument(pdf)[0].render(scale=pixels_per_mm / POINTS_PER_MM).to_pil()
    return sheet.crop((0, 0, round(CARD_MM[0] * pixels_per_mm), round(CARD_MM[1] * pixels_per_mm))).convert("RGB")


def close_to(market: Market) -> Iterator[Image.Image]:
    """Yield the frames of a card held so close that its code fills the picture and its edges are cut off."""
    card = printed_card(market, pixels_per_mm=CLOSE_PIXELS_PER_MM)
    left, top = (round(millimetres * CLOSE_PIXELS_PER_MM) for millimetres in CODE_MM)
    for shift in range(FRAMES):
        yield _on(TABLE, card, (WIDTH // 2 - left + 4 * shift, HEIGHT // 2 - top - 3 * shift))


def far_from(card: Image.Image) -> Iterator[Image.Image]:
    """Yield the frames of a card held at arm's length, not quite in the middle, by a hand that is not quite still."""
    for shift in range(FRAMES):
        turned = card.rotate(3 + shift % 4, expand=True, fillcolor=TABLE, resample=Image.Resampling.BICUBIC)
        yield _on(TABLE, turned, ((WIDTH - turned.width) // 2 + 5 * shift, (HEIGHT - turned.height) // 2 - 3 * shift))


def worn_and_moving(card: Image.Image, *, seed: int) -> Iterator[Image.Image]:
    """Yield the frames of a card out of a pocket: its mixes of the shop set, in motion, with fresh noise each time."""
    chance = np.random.default_rng(seed)
    mixes = [picture for damage, picture in shop_mix(card, seed=seed) if damage == "mix"]
    for picture in mixes:
        for shift in range(FRAMES // 2):
            place = ((WIDTH - picture.width) // 2 + 12 * shift, (HEIGHT - picture.height) // 2 + 6 * shift)
            frame = _on(TABLE, picture.convert("RGB"), place).filter(ImageFilter.GaussianBlur(0.6))
            noisy = np.asarray(frame, dtype=float) + chance.normal(0, 8, (HEIGHT, WIDTH, 1))
            yield Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def on_a_screen(text: str) -> Iterator[Image.Image]:
    """Yield the frames of a code on a phone: too bright for the camera, in a black case, with the screen's lines."""
    drawn = code(text).resize((SCREEN_PX, SCREEN_PX), Image.Resampling.NEAREST)
    lit = np.clip(np.asarray(drawn, dtype=float) * 0.8 + 70, 0, 255)
    lit[::3] -= 22
    phone = _on(BEZEL, Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)), (40, 40), size=(560, 640))
    for shift in range(FRAMES):
        turned = phone.rotate(shift - 5, expand=True, fillcolor=TABLE, resample=Image.Resampling.BICUBIC)
        glowing = _on(TABLE, turned, ((WIDTH - turned.width) // 2, (HEIGHT - turned.height) // 2))
        yield Image.blend(glowing, glowing.filter(ImageFilter.GaussianBlur(9)), 0.25)


def held(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield the frames of a picture held still in the middle."""
    for _ in range(FRAMES):
        yield _on(TABLE, picture, ((WIDTH - picture.width) // 2, (HEIGHT - picture.height) // 2))


def code(text: str) -> Image.Image:
    """Return a QR code with its quiet zone, 8 pixels a module."""
    modules = np.pad(np.array(qr.matrix(text), dtype=bool), 4)
    picture = Image.fromarray(np.where(modules, 0, 255).astype(np.uint8))
    return picture.resize((picture.width * 8, picture.height * 8), Image.Resampling.NEAREST).convert("RGB")


def write_film(path: Path, frames: Iterable[Image.Image]) -> Path:
    """Write frames as a film (.mjpeg) that Chromium's fake camera plays again and again; return its path."""
    with path.open("wb") as film:
        for frame in frames:
            frame.save(film, "JPEG", quality=80)
    return path


def _on(
    colour: tuple[int, int, int],
    picture: Image.Image,
    place: tuple[int, int],
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Image.Image:
    frame = Image.new("RGB", size, colour)
    frame.paste(picture, place)
    return frame


def shop_card(market: Market) -> Image.Image:
    """Return the printed card at the distance of the shop set, for `worn_and_moving`."""
    return printed_card(market, pixels_per_mm=PIXELS_PER_MM)
