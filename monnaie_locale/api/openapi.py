"""The OpenAPI 3.1 document, made from the declared endpoints; nothing in it is written twice."""

import re
from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, jsonify
from pydantic.json_schema import models_json_schema
from werkzeug.exceptions import NotFound

from monnaie_locale import runtime
from monnaie_locale.api import errors, problems
from monnaie_locale.api.endpoint import OPERATIONS, PREFIX, REPLAYED, Operation, api_blueprint
from monnaie_locale.api.examples import example_of
from monnaie_locale.api.marks import OPEN_TO_ALL, mark
from monnaie_locale.journal.errors import LedgerUnavailable
from monnaie_locale.ledger.errors import IdempotencyKeyReused, Refusal

VERSION = "3.1.0"
CATALOGUE = "api.refusals"
# What fits a 32-bit column (`web.addresses` says the same to the router).
IDENTIFIER = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
PARAMETER = re.compile(r"<(?:(?P<converter>[a-z]+)(?:\([^)]*\))?:)?(?P<name>[a-z_]+)>")
KEY_ADVICE = (
    "New for each request, the same for its retries. A UUID version 8 that begins with its milliseconds,"
    " as version 7 does (RFC 9562), is written fastest."
)
SCHEMA_REF = "#/components/schemas/{model}"

blueprint = api_blueprint("api_document", __name__)


def init_app(app: Flask, *, refusals: Iterable[type[Refusal]]) -> None:
    """Serve the document and the catalogue of refusals.

    Args:
        app: the application.
        refusals: those of every package, besides what the endpoints declare.

    """
    app.extensions[CATALOGUE] = (*errors.REFUSALS, IdempotencyKeyReused, *refusals)
    app.register_blueprint(blueprint)


def _show_document() -> Response:
    return jsonify(document(operations_of(current_app), base_url=runtime.current().base_url))


def _show_problem(code: str) -> Response:
    refusal = catalogue(current_app).get(code)
    if refusal is None:
        raise NotFound
    english = (refusal.__doc__ or code).splitlines()[0]
    return jsonify(code=code, status=problems.status_of(refusal), english=english, french=refusal.french)


blueprint.add_url_rule("/openapi.json", "document", mark(_show_document, OPEN_TO_ALL), methods=["GET"])
blueprint.add_url_rule("/problems/<code>", "problem", mark(_show_problem, OPEN_TO_ALL), methods=["GET"])


def operations_of(app: Flask) -> list[Operation]:
    """Return every endpoint of the application, by path and method."""
    operations: list[Operation] = app.extensions.get(OPERATIONS, [])
    return sorted(operations, key=lambda operation: (operation.path, operation.method))


def catalogue(app: Flask) -> dict[str, type[Refusal]]:
    """Return every refusal the API may give, by code."""
    known: list[type[Refusal]] = [*app.extensions[CATALOGUE]]
    for operation in operations_of(app):
        known += operation.refusals
    return {refusal.code: refusal for refusal in known}


def document(operations: Iterable[Operation], *, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI document of `operations`."""
    operations = list(operations)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    names, schemas = _schemas(operations)
    for operation in operations:
        path = PARAMETER.sub(lambda found: "{" + found["name"] + "}", operation.path)
        paths[path][operation.method.lower()] = _described(operation, names, schemas)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Monnaie locale",
            "version": "1",
            "description": "Amounts are integer euro cents. Every write carries an Idempotency-Key.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": base_url.rstrip("/") or "/"}],
        "security": [{"key": []}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas | {"Problem": _problem_schema()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(operations: list[Operation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    models: list[tuple[Any, Any]] = []
    for operation in operations:
        models += [(operation.body, "validation")] if operation.body else []
        models += [(operation.answers, "serialization")] if operation.answers else []
        models += [(operation.query, "validation")] if operation.query else []
    references, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=SCHEMA_REF)
    return dict(references), dict(definitions.get("$defs", {}))


def _described(operation: Operation, names: dict[Any, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{operation.tag}.{operation.name}",
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "x-permission": operation.permission,
        "parameters": _parameters(operation),
        "responses": _responses(operation, names),
    }
    if operation.permission == OPEN_TO_ALL:
        described["security"] = []
    if operation.body is not None:
        schema = names[operation.body, "validation"]
        content = {"schema": schema, "example": example_of(schema, schemas=schemas)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": found["name"],
            "in": "path",
            "required": True,
            "schema": IDENTIFIER if found["converter"] == "int" else {"type": "string"},
        }
        for found in PARAMETER.finditer(operation.path)
    ]
    if operation.query is not None:
        fields = operation.query.model_json_schema()
        parameters += [
            {"name": name, "in": "query", "required": name in fields.get("required", []), "schema": schema}
            for name, schema in fields["properties"].items()
        ]
    if operation.idempotent:
        key = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
        parameters.append({
            "name": "Idempotency-Key", "in": "header", "required": True, "schema": key, "description": KEY_ADVICE,
        })  # fmt: skip
    if operation.conditional:
        parameters.append({"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}})
    return parameters


def _responses(operation: Operation, names: dict[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answers is not None:
        good["content"] = {"application/json": {"schema": names[operation.answers, "serialization"]}}
    if operation.idempotent:
        described = "true when this answer was given before"
        good["headers"] = {REPLAYED: {"description": described, "schema": {"type": "string", "const": "true"}}}
    responses: dict[str, Any] = {str(operation.status): good}
    if operation.conditional:
        good["headers"] = {"ETag": {"description": "what If-None-Match takes", "schema": {"type": "string"}}}
        responses[str(int(HTTPStatus.NOT_MODIFIED))] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    for status, codes in sorted(_codes_by_status(operation).items()):
        schema: dict[str, Any] = {"$ref": SCHEMA_REF.format(model="Problem")}
        if codes:
            schema = {"allOf": [schema, {"properties": {"code": {"enum": sorted(codes)}}}]}
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {problems.MEDIA_TYPE: {"schema": schema}},
        }
    return responses


def _codes_by_status(operation: Operation) -> dict[int, set[str]]:
    codes: dict[int, set[str]] = defaultdict(set)
    refusals = list(operation.refusals)
    if PARAMETER.search(operation.path):
        # A value that no route takes is an address that does not exist, or one where only another method is served.
        codes[HTTPStatus.NOT_FOUND].add("http_404")
        codes[HTTPStatus.METHOD_NOT_ALLOWED].add("http_405")
    if operation.body is not None:
        refusals.append(errors.BodyInvalid)
        codes[HTTPStatus.UNSUPPORTED_MEDIA_TYPE].add("http_415")
        codes[HTTPStatus.BAD_REQUEST].add("http_400")
    if operation.query is not None:
        refusals += [errors.QueryInvalid, errors.CursorInvalid]
    if operation.idempotent:
        refusals += [errors.IdempotencyKeyMissing, errors.IdempotencyKeyMalformed, IdempotencyKeyReused]
        refusals.append(LedgerUnavailable)
    if operation.idempotent == "secret":
        refusals.append(errors.AnswerShownOnce)
    for refusal in refusals:
        codes[problems.status_of(refusal)].add(refusal.code)
    if operation.permission != OPEN_TO_ALL:
        # Who is refused at the door, and how, is identity's to say: the code is left open.
        codes[HTTPStatus.UNAUTHORIZED] = set()
        codes[HTTPStatus.FORBIDDEN] = set()
    return codes


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "RFC 9457 problem; `code` is stable and made for programs, `title` is made for people",
        "required": ["type", "title", "status", "code", "details", "instance"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "examples": [f"see {PREFIX}/problems/{{code}}"]},
            "details": {"type": "object", "description": "amounts are named *_cents"},
            "instance": {"type": "string"},
        },
    }
