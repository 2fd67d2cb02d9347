"""All the files of a month in a folder or in one ZIP archive, part by part: none of them is ever whole in memory."""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from monnaie_locale.closing.documents import stored_documents
from monnaie_locale.exports.finishing import finished
from monnaie_locale.exports.operations import StreamedFile

MEDIA_TYPE = "application/zip"
BYTES_PER_PART = 2**18
# ZIP knows no date before 1980; a fixed one keeps the bytes of an archive the same.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(slots=True)
class _Outbox:
    """What an archive has written and nobody has taken yet; it cannot be wound back, so sizes follow each file."""

    waiting: list[bytes] = field(default_factory=list)

    def write(self, part: bytes) -> int:
        """Take a part."""
        self.waiting.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def taken(self) -> bytes:
        """Return what waits, and forget it."""
        part, self.waiting = b"".join(self.waiting), []
        return part


class _InFolder:
    """A file written to a folder while it is made."""

    def __init__(self, folder: Path, file: StreamedFile) -> None:
        self._path = folder / file.name
        self._to = self._path.open("wb")

    def add(self, part: bytes) -> None:
        """Write a part."""
        self._to.write(part)

    def done(self) -> Path:
        """Return where it is."""
        self._to.close()
        return self._path


def write_files(folder: Path, files: Iterable[StreamedFile]) -> list[Path]:
    """Write the files of `package.month_files` to a folder, made when it is missing; return their paths, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    return finished(files, sink=lambda file: _InFolder(folder, file), tell=lambda _: None)


def kept_archive(db: Connection, *, territory_id: int, close_id: int, name: str) -> StreamedFile:
    """Return the documents kept of a close as one archive, the same bytes for ever; `db` stays open until its end."""
    documents = stored_documents(db, territory_id=territory_id, close_id=close_id)
    return StreamedFile(name, MEDIA_TYPE, zip_parts((each.name, each.parts) for each in documents))


@contextmanager
def rendered_archive(files: Iterable[StreamedFile], *, name: str) -> Iterator[StreamedFile]:
    """Give files that are not kept as one archive, made in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="monnaie-locale-") as folder:
        paths = write_files(Path(folder), files)
        yield StreamedFile(name, MEDIA_TYPE, zip_parts((path.name, _read(path)) for path in paths))


def zip_parts(documents: Iterable[tuple[str, Iterator[bytes]]]) -> Iterator[bytes]:
    """Yield a ZIP archive (APPNOTE 6.3) of documents, each a name and its parts; the same bytes for the same ones."""
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload] # only written to
        for name, parts in documents:
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as to:
                for part in parts:
                    to.write(part)
                    yield outbox.taken()
    yield outbox.taken()


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as read:
        while part := read.read(BYTES_PER_PART):
            yield part
