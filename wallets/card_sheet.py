"""The paper that a holder gets: cards to cut out, ten a page, and a slip with the PIN of each."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from monnaie_locale.documents.qr import svg_drawing
from monnaie_locale.documents.typeset import typeset
from monnaie_locale.ledger.money import NO_BREAK_SPACE
from wallets.card_token import card_number_shown

ADVICE = "À présenter en caisse"
PIN_SENTENCES = (
    "Tapez ce code vous-même au magasin. Ne le dites à personne.",
    "Code oublié ? CCAS : {phone}.",
)
FOLD_HINT = "Pliez sur les pointillés pour cacher le code."


@dataclass(frozen=True, slots=True)
class PrintedCard:
    """What one card shows. No name: the card is handed over in person, and a lost one must tell nothing.

    `token_url` is the QR's text (`card_token.card_url`), `number` the ten digits, `pin` the four digits of the slip or
    None when the holder keeps the PIN of the last card, `batch_mark` a short sign that tells the cards of a home apart.
    """

    token_url: str
    number: str
    pin: str | None
    batch_mark: str
    currency_name: str
    host: str


@dataclass(frozen=True, slots=True)
class PinSlip:
    """What a slip shows: the PIN, and the number of the card that it opens."""

    number: str
    pin: str
    batch_mark: str
    currency_name: str


def render_cards(
    cards: Sequence[PrintedCard],
    *,
    town_name: str,
    ccas_phone: str,
    created_at: datetime.datetime,
    demo: bool = False,
) -> bytes:
    """Return one PDF: the cards, then the PIN slips in the same order, on pages of their own.

    `demo` prints SPÉCIMEN on every card and slip, beside the code and never on it.
    """
    slips = [
        PinSlip(number=card.number, pin=card.pin, batch_mark=card.batch_mark, currency_name=card.currency_name)
        for card in cards
        if card.pin is not None
    ]
    data = {
        "title": f"Cartes – {town_name}",
        "advice": ADVICE,
        "cards": [_card_shown(card, town_name=town_name, ccas_phone=ccas_phone) for card in cards],
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


def _card_shown(card: PrintedCard, *, town_name: str, ccas_phone: str) -> dict[str, str]:
    return {
        "qr": svg_drawing(card.token_url),
        "number": _unbreakable(card_number_shown(card.number)),
        "batch_mark": card.batch_mark,
        "currency_name": card.currency_name,
        "town_name": town_name,
        "initial": town_name[:1].upper(),
        "phone": _unbreakable(ccas_phone),
        "host": card.host.lower(),
    }


def _slips_shown(slips: Sequence[PinSlip], *, town_name: str, ccas_phone: str) -> dict[str, object]:
    return {
        "fold_hint": FOLD_HINT,
        "pin_sentences": [sentence.format(phone=_unbreakable(ccas_phone)) for sentence in PIN_SENTENCES],
        "slips": [
            {
                "number": _unbreakable(card_number_shown(slip.number)),
                "pin": slip.pin,
                "batch_mark": slip.batch_mark,
                "currency_name": slip.currency_name,
                "town_name": town_name,
            }
            for slip in slips
        ],
    }


def _unbreakable(text: str) -> str:
    """Return the text with no-break spaces, so that a number stays on one line."""
    return text.replace(" ", NO_BREAK_SPACE)
