"""Endpoints: bodies, answers, problems, writes that happen once, and their documentation."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from monnaie_locale.api.endpoint import Answer, Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.api.schema import Body, Cents, PositiveCents, Reply
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity import api_keys, audit
from monnaie_locale.identity.roles import Permission, Role, SubjectKind
from monnaie_locale.ledger.errors import AmountNotPositive, InsufficientFunds
from tests.factories.ledger import TERRITORY_ID
from tests.factories.site import Site, build_site


class GiftBody(Body):
    """What is given."""

    label: str
    amount_cents: PositiveCents


class GiftReply(Reply):
    """What was given."""

    number: int
    amount_cents: Cents


class GiftPage(Reply):
    """Some of what was given."""

    numbers: list[int]
    next_cursor: str | None


def gifts_api():
    blueprint = api_blueprint("gifts", __name__)

    @endpoint(
        blueprint,
        "POST",
        "/gifts",
        summary="Give",
        body=GiftBody,
        answers=GiftReply,
        status=201,
        permission=Permission.MANAGE_WALLETS,
        refusals=(AmountNotPositive, InsufficientFunds),
        idempotent="stored",
    )
    def give(db: Connection, *, body: GiftBody, call: Call) -> GiftReply:
        """Give an amount."""
        if body.amount_cents <= 0:
            raise AmountNotPositive
        audit.record(
            db, territory_id=TERRITORY_ID, at=call.now, actor=call.caller, action="gift", target=f"gift:{body.label}"
        )
        if body.amount_cents > 5000:
            raise InsufficientFunds(available_cents=5000)
        number = db.execute(text("SELECT count(*) FROM audit_events WHERE action = 'gift'")).scalar_one()
        return GiftReply(number=number, amount_cents=body.amount_cents)

    @endpoint(
        blueprint,
        "POST",
        "/gifts/<int:gift_id>/thanks",
        summary="Thank",
        answers=GiftReply,
        permission=Permission.MANAGE_WALLETS,
        idempotent="journal",
    )
    def thank(*, call: Call, gift_id: int) -> Answer:
        """Thank for a gift; the journal would know the key."""
        return Answer(GiftReply(number=gift_id, amount_cents=1), replayed=call.idempotency_key == "known")

    @endpoint(
        blueprint,
        "GET",
        "/gifts",
        summary="List",
        query=PageQuery,
        answers=GiftPage,
        permission=Permission.VIEW_WALLETS,
    )
    def list_gifts(db: Connection, *, query: PageQuery, call: Call) -> GiftPage:
        """List gifts."""
        position = read_cursor(query.cursor)
        after = position[0] if position else 0
        numbers = list(range(int(after) + 1, int(after) + 1 + query.limit))
        return GiftPage(numbers=numbers, next_cursor=write_cursor((numbers[-1],)))

    @endpoint(
        blueprint, "GET", "/sneaky", summary="Write on reading", answers=GiftPage, permission=Permission.VIEW_WALLETS
    )
    def sneak(db: Connection, *, call: Call) -> GiftPage:
        """Try to write while reading."""
        db.execute(text("DELETE FROM sessions"))
        return GiftPage(numbers=[], next_cursor=None)

    return blueprint


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    """Build a site with an endpoint of each shape."""
    built = build_site(db_engine, blueprints=(gifts_api(),))
    yield built
    built.rt.stop()


@pytest.fixture
def headers(site: Site) -> dict[str, str]:
    """Give the headers of an agent's program."""
    key = transact(
        site.rt.engine,
        api_keys.issue_api_key,
        territory_id=TERRITORY_ID,
        kind=SubjectKind.STAFF,
        subject_id=site.staff(Role.AGENT).staff_id,
        label="test",
        actor="job:test",
        now=site.clock(),
        random_bytes=site.rt.random_bytes,
    )
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def client(site: Site) -> FlaskClient:
    """Give a program."""
    return site.app.test_client()


BODY = {"label": "bread", "amount_cents": 1250}


def gifts(site: Site) -> int:
    with reading(site.rt.engine) as db:
        return db.execute(text("SELECT count(*) FROM audit_events WHERE action = 'gift'")).scalar_one()


def test_a_write_under_one_key_happens_once(site: Site, client: FlaskClient, headers: dict[str, str]):
    keyed = headers | {"Idempotency-Key": "k1"}
    first, again = (client.post("/api/v1/gifts", json=BODY, headers=keyed) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert first.json == {"number": 1, "amount_cents": 1250}
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert gifts(site) == 1


def test_the_same_key_for_something_else_is_refused(site: Site, client: FlaskClient, headers: dict[str, str]):
    keyed = headers | {"Idempotency-Key": "k1"}
    client.post("/api/v1/gifts", json=BODY, headers=keyed)

    answer = client.post("/api/v1/gifts", json=BODY | {"amount_cents": 1251}, headers=keyed)

    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert gifts(site) == 1


def test_a_refusal_is_a_problem_stores_nothing_and_may_be_tried_again(
    site: Site, client: FlaskClient, headers: dict[str, str]
):
    keyed = headers | {"Idempotency-Key": "k1"}
    answer = client.post("/api/v1/gifts", json=BODY | {"amount_cents": 5001}, headers=keyed)

    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert answer.json == {
        "type": "http://localhost/api/v1/problems/insufficient_funds",
        "title": "Solde insuffisant : il reste 50,00\u00a0€.",
        "status": 409,
        "code": "insufficient_funds",
        "details": {"available_cents": 5000},
        "instance": "/api/v1/gifts",
    }
    assert gifts(site) == 0
    assert client.post("/api/v1/gifts", json=BODY, headers=keyed).status_code == 201


def test_one_key_sent_many_times_at_once_writes_once(site: Site, headers: dict[str, str]):
    def send(_: int) -> tuple[int, bytes]:
        answer = site.app.test_client().post("/api/v1/gifts", json=BODY, headers=headers | {"Idempotency-Key": "k1"})
        return answer.status_code, answer.data

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(send, range(12)))

    assert len(answers) == 1
    assert gifts(site) == 1


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "idempotency_key_missing"), ("", "idempotency_key_missing"), ("é", "idempotency_key_malformed"),
     ("a b", "idempotency_key_malformed"), ("x" * 129, "idempotency_key_malformed")],
)  # fmt: skip
def test_a_write_without_a_proper_key_is_refused(
    client: FlaskClient, headers: dict[str, str], key: str | None, code: str
):
    answer = client.post(
        "/api/v1/gifts", json=BODY, headers=headers | ({} if key is None else {"Idempotency-Key": key})
    )

    assert (answer.status_code, answer.json["code"]) == (400, code)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "http_400"),
        (b"{", 400, "http_400"),
        (b"\xff", 400, "http_400"),
        (b"[]", 422, "body_invalid"),
        (b"{}", 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": 12.5}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": 12.0}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": "12"}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": true}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": 1e2}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": NaN}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": 1, "pin": "1234"}', 422, "body_invalid"),
        (b'{"label": "a", "amount_cents": 0}', 422, "amount_not_positive"),
        (b'{"label": "a", "amount_cents": -1}', 422, "amount_not_positive"),
    ],
)
def test_a_wrong_body_gets_a_clear_answer(
    client: FlaskClient, headers: dict[str, str], raw: bytes, status: int, code: str
):
    answer = client.post(
        "/api/v1/gifts", data=raw, content_type="application/json", headers=headers | {"Idempotency-Key": "k"}
    )

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert "1234" not in answer.text  # what was typed is never sent back: it may be a PIN in the wrong field


def test_the_body_must_say_that_it_is_json(client: FlaskClient, headers: dict[str, str]):
    answer = client.post("/api/v1/gifts", data=json.dumps(BODY), headers=headers | {"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json["code"]) == (415, "http_415")


def test_a_title_is_in_the_callers_language(client: FlaskClient, headers: dict[str, str]):
    english = client.post("/api/v1/gifts", json=BODY, headers=headers | {"Accept-Language": "en-GB,fr;q=0.5"})
    french = client.post("/api/v1/gifts", json=BODY, headers=headers | {"Accept-Language": "de"})

    assert english.json["title"] == "A write needs the header Idempotency-Key."
    assert french.json["title"].startswith("Toute écriture")
    assert (english.headers["Content-Language"], french.headers["Content-Language"]) == ("en", "fr")


def test_the_journals_own_replay_is_told(client: FlaskClient, headers: dict[str, str]):
    answers = [
        client.post("/api/v1/gifts/7/thanks", headers=headers | {"Idempotency-Key": key}) for key in ("a", "known")
    ]

    assert [answer.headers.get("Idempotent-Replay") for answer in answers] == [None, "true"]
    assert answers[0].json["number"] == 7


def test_pages_follow_their_cursor(client: FlaskClient, headers: dict[str, str]):
    first = client.get("/api/v1/gifts?limit=3", headers=headers).json
    second = client.get(f"/api/v1/gifts?limit=2&cursor={first['next_cursor']}", headers=headers).json

    assert (first["numbers"], second["numbers"]) == ([1, 2, 3], [4, 5])
    for wrong, code in (("limit=0", "query_invalid"), ("limit=x", "query_invalid"), ("color=red", "query_invalid"),
                        ("cursor=zz", "cursor_invalid")):  # fmt: skip
        answer = client.get(f"/api/v1/gifts?{wrong}", headers=headers)
        assert (answer.status_code, answer.json["code"]) == (422, code)


def test_a_read_cannot_write(site: Site, client: FlaskClient, headers: dict[str, str]):
    site.client_of(Role.AGENT)

    client.get("/api/v1/sneaky", headers=headers)

    with reading(site.rt.engine) as db:
        assert db.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/gifts", 405), ("GET", "/api/", 404)],
)
def test_faults_under_the_api_are_problems_too(client: FlaskClient, method: str, path: str, status: int):
    answer = client.open(path, method=method)

    assert (answer.status_code, answer.json["code"]) == (status, f"http_{status}")
    assert answer.content_type == "application/problem+json"
    assert ("Allow" in answer.headers) is (status == 405)


def test_a_body_beyond_the_limit_is_refused(site: Site, client: FlaskClient, headers: dict[str, str]):
    site.app.config["MAX_CONTENT_LENGTH"] = 100
    answer = client.post("/api/v1/gifts", json=BODY | {"label": "x" * 200}, headers=headers | {"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json["code"]) == (413, "http_413")


def test_a_visitor_is_told_how_to_come_in(client: FlaskClient):
    answer = client.get("/api/v1/gifts")

    assert (answer.status_code, answer.json["code"]) == (401, "sign_in_needed")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_document_describes_every_endpoint_and_every_reference_leads_somewhere(client: FlaskClient):
    document = client.get("/api/v1/openapi.json").json
    text_of_it = json.dumps(document)

    assert document["openapi"] == "3.1.0"
    paths = ("/api/v1/gifts", "/api/v1/gifts/{gift_id}/thanks", "/api/v1/health", "/api/v1/sneaky")
    assert set(document["paths"]) == set(paths)
    give = document["paths"]["/api/v1/gifts"]["post"]
    assert give["x-permission"] == "manage_wallets"
    assert {"Idempotency-Key"} == {field["name"] for field in give["parameters"]}
    assert set(give["responses"]) == {"201", "400", "401", "403", "409", "415", "422", "503"}
    assert "insufficient_funds" in json.dumps(give["responses"]["409"])
    schemas = document["components"]["schemas"]
    for reference in text_of_it.split('"$ref": "')[1:]:
        assert reference.split('"')[0].removeprefix("#/components/schemas/") in schemas
    assert schemas["GiftBody"]["additionalProperties"] is False


def test_every_problem_has_a_page_of_its_own(client: FlaskClient):
    assert client.get("/api/v1/problems/insufficient_funds").json["status"] == 409
    assert client.get("/api/v1/problems/permission_missing").json["status"] == 403
    assert client.get("/api/v1/problems/nonsense").status_code == 404


def test_a_write_that_does_not_say_how_it_happens_once_cannot_be_declared():
    with pytest.raises(ValueError, match="a write says"):
        endpoint(api_blueprint("x", __name__), "POST", "/x", summary="x", answers=GiftReply, permission="x")
    with pytest.raises(ValueError, match="a read does not"):
        endpoint(
            api_blueprint("x", __name__),
            "GET",
            "/x",
            summary="x",
            answers=GiftReply,
            permission="x",
            idempotent="stored",
        )


@pytest.mark.parametrize("digest", ["'x'", "''"])
def test_the_database_refuses_a_stored_answer_without_digest(site: Site, digest: str):
    row = f"INSERT INTO idempotency_keys VALUES (1, 'staff:1', {digest}, {digest}, 200, '', 0)"

    with pytest.raises(DBAPIError):
        transact(site.rt.engine, lambda db: db.execute(text(row)))
