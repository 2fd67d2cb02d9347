"""What is written beside a copy of the books, and what follows from it. Pure: no disk, no database, no clock."""

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from monnaie_locale.commands.errors import ManifestUnreadable
from monnaie_locale.journal.sealer import LogHead
from monnaie_locale.ledger.heads import backup_text
from monnaie_locale.ledger.periods import instant_ms

FORMAT = "monnaie-locale backup"
VERSION = 1
MANIFEST_FILE = "manifest.json"
# What an interrupted backup leaves: this ending comes off when everything is on the disk, by one renaming.
PART = ".part"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
SUFFIXES = {SQLITE: ".sqlite", POSTGRESQL: ".pgdump"}
FULL, QUICK = "full", "quick"
# As `monnaie-locale init` lets a code be, and the instant: two backups of one town never bear one name.
NAME = re.compile(r"(?P<code>[A-Z0-9]{1,20})-\d{8}T\d{6}\.\d{3}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A copy of the books: whose, when, made by what, how far it goes, and what its bytes are."""

    territory_id: int
    territory_code: str
    territory_name: str
    taken_at_ms: int
    database: str
    database_version: str
    program_version: str
    schema_revision: str
    file: str
    size_bytes: int
    sha256: str
    last_entry: int
    last_entry_at_ms: int
    head: LogHead | None
    verified: str
    findings: tuple[str, ...] = ()
    public_key: str
    signature: str = ""

    def signed_text(self) -> bytes:
        """Return the bytes that the installation's signature covers: every other field."""
        return backup_text(territory_id=self.territory_id, content=_encoded(self._fields(), indent=None))

    def to_json(self) -> str:
        """Return the manifest as it is written; hashes and signatures in hexadecimal."""
        return _encoded(self._fields() | {"signature": self.signature}, indent=2) + "\n"

    def _fields(self) -> dict[str, object]:
        values = asdict(self)
        del values["signature"]
        head = self.head
        values["head"] = None if head is None else _head_fields(head)
        return {"format": FORMAT, "version": VERSION, **values}

    @classmethod
    def from_json(cls, content: str) -> Self:
        """Return the manifest in a text; refuses manifest_unreadable."""
        try:
            values: dict[str, Any] = json.loads(content)
            if (values.pop("format"), values.pop("version")) != (FORMAT, VERSION):
                raise ManifestUnreadable
            head = values.pop("head")
            findings = tuple(str(each) for each in values.pop("findings"))
            read = cls(**values, head=None if head is None else _head(head, values["territory_id"]), findings=findings)
            _check_types(read)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ManifestUnreadable from error
        return read


def name_of(code: str, *, taken_at: datetime.datetime) -> str:
    """Return a backup's name, the town's code and the instant: "VILLEEX-20261126T150330.123Z".

    Args:
        code: of the territory.
        taken_at: when it began, aware.

    """
    moment = taken_at.astimezone(datetime.UTC)
    return f"{code}-{moment:%Y%m%dT%H%M%S}.{instant_ms(taken_at) % 1000:03d}Z"


def town_of(name: str) -> str | None:
    """Return the code of the town in a backup's name; None when the name is not that of a finished backup."""
    found = NAME.fullmatch(name)
    return None if found is None else found["code"]


def are_apart(one: Path, other: Path) -> bool:
    """Return whether neither of two folders, given as absolute paths without links, is or holds the other."""
    return not (one.is_relative_to(other) or other.is_relative_to(one))


def tool_suits(*, tool: int, server: int) -> bool:
    """Return whether a PostgreSQL program of one major version reads and writes for a server of another.

    A program refuses a server newer than itself (PostgreSQL's documentation, pg_dump, "Notes").
    """
    return tool >= server


def _head_fields(head: LogHead) -> dict[str, object]:
    return {
        "size": head.size,
        "root": head.root.hex(),
        "accounts_size": head.accounts_size,
        "accounts_root": head.accounts_root.hex(),
        "sealed_at_ms": head.sealed_at_ms,
        "signature": head.signature.hex(),
    }


def _head(values: Mapping[str, Any], territory_id: int) -> LogHead:
    return LogHead(
        territory_id=territory_id,
        size=int(values["size"]),
        root=bytes.fromhex(values["root"]),
        accounts_size=int(values["accounts_size"]),
        accounts_root=bytes.fromhex(values["accounts_root"]),
        sealed_at_ms=int(values["sealed_at_ms"]),
        signature=bytes.fromhex(values["signature"]),
    )


def _check_types(manifest: Manifest) -> None:
    """Refuse a manifest that somebody wrote by hand: its file lies beside it, its words and numbers are such."""
    words = (manifest.territory_code, manifest.database, manifest.file, manifest.sha256, manifest.public_key)
    numbers = (manifest.territory_id, manifest.taken_at_ms, manifest.last_entry, manifest.last_entry_at_ms)
    if not all(isinstance(word, str) for word in (*words, manifest.schema_revision, manifest.signature)):
        raise ManifestUnreadable
    if not all(type(number) is int for number in numbers):
        raise ManifestUnreadable
    if manifest.database not in SUFFIXES or Path(manifest.file).name != manifest.file:
        raise ManifestUnreadable


def _encoded(fields: Mapping[str, object], *, indent: int | None) -> str:
    return json.dumps(fields, ensure_ascii=True, indent=indent, sort_keys=indent is None)
