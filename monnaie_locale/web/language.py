"""Which language a page is in: what its address asks for, what was chosen before, what the browser says."""

from flask import Response, request

FRENCH, ENGLISH = "fr", "en"
LANGUAGES = (FRENCH, ENGLISH)
# Those that are written from right to left, for the day one of them joins the two above.
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ps", "ur"})
ARGUMENT = COOKIE = "lang"
COOKIE_LIFE_S = 31_536_000


def language() -> str:
    """Return the language of the page that answers this request: French when nobody says otherwise."""
    for chosen in (request.args.get(ARGUMENT), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or FRENCH


def keep_choice(response: Response) -> Response:
    """Let the next pages be in the language that this address asked for."""
    chosen = request.args.get(ARGUMENT)
    if chosen in LANGUAGES and request.cookies.get(COOKIE) != chosen:
        response.set_cookie(COOKIE, str(chosen), max_age=COOKIE_LIFE_S, samesite="Lax", httponly=True, path="/")
    return response


def direction_of(code: str) -> str:
    """Return "ltr" or "rtl", as `dir` on a page wants it."""
    return "rtl" if code in RIGHT_TO_LEFT else "ltr"
