"""Render a page for a holder, in French or in English."""

import datetime
from functools import partial

from flask import Response

from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import PARIS, moment_of
from monnaie_locale.web import pages
from monnaie_locale.web.filters import date_fr, datetime_fr, euros
from monnaie_locale.web.forms import FormReader
from monnaie_locale.web.language import FRENCH, LANGUAGES, direction_of, keep_choice, language
from wallets.holders.wording import told

MONTHS_EN = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def render(template: str, *, status: int | None = None, camera: bool = False, **context: object) -> Response:
    """Return a page; arguments as `monnaie_locale.web.pages.render`.

    The template also gets `t` (a sentence of `wallets.holders.wording` by its name), `say` (a refusal's sentence),
    `lang`, `direction`, `languages`, and `money`, `moment` and `day`, which write amounts, instants and dates.
    """
    context |= in_language(language())
    return keep_choice(pages.render(template, status=status, camera=camera, **context))


def explained(form: FormReader, *names: str) -> FormReader:
    """Return the form with what is wrong with these fields said in the language of the page (`wrong_<name>`)."""
    for name in names:
        if form.error(name):
            form.errors[name] = told(f"wrong_{name}", language=language())
    return form


def in_language(code: str) -> dict[str, object]:
    """Return what every template of a holder's page gets, for one language."""
    return {
        "t": partial(told, language=code),
        "say": partial(sentence_of, language=code),
        "lang": code,
        "direction": direction_of(code),
        "languages": LANGUAGES,
        "money": euros if code == FRENCH else euros_in_english,
        "moment": datetime_fr if code == FRENCH else moment_in_english,
        "day": date_fr if code == FRENCH else day_in_english,
    }


def euros_in_english(amount_cents: int) -> str:
    """Return 123456 as "€1,234.56"."""
    sign = "−" if amount_cents < 0 else ""
    whole, cents = divmod(abs(amount_cents), 100)
    return f"{sign}€{whole:,}.{cents:02d}"


def day_in_english(day: datetime.date) -> str:
    """Return a date as "3 October 2026"."""
    return f"{day.day} {MONTHS_EN[day.month - 1]} {day.year}"


def moment_in_english(moment_ms: int) -> str:
    """Return milliseconds UTC as "3 October 2026, 14:05" on the clocks of Paris."""
    local = moment_of(moment_ms).astimezone(PARIS)
    return f"{day_in_english(local.date())}, {local:%H:%M}"


def sentence_of(refusal: Refusal, *, language: str) -> str:
    """Return the sentence of a refusal in the language of the page."""
    return refusal.sentence() if language == FRENCH else refusal.english()
