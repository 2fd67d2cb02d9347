"""One letter a household: its address in the window, how to pay in plain words, the card to cut out, the PIN.

A sheet of paper seals nothing by itself: the PIN stands under a flap to be glued, in the third that is folded inside.
Whoever prints and folds can read it. Where that is too much trust, the PIN goes in a letter of its own, another day.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from monnaie_locale.documents.typeset import typeset
from wallets.codes.card_token import card_number_shown
from wallets.printing.sheet import ADVICE, PrintedCard, Progress, card_shown, no_progress, unbreakable

# Short sentences, one idea each, the words of every day (méthode FALC).
STEPS = (
    "Découpez la carte, en bas de cette page. Gardez-la avec vous.",
    "Ouvrez le volet collé. Votre code secret est dessous. Apprenez-le, puis jetez le papier.",
    "Au magasin, montrez la carte. Le magasin scanne le carré noir et blanc.",
    "Le magasin vous demande votre code. Tapez-le vous-même. Ne le dites à personne.",
    "Combien reste-t-il ? Scannez la carte avec un téléphone, ou demandez au CCAS.",
)
STEP_PIN_APART = "Votre code secret arrive dans une autre lettre."
STEP_SAME_PIN = "Votre code secret ne change pas."
LOST = "Carte perdue ou volée ? Appelez vite le CCAS : {phone}. On bloque la carte. Votre argent reste à vous."
PIN_STEPS = (
    "Ouvrez le volet collé, en bas de cette page : votre code secret est dessous.",
    "Apprenez-le. Puis jetez ce papier.",
    "Au magasin, tapez le code vous-même. Ne le dites à personne, même au téléphone.",
)
PIN_LOST = "Code oublié ? Appelez le CCAS : {phone}. Vous recevrez un autre code."
GLUE_HINT = "Pliez ce volet sur le code. Collez les trois bords."
CUT_HINT = "Découpez sur les pointillés"
PIN_SENTENCE = "Ne le dites à personne."
STEP_OF_THE_PIN = 1
SAME_ON_ALL = {
    "advice": ADVICE,
    "pin_heading": "Voici votre code secret",
    "pin_steps": PIN_STEPS,
    "glue_hint": GLUE_HINT,
    "cut_hint": CUT_HINT,
    "pin_sentence": PIN_SENTENCE,
}


class PinPlace(StrEnum):
    """Where a letter's PIN is printed."""

    INSIDE = "inside"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Letter:
    """A card and whom it is sent to; `addressee` is read from the household directory, and printed nowhere else."""

    card: PrintedCard
    addressee: tuple[str, ...] = field(repr=False)


def render_letters(
    letters: Sequence[Letter],
    *,
    town_name: str,
    ccas_name: str,
    ccas_phone: str,
    created_at: datetime.datetime,
    pins: PinPlace = PinPlace.INSIDE,
    demo: bool = False,
    progress: Progress = no_progress,
) -> bytes:
    """Return one PDF of A4 letters for window envelopes (DL or C6/5), one page each, folded in three.

    Args:
        letters: in the order in which they are printed; a card without PIN says that the PIN does not change.
        town_name: printed on the card.
        ccas_name: the sender.
        ccas_phone: whom to call.
        created_at: aware; the only date in the file.
        pins: on the letter, under a flap; or each in a letter of its own, after all the letters with cards.
        demo: prints SPÉCIMEN on every letter and card.
        progress: is told (done, total) for each card drawn.

    """
    apart = pins is PinPlace.APART
    phone = unbreakable(ccas_phone)
    shown = []
    for letter in letters:
        number = unbreakable(card_number_shown(letter.card.number))
        card = card_shown(letter.card, town_name=town_name, ccas_phone=ccas_phone)
        shown.append({"addressee": letter.addressee, "card": card, "number": number, "pin": letter.card.pin})
        progress(len(shown), len(letters))
    data = {
        "title": f"Lettres et cartes – {town_name}",
        "demo": demo,
        "sender": ccas_name,
        "sender_line": f"Tél. {phone}",
        "heading": f"Voici votre carte {letters[0].card.currency_name}" if letters else "",
        "steps": _steps(apart=apart, keeps_pin=all(letter.card.pin is None for letter in letters)),
        "lost": LOST.format(phone=phone),
        "letters": [each | {"pin": None} if apart else each for each in shown],
        "pin_letters": [each for each in shown if each["pin"] is not None] if apart else [],
        "pin_apart": STEP_PIN_APART if apart else "",
        "pin_lost": PIN_LOST.format(phone=phone),
    }
    return typeset("letters", SAME_ON_ALL | data, created_at=created_at)


def _steps(*, apart: bool, keeps_pin: bool) -> list[str]:
    steps = list(STEPS)
    if keeps_pin:
        steps[STEP_OF_THE_PIN] = STEP_SAME_PIN
    elif apart:
        steps[STEP_OF_THE_PIN] = STEP_PIN_APART
    return steps
