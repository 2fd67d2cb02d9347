"""Render a page for a holder, in French or in English."""

from functools import partial

from flask import Response

from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.web import pages
from monnaie_locale.web.language import FRENCH, LANGUAGES, direction_of, language
from wallets.wording import told


def render(template: str, *, status: int | None = None, camera: bool = False, **context: object) -> Response:
    """Return a page; arguments as `monnaie_locale.web.pages.render`.

    The template also gets `t` (a sentence of `wallets.wording` by its name), `say` (a refusal's sentence), `lang`,
    `direction` and `languages`.
    """
    code = language()
    return pages.render(
        template,
        status=status,
        camera=camera,
        t=partial(told, language=code),
        say=partial(sentence_of, language=code),
        lang=code,
        direction=direction_of(code),
        languages=LANGUAGES,
        **context,
    )


def sentence_of(refusal: Refusal, *, language: str) -> str:
    """Return the sentence of a refusal in the language of the page."""
    return refusal.sentence() if language == FRENCH else refusal.english()
