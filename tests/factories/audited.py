"""An export in somebody's hands: read as lines, changed at will, its trailer made to fit. Only the key is missing."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from monnaie_locale.ledger.canonical import entry_bytes, opening_bytes
from monnaie_locale.ledger.merkle import hash_leaf

COUNTED = {"head": "heads", "period": "periods", "reopening": "reopenings", "account": "accounts", "entry": "entries"}
Lines = list[dict]


def read_lines(path: Path) -> Lines:
    """Return the lines of an export."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def write_lines(path: Path, lines: Lines) -> Path:
    """Write lines as they are."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="ascii")
    return path


def of_type(lines: Lines, kind: str) -> Lines:
    """Return the lines of a type, the very same ones: changing them changes the export."""
    return [line for line in lines if line["type"] == kind]


def falsified(source: Path, target: Path, change: Callable[[Lines], None]) -> Path:
    """Write a changed copy whose trailer counts and digests what is in it now, as a forger would."""
    lines = read_lines(source)
    change(lines)
    trailers = of_type(lines, "trailer")
    if trailers:
        trailer = trailers[0]
        body = [line for line in lines if line is not trailer]
        for kind, field in COUNTED.items():
            trailer[field] = len(of_type(body, kind))
        trailer["transfers"] = sum(len(entry["transfers"]) for entry in of_type(body, "entry"))
        text = "".join(f"{json.dumps(line)}\n" for line in body)
        trailer["sha256"] = hashlib.sha256(text.encode("ascii")).hexdigest()
    return write_lines(target, lines)


def rehash(entry: dict, *, territory_id: int = 1) -> None:
    """Give an entry the leaf hash of what it says now."""
    content = entry_bytes(
        territory_id,
        entry["number"],
        entry["kind"],
        entry["happened_at_ms"],
        entry["recorded_at_ms"],
        entry["accounted_on"],
        entry["caller"],
        bytes.fromhex(entry["key_digest"]),
        bytes.fromhex(entry["request_digest"]),
        entry["reverses"],
        entry["reference"],
        [tuple(line) for line in entry["transfers"]],
    )
    entry["leaf_hash"] = hash_leaf(content).hex()


def rehash_account(account: dict, *, territory_id: int = 1) -> None:
    """Give an account the leaf hash of what it says now."""
    content = opening_bytes(
        territory_id,
        account["number"],
        account["kind"],
        account["programme"],
        account["wallet"],
        account["merchant"],
        account["expires_on"],
        account["opened_at_ms"],
    )
    account["leaf_hash"] = hash_leaf(content).hex()
