"""Write the books for an auditor: one file, everything that is needed to derive them again, and no name.

The format is that of `monnaie_locale.audit.model`, which reads it. Rows are streamed: memory stays flat.
"""

import datetime
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection

from monnaie_locale.audit.model import FORMAT, VERSION
from monnaie_locale.journal.audit_rows import account_rows, entry_rows, head_rows, period_rows, reopening_rows
from monnaie_locale.journal.directory import territory_of
from monnaie_locale.ledger.heads import export_text
from monnaie_locale.ledger.periods import instant_ms

# Made once: json.dumps with options makes an encoder at every call.
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)
PART = ".part"


def export_for_audit(
    db: Connection,
    *,
    territory_id: int,
    path: Path,
    public_key_pem: str,
    sign: Callable[[bytes], bytes],
    now: datetime.datetime,
) -> Counter[str]:
    """Write a territory's books to a file, whole or not at all, and return how many there are of each line.

    Args:
        db: a connection that sees one state of the books.
        territory_id: whose books.
        path: the file; one that is there already is replaced.
        public_key_pem: the key that checks the signatures.
        sign: the installation's signature, over the whole file.
        now: the present instant, aware.

    Raises OSError when the file cannot be written. Refuses territory_unknown.

    """
    part = path.with_name(path.name + PART)
    counts: Counter[str] = Counter()
    digest = hashlib.sha256()
    with part.open("wb") as file:
        for content in _lines(db, territory_id, public_key_pem, now):
            counts[str(content["type"])] += 1
            if content["type"] == "entry":
                counts["transfer"] += len(content["transfers"])  # type: ignore[arg-type]
            line = f"{ENCODER.encode(content)}\n".encode("ascii")
            digest.update(line)
            file.write(line)
        signature = sign(export_text(territory_id=territory_id, sha256=digest.digest()))
        trailer = {
            "type": "trailer",
            "heads": counts["head"],
            "periods": counts["period"],
            "reopenings": counts["reopening"],
            "accounts": counts["account"],
            "entries": counts["entry"],
            "transfers": counts["transfer"],
            "sha256": digest.hexdigest(),
            "signature": signature.hex(),
        }
        file.write(f"{ENCODER.encode(trailer)}\n".encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return counts


def _lines(
    db: Connection, territory_id: int, public_key_pem: str, now: datetime.datetime
) -> Iterator[dict[str, object]]:
    territory = territory_of(db, territory_id=territory_id)
    yield {
        "type": "header",
        "format": FORMAT,
        "version": VERSION,
        "territory": {"id": territory_id, "code": territory.code, "name": territory.name},
        "exported_at_ms": instant_ms(now),
        "public_key": public_key_pem,
    }
    sections: tuple[tuple[str, Iterable[dict[str, object]]], ...] = (
        ("head", head_rows(db, territory_id=territory_id)),
        ("period", period_rows(db, territory_id=territory_id)),
        ("reopening", reopening_rows(db, territory_id=territory_id)),
        ("account", account_rows(db, territory_id=territory_id)),
        ("entry", entry_rows(db, territory_id=territory_id)),
    )
    for name, rows in sections:
        for row in rows:
            yield {"type": name, **row}
