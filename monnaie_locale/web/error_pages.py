"""A refusal or a fault as a French page: what happened, its code, and what to do next."""

import logging
from collections.abc import Callable

from flask import Flask, Response, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from monnaie_locale.database.transaction import CommitInDoubt
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.ledger.errors import Nature, Refusal
from monnaie_locale.web import pages

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
TITLES = {
    Nature.INVALID: "Demande incorrecte",
    Nature.UNAUTHENTICATED: "Connexion nécessaire",
    Nature.FORBIDDEN: "Accès refusé",
    Nature.NOT_FOUND: "Introuvable",
    Nature.CONFLICT: "Opération impossible",
    Nature.SHORT: "Solde insuffisant",
    Nature.GONE: "Ce n’est plus valable",
    Nature.LOCKED: "Accès bloqué",
    Nature.TOO_MANY: "Trop d’essais",
    Nature.UNAVAILABLE: "Service momentanément indisponible",
}
NEXT_STEPS = {
    Nature.INVALID: "Revenez en arrière, corrigez votre saisie et recommencez.",
    Nature.UNAUTHENTICATED: "Connectez-vous, puis recommencez.",
    Nature.FORBIDDEN: "Demandez à une personne qui en a le droit, ou à l’exploitant du service.",
    Nature.NOT_FOUND: "Vérifiez l’adresse ou le numéro, ou revenez à l’accueil.",
    Nature.CONFLICT: "Revenez en arrière et vérifiez l’état actuel avant de recommencer. Rien n’a été enregistré.",
    Nature.SHORT: "Choisissez un montant plus petit. Rien n’a été enregistré.",
    Nature.GONE: "Demandez un nouveau code ou un nouveau lien.",
    Nature.LOCKED: "Adressez-vous à l’accueil du CCAS.",
    Nature.TOO_MANY: "Patientez quelques minutes avant de recommencer.",
    Nature.UNAVAILABLE: "Recommencez dans un instant. Si cela dure, prévenez l’exploitant du service.",
}
# The database cannot be reached or written: stopped, restarting, its disk full. It comes back: the answer is "later".
UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout, CommitInDoubt)
# A full disk or a database that restarts is not mended within a second, and a till should not wait a minute.
RETRY_AFTER_S = 2
# Status → title, sentence, what to do next.
FAULTS: dict[int, tuple[str, str, str]] = {
    400: ("Demande illisible", "Le serveur n’a pas compris cette demande.", NEXT_STEPS[Nature.INVALID]),
    404: ("Page introuvable", "Cette page n’existe pas ou n’existe plus.", NEXT_STEPS[Nature.NOT_FOUND]),
    405: (
        "Action impossible ici",
        "Cette adresse ne s’ouvre pas de cette façon.",
        "Revenez à la page précédente et utilisez ses boutons.",
    ),
    413: ("Envoi trop volumineux", "Le fichier ou le formulaire est trop gros.", "Envoyez un fichier plus petit."),
    500: (
        "Erreur du service",
        "Une erreur s’est produite de notre côté.",
        "Vérifiez si l’opération est enregistrée avant de recommencer. Si cela dure, prévenez l’exploitant du service.",
    ),
}


def init_app(app: Flask, *, api_answer: Callable[[Exception], Response]) -> None:
    """Answer refusals and faults of `app`: a page, or under /api/ what `api_answer` makes of them.

    Args:
        app: the application.
        api_answer: turns a Refusal or an HTTPException into a problem document.

    """

    def refused(error: Refusal) -> Response:
        response = api_answer(error) if _for_program() else refusal_page(error)
        if error.nature is Nature.UNAVAILABLE:
            if error.__cause__ is not None:
                # The writer's answer to a till: what the database said to it is nowhere else.
                logger.error("%s at endpoint %s", error.code, request.endpoint, exc_info=error)
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    def unreachable(error: Exception) -> Response:
        logger.error("no database at endpoint %s", request.endpoint, exc_info=error)
        return refused(LedgerUnavailable())

    def failed(error: HTTPException) -> Response:
        return api_answer(error) if _for_program() else fault_page(error)

    def broken(error: Exception) -> Response:
        # The traceback goes to the log with the address, never the query or the form: they may hold a card's code.
        logger.error("unexpected fault at endpoint %s", request.endpoint, exc_info=error)
        fault = InternalServerError()
        return api_answer(fault) if _for_program() else fault_page(fault)

    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, failed)
    for kind in UNREACHABLE:
        app.register_error_handler(kind, unreachable)
    app.register_error_handler(Exception, broken)


def refusal_page(refusal: Refusal) -> Response:
    """Return the page of a refusal."""
    return pages.render(
        "kit/error.html",
        status=pages.status_of(refusal),
        heading=TITLES[refusal.nature],
        sentence=refusal.sentence(),
        code=refusal.code,
        next_step=NEXT_STEPS[refusal.nature],
    )


def fault_page(error: HTTPException) -> Response:
    """Return the page of an HTTP error."""
    status = error.code or 500
    heading, sentence, next_step = FAULTS.get(status, FAULTS[500 if status >= 500 else 400])  # noqa: PLR2004
    response = pages.render(
        "kit/error.html", status=status, heading=heading, sentence=sentence, code=f"http_{status}", next_step=next_step
    )
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers["Allow"] = value
    return response


def _for_program() -> bool:
    return request.path.startswith(API_PREFIX)
