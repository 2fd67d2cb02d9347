"""The documents of a close, rendered once and kept: the same bytes for ever, whatever the software becomes."""

import datetime
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from monnaie_locale.closing.queries import close_of, close_of_month
from monnaie_locale.closing.tables import close_documents
from monnaie_locale.exports.operations import ExportFile, StreamedFile
from monnaie_locale.identity import audit
from monnaie_locale.ledger.periods import Month

# Twice as fast as the usual level, and a tenth larger: long files of figures compress well at any.
COMPRESSION_LEVEL = 3
BYTES_PER_PART = 2**18


def are_kept(db: Connection, *, territory_id: int, close_id: int) -> bool:
    """Return whether the documents of a close are kept."""
    found = select(func.count()).where(
        close_documents.c.territory_id == territory_id, close_documents.c.close_id == close_id
    )
    return bool(db.scalar(found))


@dataclass(frozen=True, slots=True)
class PackedDocument:
    """A document ready to be kept: its name, its media type, the digest of its bytes, and them compressed."""

    name: str
    media_type: str
    sha256: bytes
    compressed: bytes


class Packing:
    """A document compressed and digested while it is made: it is never whole in memory."""

    def __init__(self, file: StreamedFile) -> None:
        """Begin a document."""
        self._file = file
        self._digest = hashlib.sha256()
        self._compressor = zlib.compressobj(COMPRESSION_LEVEL)
        self._compressed: list[bytes] = []

    def add(self, part: bytes) -> None:
        """Take a part."""
        self._digest.update(part)
        self._compressed.append(self._compressor.compress(part))

    def done(self) -> PackedDocument:
        """Return the document."""
        self._compressed.append(self._compressor.flush())
        return PackedDocument(self._file.name, self._file.media_type, self._digest.digest(), b"".join(self._compressed))


def keep_documents(
    db: Connection,
    *,
    territory_id: int,
    close_id: int,
    documents: Sequence[PackedDocument],
    actor: str,
    now: datetime.datetime,
) -> bool:
    """Keep the documents of a closed month, once; return whether they were not kept before.

    Args:
        db: a connection in a transaction.
        territory_id: whose books.
        close_id: the close they belong to.
        documents: all of them, in the order in which they are given out, packed before the transaction.
        actor: who asked, "staff:4".
        now: the present instant, aware.

    Refuses close_unknown.

    """
    close_of(db, territory_id=territory_id, close_id=close_id, lock=True)
    if are_kept(db, territory_id=territory_id, close_id=close_id):
        return False
    rows = [
        {
            "territory_id": territory_id,
            "close_id": close_id,
            "position": position,
            "name": document.name,
            "media_type": document.media_type,
            "sha256": document.sha256,
            "compressed": document.compressed,
        }
        for position, document in enumerate(documents, start=1)
    ]
    db.execute(insert(close_documents), rows)
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action="close.documents",
        target=f"close:{close_id}",
        detail={"sha256": list_digest([(document.name, document.sha256) for document in documents])},
    )
    return True


def kept_documents(db: Connection, *, territory_id: int, close_id: int, name: str | None = None) -> list[ExportFile]:
    """Return the documents of a close as they were rendered, in their order; `name` asks for one; empty without any."""
    query = select(close_documents.c.name, close_documents.c.media_type, close_documents.c.compressed).where(
        close_documents.c.territory_id == territory_id, close_documents.c.close_id == close_id
    )
    if name is not None:
        query = query.where(close_documents.c.name == name)
    rows = db.execute(query.order_by(close_documents.c.position))
    return [ExportFile(name, media_type, zlib.decompress(compressed)) for name, media_type, compressed in rows]


def stored_documents(db: Connection, *, territory_id: int, close_id: int) -> Iterator[StreamedFile]:
    """Yield the documents of a close in their order, each to be read part by part before the next one."""
    mine = (close_documents.c.territory_id == territory_id, close_documents.c.close_id == close_id)
    said = (close_documents.c.position, close_documents.c.name, close_documents.c.media_type)
    for position, name, media_type in db.execute(select(*said).where(*mine).order_by(said[0])).all():
        compressed = db.scalar(
            select(close_documents.c.compressed).where(*mine, close_documents.c.position == position)
        )
        yield StreamedFile(name, media_type, _inflated(compressed or b""))


def _inflated(compressed: bytes) -> Iterator[bytes]:
    inflating = zlib.decompressobj()
    waiting = compressed
    while not inflating.eof:
        part = inflating.decompress(waiting, BYTES_PER_PART)
        if not part and not inflating.unconsumed_tail:
            return
        waiting = inflating.unconsumed_tail
        yield part


def kept_document(db: Connection, *, territory_id: int, month: Month, name: str) -> ExportFile | None:
    """Return a document of a month as its close rendered it; None for an open month, or when it is not kept."""
    close = close_of_month(db, territory_id=territory_id, month=month)
    if close is None or not close.is_closed:
        return None
    found = kept_documents(db, territory_id=territory_id, close_id=close.close_id, name=name)
    return found[0] if found else None


def kept_digests(db: Connection, *, territory_id: int, close_id: int) -> list[tuple[str, bytes, bytes]]:
    """Return the name of each document kept, the digest noted for it, and that of what is stored now."""
    rows = db.execute(
        select(close_documents.c.name, close_documents.c.sha256, close_documents.c.compressed)
        .where(close_documents.c.territory_id == territory_id, close_documents.c.close_id == close_id)
        .order_by(close_documents.c.position)
    )
    return [(name, noted, _digest_of(compressed)) for name, noted, compressed in rows]


def list_digest(documents: Sequence[tuple[str, bytes]]) -> str:
    """Return the SHA-256 of a list of documents: each name and digest a line. The audit trail holds it."""
    lines = "".join(f"{digest.hex()}  {name}\n" for name, digest in documents)
    return hashlib.sha256(lines.encode()).hexdigest()


def _digest_of(compressed: bytes) -> bytes:
    try:
        return hashlib.sha256(zlib.decompress(compressed)).digest()
    except zlib.error:
        return b""
