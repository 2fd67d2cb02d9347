"""Refusals and faults as RFC 9457 problems."""

import datetime
import json
from enum import Enum
from http import HTTPStatus

from flask import Response, request
from werkzeug.exceptions import HTTPException

from monnaie_locale import runtime
from monnaie_locale.api.errors import IdempotencyKeyMalformed, IdempotencyKeyMissing
from monnaie_locale.ledger.errors import Nature, Refusal

MEDIA_TYPE = "application/problem+json"
STATUS_BY_NATURE: dict[Nature, HTTPStatus] = {
    Nature.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Nature.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Nature.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Nature.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Nature.CONFLICT: HTTPStatus.CONFLICT,
    Nature.SHORT: HTTPStatus.CONFLICT,
    Nature.GONE: HTTPStatus.GONE,
    Nature.LOCKED: HTTPStatus.LOCKED,
    Nature.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Nature.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
# A missing or malformed header is a fault of the request's form, not of what it asks.
BAD_REQUESTS = (IdempotencyKeyMissing, IdempotencyKeyMalformed)
FAULT_TITLES: dict[int, tuple[str, str]] = {
    400: ("La demande est illisible.", "The request cannot be read."),
    404: ("Cette adresse n’existe pas.", "There is nothing at this address."),
    405: ("Cette méthode n’est pas permise ici.", "This method is not allowed here."),
    413: ("La demande est trop volumineuse.", "The request is too large."),
    415: ("Le corps doit être du JSON (application/json).", "The body must be JSON (application/json)."),
    500: (
        "Une erreur s’est produite de notre côté. Recommencez avec la même clé : rien ne sera compté deux fois.",
        "Something broke on our side. Ask again with the same key: nothing is counted twice.",
    ),
}


def status_of(refusal: Refusal | type[Refusal]) -> int:
    """Return the HTTP status of a refusal."""
    kind = refusal if isinstance(refusal, type) else type(refusal)
    if issubclass(kind, BAD_REQUESTS):
        return HTTPStatus.BAD_REQUEST.value
    return STATUS_BY_NATURE[kind.nature].value


def answer(error: Exception) -> Response:
    """Return the problem document of a refusal or an HTTP error."""
    if isinstance(error, Refusal):
        title = error.sentence() if prefers_french() else error.english()
        return _problem(error.code, status_of(error), title, error.details)
    status = 500
    if isinstance(error, HTTPException):
        status = error.code or status
    french, english = FAULT_TITLES.get(status, FAULT_TITLES[500 if status >= 500 else 400])  # noqa: PLR2004
    response = _problem(f"http_{status}", status, french if prefers_french() else english, {})
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name.lower() == "allow":
                response.headers["Allow"] = value
    return response


def prefers_french() -> bool:
    """Tell whether the caller reads French rather than English; French when it does not say."""
    # Not `best_match`: it prefers an exact "fr" of low weight to "en-GB", which is what browsers send.
    spoken = (tag.partition("-")[0].lower() for tag, weight in request.accept_languages if weight > 0)
    return next((language for language in spoken if language in {"fr", "en"}), "fr") == "fr"


def _problem(code: str, status: int, title: str, details: dict[str, object]) -> Response:
    document = {
        "type": f"{runtime.current().base_url.rstrip('/')}/api/v1/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        "details": {name: _plain(value) for name, value in details.items()},
        "instance": request.path,
    }
    response = Response(json.dumps(document, ensure_ascii=False), status=status, content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = "fr" if prefers_french() else "en"
    response.headers["Vary"] = "Accept-Language"
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="monnaie-locale"'
    return response


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(value)
