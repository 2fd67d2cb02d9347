"""Whether zbar reads every card of whole sheets, ten codes a page, drawn as a printer draws them and as a screen does.

`.venv/bin/python -m bench.cards_read` prints, for each resolution, how many of a thousand cards were missed. With edges
smoothed for a screen, some are missed at any resolution; with dots that are black or white, none from 150 dpi on: it
is the grey of the edges, which zbar's threshold moves, and not the size of the modules.
"""

import argparse

import pypdfium2
from pyzbar import pyzbar

from tests.factories.cards import CREATED_AT, PHONE, make_cards, page_as_printed
from wallets.printing.sheet import render_cards

CARDS_A_PAGE = 10
DPI = (150, 200, 300)


def main() -> None:
    """Print the sheets, look at each page twice at each resolution."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cards", type=int, default=1_000)
    options.add_argument("--dpi", type=int, nargs="+", default=DPI)
    asked = options.parse_args()
    cards = make_cards(asked.cards, with_pin=False)
    sheets = pypdfium2.PdfDocument(
        render_cards(cards, town_name="Ville-Exemple", ccas_phone=PHONE, created_at=CREATED_AT)
    )
    for dpi in asked.dpi:
        missed = {"printed": 0, "smoothed": 0}
        for number, page in enumerate(sheets):
            wanted = {card.token_url for card in cards[number * CARDS_A_PAGE : (number + 1) * CARDS_A_PAGE]}
            smoothed = page.render(scale=dpi / 72, grayscale=True).to_pil()
            for how, picture in (("printed", page_as_printed(page, dpi=dpi)), ("smoothed", smoothed)):
                read = {found.data.decode() for found in pyzbar.decode(picture, [pyzbar.ZBarSymbol.QRCODE])}
                missed[how] += len(wanted - read)
        print(f"{dpi} dpi, {len(cards)} cards: {missed['printed']} missed as printed, {missed['smoothed']} smoothed")


if __name__ == "__main__":
    main()
