"""Declare an endpoint: its path, its permission, its body, its answer, its refusals. Nothing can be left out."""

import datetime
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pydantic
from flask import Blueprint, Request, Response, g, request
from flask.blueprints import BlueprintSetupState
from flask.globals import request_ctx
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from monnaie_locale import runtime
from monnaie_locale.api.errors import BodyInvalid, QueryInvalid
from monnaie_locale.api.idempotency import StoredAnswer, check_key, digest_request, run_once
from monnaie_locale.api.marks import mark, mark_reads_key
from monnaie_locale.api.schema import Body, Query, Reply
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.periods import instant_ms

PREFIX = "/api/v1"
OPERATIONS = "api.operations"
JSON = "application/json"
REPLAYED = "Idempotent-Replay"
ERRORS_SHOWN_MAX = 20
# In JSON it is written so or not at all; after an odd number of backslashes, for two are one of the text.
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Idempotency = Literal["stored", "secret", "journal"]


class Call(NamedTuple):
    """Who asks, under which key, and when."""

    caller: str
    idempotency_key: str
    now: datetime.datetime


class Answer(NamedTuple):
    """A reply with what the plain model cannot say: another status, or that it had been given before."""

    body: Reply
    status: int | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An endpoint as it is documented."""

    method: Method
    path: str
    name: str
    summary: str
    answers: type[Reply] | None
    permission: str
    tag: str
    body: type[Body] | None = None
    query: type[Query] | None = None
    status: int = 200
    refusals: tuple[type[Refusal], ...] = ()
    idempotent: Idempotency | None = None
    reads: bool = True
    reads_key: bool = False
    conditional: bool = False
    description: str = field(default="")


def api_blueprint(name: str, import_name: str) -> Blueprint:
    """Return a blueprint under /api/v1."""
    return Blueprint(name, import_name, url_prefix=PREFIX)


def endpoint(
    blueprint: Blueprint,
    method: Method,
    path: str,
    *,
    summary: str,
    permission: str,
    answers: type[Reply],
    body: type[Body] | None = None,
    query: type[Query] | None = None,
    status: int = 200,
    refusals: tuple[type[Refusal], ...] = (),
    idempotent: Idempotency | None = None,
    reads: bool = True,
    reads_key: bool = False,
    conditional: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Route a function, mark its permission and document it, in one gesture.

    Args:
        blueprint: of `api_blueprint`.
        method: the HTTP method.
        path: below /api/v1, with Flask's converters.
        summary: one English line.
        permission: the one permission it asks for.
        answers: the model of the answer.
        body: the model of the body, which the function gets as `body`.
        query: the model of the query parameters, which the function gets as `query`.
        status: of the answer.
        refusals: the refusals it may give, besides those of access and form.
        idempotent: how a write happens once. "stored": the function gets the transaction, its answer is stored in
            it. "secret": the same, but a secret answer is not stored, the key again is refused. "journal": it passes
            `call.idempotency_key` to the posting. None: a GET, whose function gets a connection that cannot write.
        reads: whether a GET wants that connection; one that asks elsewhere, or nothing at all, does not hold it.
        reads_key: the operation is given `access.key_to_read()` and refuses a key that was revoked, in the transaction
            that posts: only then may the guard let a till in by a key that it read seconds ago.
        conditional: whether a GET's answer carries an ETag, and is not sent again to who has it (RFC 9110, 13.1.2).

    """
    if (method == "GET") != (idempotent is None):
        message = f"{method} {path}: a write says how it happens once, a read does not write"
        raise ValueError(message)
    describe = functools.partial(
        Operation, method=method, path=PREFIX + path, tag=blueprint.name, summary=summary, permission=str(permission),
        answers=answers, body=body, query=query, status=status, refusals=tuple(refusals), idempotent=idempotent,
        reads=reads, reads_key=reads_key, conditional=conditional,
    )  # fmt: skip
    return functools.partial(_declare, blueprint, path, describe)


def _declare(
    blueprint: Blueprint, path: str, describe: Callable[..., Operation], view: Callable[..., Any]
) -> Callable[..., Any]:
    operation = describe(name=view.__name__, description=inspect.getdoc(view) or "")

    @functools.wraps(view)
    def answered(**path_values: int | str) -> Response:
        return _answer(operation, view, path_values)

    marked = mark(answered, operation.permission)
    if operation.reads_key:
        mark_reads_key(marked)
    blueprint.add_url_rule(path, endpoint=view.__name__, view_func=marked, methods=[operation.method])
    blueprint.record(lambda state: _register(state, operation))
    return view


def _register(state: BlueprintSetupState, operation: Operation) -> None:
    operations: list[Operation] = state.app.extensions.setdefault(OPERATIONS, [])
    operations.append(operation)


def _answer(operation: Operation, view: Callable[..., Any], path_values: dict[str, int | str]) -> Response:
    rt = runtime.current()
    asked = request_ctx.request
    key = check_key(asked.headers.get("Idempotency-Key")) if operation.idempotent else ""
    arguments: dict[str, Any] = dict(path_values)
    if operation.body is not None:
        arguments["body"] = _read_body(asked, operation.body)
    if operation.query is not None:
        arguments["query"] = _read_query(operation.query)
    found = g.get("subject")
    arguments["call"] = Call("public:0" if found is None else found.caller, key, rt.clock())
    if operation.idempotent in {"stored", "secret"}:
        digest = digest_request(method=operation.method, path=asked.path, body=asked.get_data())
        stored = functools.partial(
            _run_stored, operation=operation, view=view, arguments=arguments, request_digest=digest
        )
        return _send(transact(rt.engine, stored, territory_id=rt.territory_id))
    if operation.idempotent == "journal" or not operation.reads:
        return _send(_stored(operation, view(**arguments)))
    with reading(rt.engine) as db:
        return _send(_stored(operation, view(db, **arguments)), conditional=operation.conditional)


def _run_stored(
    db: Connection,
    *,
    operation: Operation,
    view: Callable[..., Any],
    arguments: dict[str, Any],
    request_digest: bytes,
    territory_id: int,
) -> StoredAnswer:
    call: Call = arguments["call"]

    def once(db: Connection) -> tuple[int, str]:
        answer = _stored(operation, view(db, **arguments))
        return answer.status, answer.body

    return run_once(
        db,
        territory_id=territory_id,
        caller=call.caller,
        key=call.idempotency_key,
        request_digest=request_digest,
        now_ms=instant_ms(call.now),
        is_secret=operation.idempotent == "secret",
        operation=once,
    )


def _stored(operation: Operation, result: Reply | Answer) -> StoredAnswer:
    answer = result if isinstance(result, Answer) else Answer(result)
    return StoredAnswer(answer.status or operation.status, answer.body.model_dump_json(), replayed=answer.replayed)


def _send(answer: StoredAnswer, *, conditional: bool = False) -> Response:
    response = Response(answer.body, status=answer.status, content_type=JSON)
    if conditional:
        response.add_etag()
        response.make_conditional(request)
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return response


def _read_body(asked: Request, model: type[Body]) -> Body:
    # As nearly everybody writes it; else the type is parsed with its options.
    if asked.content_type != JSON and not asked.is_json:
        raise UnsupportedMediaType
    raw = asked.get_data()
    if ESCAPED_NUL.search(raw):
        # PostgreSQL keeps no text that holds it: refused alike on both databases.
        raise BodyInvalid(errors=[{"field": "", "message": "No text holds the character U+0000"}])
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest from error
    try:
        return model.model_validate_json(raw)
    except pydantic.ValidationError as error:
        if any(fault["type"] == "json_invalid" for fault in error.errors()):
            raise BadRequest from error
        raise BodyInvalid(errors=_faults(error)) from error


def _read_query(model: type[Query]) -> Query:
    try:
        return model.model_validate(request.args.to_dict())
    except pydantic.ValidationError as error:
        raise QueryInvalid(errors=_faults(error)) from error


def _faults(error: pydantic.ValidationError) -> list[dict[str, str]]:
    # The value itself is left out: it may be a PIN typed in the wrong field.
    return [
        {"field": ".".join(str(part) for part in fault["loc"]), "message": fault["msg"]}
        for fault in error.errors(include_input=False, include_url=False)[:ERRORS_SHOWN_MAX]
    ]
