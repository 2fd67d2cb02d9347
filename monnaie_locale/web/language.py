"""Which language a page is read in: what its address asks for, else what the browser prefers, else French."""

from flask import request

FRENCH, ENGLISH = "fr", "en"
LANGUAGES = (FRENCH, ENGLISH)
# Those that are written from right to left, for the day one of them joins the two above.
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ps", "ur"})


def language() -> str:
    """Return the language of the page that answers this request."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    return request.accept_languages.best_match(LANGUAGES) or FRENCH


def direction_of(code: str) -> str:
    """Return "ltr" or "rtl", as `dir` on a page wants it."""
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"
