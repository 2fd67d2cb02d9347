"""A number that no column holds, a text that PostgreSQL cannot keep: each operation answers, without a fault."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from monnaie_locale.api import openapi
from monnaie_locale.api.endpoint import ESCAPED_NUL
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from tests.factories.ledger import open_world
from tests.factories.merchants import paired
from tests.factories.month import open_month_in
from tests.integration.monnaie_locale.reconciliation.test_differences_api import (
    Program,
    _example,
    live,
    program,
    site_of,
)

ODD = (2**31, 10**30, "a\u0000b", "\u0000")


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_no_field_of_a_body_is_a_fault_of_the_database(db_engine: Engine) -> None:
    month = open_month_in(open_world(db_engine))
    live(month)
    site = site_of(month)
    site.app.testing = False
    staff = program(site, *(role for role in Role if role not in {Role.TILL, Role.HOLDER, Role.PUBLIC}))
    key = transact(
        db_engine, issue_api_key, territory_id=1, kind=SubjectKind.TILL,
        subject_id=paired(month.world, month.shops[0]).id, label="test", actor="job:test", now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )  # fmt: skip
    till = Program(site.app.test_client(), key)
    document = site.app.test_client().get("/api/v1/openapi.json").json
    sent, faults = 0, []
    for operation in openapi.operations_of(site.app):
        example = _example(document, operation)
        path = openapi.PARAMETER.sub(lambda found: "1" if found["converter"] == "int" else "2026-10", operation.path)
        who = staff if staff.send(operation.method, path.removeprefix("/api/v1"), {}).status_code != 403 else till
        named = {} if operation.body is None else dict.fromkeys(operation.body.model_fields) | (example or {})
        # As it is first: what it makes is there for those that follow.
        for body in (example, *_odd(example, named)):
            answer = who.send(operation.method, path.removeprefix("/api/v1"), body)
            sent += 1
            if answer.status_code >= 500:
                faults.append((operation.method, operation.path, body))
    site.rt.stop()
    assert faults == []
    assert sent > 300


def _odd(example: Any, names: Any) -> Iterator[Any]:
    """Yield the example with each of these fields, and those inside of them, made odd."""
    for name in range(len(names)) if isinstance(names, list) else names:
        inside = names[name]
        for each in _odd(inside, inside) if isinstance(inside, dict | list) else ODD:
            changed = copy.copy(example)
            changed[name] = each
            yield changed


def test_only_the_character_itself_is_refused() -> None:
    assert ESCAPED_NUL.search(rb'{"a": "\u0000"}')
    assert ESCAPED_NUL.search(rb'{"a": "\\\u0000"}')
    assert not ESCAPED_NUL.search(rb'{"a": "\\u0000"}')
