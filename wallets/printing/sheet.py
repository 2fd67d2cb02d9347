"""The paper that a holder gets: cards to cut out, ten a page, and a slip with the PIN of each."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from monnaie_locale.documents import qr
from monnaie_locale.documents.typeset import typeset
from monnaie_locale.ledger.money import NO_BREAK_SPACE
from wallets.codes.card_token import card_number_shown

ADVICE = "À présenter en caisse"
PIN_SENTENCES = (
    "Tapez ce code vous-même au magasin. Ne le dites à personne.",
    "Code oublié ? CCAS : {phone}.",
)
# Any will do, a token is drawn at random (see `qr.matrix`): a thousand cards take four seconds less.
CODE_MASK = 3
# Told (done, total) while a batch is drawn.
Progress = Callable[[int, int], None]
FOLD_HINT = "Pliez sur les pointillés pour cacher le code."


def no_progress(_done: int, _total: int) -> None:
    """Say nothing of how many cards are drawn."""


@dataclass(frozen=True, slots=True)
class PrintedCard:
    """What one card shows. No name: a card that was lost must tell nothing of its holder.

    `token_url` is the QR's text (`card_token.card_url`), `number` the ten digits, `pin` the four digits of the slip or
    None when the holder keeps the PIN of the last card, `batch_mark` a short sign that tells the cards of a home apart.
    """

    token_url: str = field(repr=False)
    number: str
    pin: str | None = field(repr=False)
    batch_mark: str
    currency_name: str
    host: str


@dataclass(frozen=True, slots=True)
class PinSlip:
    """What a slip shows: the PIN, and the number of the card that it opens."""

    number: str
    pin: str = field(repr=False)
    batch_mark: str
    currency_name: str


def render_cards(
    cards: Sequence[PrintedCard],
    *,
    town_name: str,
    ccas_phone: str,
    created_at: datetime.datetime,
    demo: bool = False,
    progress: Progress = no_progress,
) -> bytes:
    """Return one PDF: the cards, then the PIN slips in the same order, on pages of their own.

    `demo` prints SPÉCIMEN on every card and slip, beside the code and never on it; `progress` is told (done, total)
    for each card drawn.
    """
    shown = []
    for card in cards:
        shown.append(card_shown(card, town_name=town_name, ccas_phone=ccas_phone))
        progress(len(shown), len(cards))
    slips = pin_slips(cards)
    data = {
        "title": f"Cartes – {town_name}",
        "advice": ADVICE,
        "cards": shown,
    } | _slips_shown(slips, town_name=town_name, ccas_phone=ccas_phone)
    return typeset("cards", data | {"demo": demo}, created_at=created_at)


def render_pin_slips(
    slips: Sequence[PinSlip],
    *,
    town_name: str,
    ccas_phone: str,
    created_at: datetime.datetime,
    demo: bool = False,
) -> bytes:
    """Return the slips alone, for new PINs of cards that stay in use: the cards' secret tokens are not needed."""
    data = {"title": f"Codes secrets – {town_name}", "advice": "", "cards": [], "demo": demo}
    data |= _slips_shown(slips, town_name=town_name, ccas_phone=ccas_phone)
    return typeset("cards", data, created_at=created_at)


def pin_slips(cards: Sequence[PrintedCard]) -> list[PinSlip]:
    """Return the slips of the cards that have a PIN to tell, in their order."""
    return [
        PinSlip(number=card.number, pin=card.pin, batch_mark=card.batch_mark, currency_name=card.currency_name)
        for card in cards
        if card.pin is not None
    ]


def modules_of(card: PrintedCard) -> qr.Matrix:
    """Return the modules of a card's code."""
    return qr.matrix(card.token_url, mask=CODE_MASK)


def card_shown(card: PrintedCard, *, town_name: str, ccas_phone: str) -> dict[str, str]:
    """Return a card as the templates draw it."""
    return {
        "qr": qr.svg_drawing(modules_of(card)),
        "number": unbreakable(card_number_shown(card.number)),
        "batch_mark": card.batch_mark,
        "currency_name": card.currency_name,
        "town_name": town_name,
        "initial": town_name[:1].upper(),
        "phone": unbreakable(ccas_phone),
        "host": card.host.lower(),
    }


def _slips_shown(slips: Sequence[PinSlip], *, town_name: str, ccas_phone: str) -> dict[str, object]:
    return {
        "fold_hint": FOLD_HINT,
        "pin_sentences": [sentence.format(phone=unbreakable(ccas_phone)) for sentence in PIN_SENTENCES],
        "slips": [
            {
                "number": unbreakable(card_number_shown(slip.number)),
                "pin": slip.pin,
                "batch_mark": slip.batch_mark,
                "currency_name": slip.currency_name,
                "town_name": town_name,
            }
            for slip in slips
        ],
    }


def unbreakable(text: str) -> str:
    """Return the text with no-break spaces, so that a number stays on one line."""
    return text.replace(" ", NO_BREAK_SPACE)
