"""The archive of a month: read by another program, the same bytes for ever, and no larger in memory than a part."""

import io
import random
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from monnaie_locale.closing.archive import kept_archive, rendered_archive, zip_parts
from monnaie_locale.closing.documents import kept_documents
from monnaie_locale.closing.package import month_documents
from monnaie_locale.database.transaction import reading
from tests.factories.month import OCTOBER, moment, open_month

MIB = 2**20
LONG_MIB = 24


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_kept_or_rendered_the_archive_is_the_same_and_another_program_reads_it(
    db_engine: Engine, tmp_path: Path
) -> None:
    month = open_month(db_engine)
    month.live()
    close = month.approve(month.prepare())
    key = {"territory_id": 1, "month": OCTOBER, "public_key_pem": month.keyring.public_key_pem}
    with (
        reading(db_engine) as db,
        rendered_archive(month_documents(db, **key, now=moment(20, 12)), name="a.zip") as archive,
    ):
        rendered = archive.whole().content
    month.keep(close)
    with reading(db_engine) as db:
        kept = kept_archive(db, territory_id=1, close_id=close.close_id, name="a.zip").whole().content
        again = kept_archive(db, territory_id=1, close_id=close.close_id, name="a.zip").whole().content
        files = kept_documents(db, territory_id=1, close_id=close.close_id)

    assert kept == again
    opened = [zipfile.ZipFile(io.BytesIO(content)) for content in (rendered, kept)]
    for each in opened:
        assert each.testzip() is None
        assert [(name, each.read(name)) for name in each.namelist()] == [(file.name, file.content) for file in files]
    (tmp_path / "a.zip").write_bytes(kept)
    unzip = shutil.which("unzip")
    if unzip is not None:
        subprocess.run([unzip, "-tq", str(tmp_path / "a.zip")], check=True, capture_output=True)


def test_a_long_document_is_never_whole_in_memory() -> None:
    chance = random.Random(1)

    def parts() -> Iterator[bytes]:
        for _ in range(4 * LONG_MIB):
            yield chance.randbytes(MIB // 4)

    def peak(archive: Iterator[bytes], keep: list[bytes] | None) -> tuple[int, int]:
        tracemalloc.start()
        total = 0
        for part in archive:
            total += len(part)
            if keep is not None:
                keep.append(part)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return total, highest

    total, highest = peak(zip_parts([("long.csv", parts())]), None)
    _, whole = peak(zip_parts([("long.csv", parts())]), [])

    assert total > LONG_MIB * MIB
    assert highest < 4 * MIB < LONG_MIB * MIB < whole
