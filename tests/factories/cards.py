"""Printed cards for the tests: drawn from a seed, printed, looked at as pictures, read back."""

import datetime
import random
import re
from collections.abc import Iterable

import pypdfium2
import zxingcpp
from PIL import Image

from wallets.codes.card_token import card_url, draw_card_number, draw_pin, draw_token
from wallets.printing.sheet import PrintedCard

HOST = "monnaie.ville-exemple.fr"
CREATED_AT = datetime.datetime(2026, 10, 1, 8, 0, tzinfo=datetime.UTC)
PHONE = "01 23 45 67 89"


def make_cards(count: int, *, currency_name: str = "L’Exemple", with_pin: bool = True) -> list[PrintedCard]:
    """Return `count` cards, the same each time."""
    drawn = random.Random(count).randbytes
    return [
        PrintedCard(
            token_url=card_url(host=HOST, token=draw_token(drawn)),
            number=draw_card_number(drawn),
            pin=draw_pin(drawn) if with_pin else None,
            batch_mark=f"{'ABC'[place % 3]} · 10/26",
            currency_name=currency_name,
            host=HOST,
        )
        for place in range(count)
    ]


def pictures(pdf: bytes, *, dpi: int) -> list[Image.Image]:
    """Return each page as a grey picture."""
    return [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in pypdfium2.PdfDocument(pdf)]


def page_as_printed(page: pypdfium2.PdfPage, *, dpi: int) -> Image.Image:
    """Return a page as a printer draws it: a dot is black or it is white, no edge is smoothed."""
    return page.render(scale=dpi / 72, grayscale=True, no_smoothpath=True).to_pil()


def decoded(images: Iterable[Image.Image]) -> list[str]:
    """Return what the till's decoder reads in the pictures."""
    return [found.text for image in images for found in zxingcpp.read_barcodes(image)]


def text_of(pdf: bytes) -> list[str]:
    """Return the words of each page, every space a plain one."""
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
    return [re.sub(r"[\s\u00a0\u202f]+", " ", page) for page in pages]
