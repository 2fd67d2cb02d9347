"""Read an export line by line, each value of its own type or not at all."""

import datetime
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monnaie_locale.audit.model import (
    FORMAT,
    VERSIONS_READ,
    Account,
    Entry,
    Head,
    Header,
    Period,
    Reopening,
    Trailer,
)
from monnaie_locale.ledger.accounts import AccountKind
from monnaie_locale.ledger.canonical import Line

Item = Header | Head | Period | Reopening | Account | Entry | Trailer
ORDER = ("header", "head", "period", "reopening", "account", "entry", "trailer")
# No line of an entry is longer; a file that is one endless line must not fill the memory.
LINE_BYTES_MAX = 4_000_000
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
JsonObject = dict[str, Any]


class Malformed(Exception):
    """A line that is not what a line of an export is."""

    def __init__(self, line_no: int, french: str) -> None:
        """Say which line, and why, in French."""
        super().__init__(french)
        self.line_no = line_no
        self.french = french


@dataclass(frozen=True, slots=True)
class Read:
    """An item and the SHA-256 of all the lines before it."""

    item: Item
    digest_before: bytes


def read_export(path: Path) -> Iterator[Read]:
    """Yield the items of an export in order, memory flat; raises Malformed, and OSError when it cannot be opened."""
    digest = hashlib.sha256()
    place = 0
    with path.open("rb") as file:
        line_no = 0
        while line := file.readline(LINE_BYTES_MAX):
            line_no += 1
            try:
                content: JsonObject = json.loads(line)
                kind = ORDER.index(content["type"])
                item = READERS[kind](content)
            except UNREADABLE as error:
                raise Malformed(line_no, f"La ligne {line_no} est illisible.") from error
            if kind < place or (kind == place and ORDER[kind] in {"header", "trailer"} and line_no > 1):
                raise Malformed(line_no, f"La ligne {line_no} n’est pas à sa place.")
            if line_no == 1 and kind != 0:
                raise Malformed(line_no, "Le fichier ne commence pas comme un export de contrôle.")
            place = kind
            # The trailer holds the digest of the lines before it.
            before = digest.digest() if ORDER[kind] == "trailer" else b""
            yield Read(item, before)
            digest.update(line)


def _header(content: JsonObject) -> Header:
    if content["format"] != FORMAT or content["version"] not in VERSIONS_READ:
        raise ValueError(content["format"])
    return Header(
        territory_id=_whole(content["territory"]["id"]),
        territory_name=_text(content["territory"]["name"]),
        exported_at_ms=_whole(content["exported_at_ms"]),
        public_key_pem=_text(content["public_key"]),
    )


def _head(content: JsonObject) -> Head:
    return Head(
        size=_whole(content["size"]),
        root=bytes.fromhex(content["root"]),
        accounts_size=_whole(content["accounts_size"]),
        accounts_root=bytes.fromhex(content["accounts_root"]),
        sealed_at_ms=_whole(content["sealed_at_ms"]),
        signature=bytes.fromhex(content["signature"]),
    )


def _period(content: JsonObject) -> Period:
    return Period(
        starts_on=datetime.date.fromisoformat(content["starts_on"]),
        ends_on=datetime.date.fromisoformat(content["ends_on"]),
        last_entry_id=_whole(content["last_entry"]),
    )


def _reopening(content: JsonObject) -> Reopening:
    return Reopening(
        starts_on=datetime.date.fromisoformat(content["starts_on"]),
        ends_on=datetime.date.fromisoformat(content["ends_on"]),
        last_entry_id=_whole(content["last_entry"]),
        reopened_entry_id=_whole(content["reopened_entry"]),
    )


def _account(content: JsonObject) -> Account:
    return Account(
        account_id=_whole(content["number"]),
        kind=AccountKind(_whole(content["kind"])),
        programme_id=_whole(content["programme"]),
        wallet_id=_whole(content["wallet"]),
        merchant_id=_whole(content["merchant"]),
        expires_on=_day(content["expires_on"]),
        opened_at_ms=_whole(content["opened_at_ms"]),
        leaf_hash=bytes.fromhex(content["leaf_hash"]),
    )


def _entry(content: JsonObject) -> Entry:
    reverses = content["reverses"]
    return Entry(
        entry_id=_whole(content["number"]),
        kind=_whole(content["kind"]),
        happened_at_ms=_whole(content["happened_at_ms"]),
        recorded_at_ms=_whole(content["recorded_at_ms"]),
        accounted_on=_day(content["accounted_on"]),
        caller=_text(content["caller"]),
        key_digest=bytes.fromhex(content["key_digest"]),
        request_digest=bytes.fromhex(content["request_digest"]),
        reverses_entry_id=None if reverses is None else _whole(reverses),
        reference=_text(content["reference"]),
        lines=[_line(each) for each in content["transfers"]],
        leaf_hash=bytes.fromhex(content["leaf_hash"]),
    )


def _trailer(content: JsonObject) -> Trailer:
    return Trailer(
        heads=_whole(content["heads"]),
        periods=_whole(content["periods"]),
        reopenings=_whole(content.get("reopenings", 0)),
        accounts=_whole(content["accounts"]),
        entries=_whole(content["entries"]),
        transfers=_whole(content["transfers"]),
        sha256=bytes.fromhex(content["sha256"]),
        signature=bytes.fromhex(content["signature"]),
    )


READERS = (_header, _head, _period, _reopening, _account, _entry, _trailer)


def _line(content: object) -> Line:
    if not isinstance(content, list):
        raise TypeError(content)
    debit, credit, cents = content
    return _whole(debit), _whole(credit), _whole(cents)


def _whole(value: object) -> int:
    # Not isinstance: true is no number.
    if type(value) is not int:
        raise TypeError(value)
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _day(value: object) -> str:
    if type(value) is not str or datetime.date.fromisoformat(value).isoformat() != value:
        raise ValueError(value)
    return value
