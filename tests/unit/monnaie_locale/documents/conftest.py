"""The values that the documents under test print."""

import datetime
import re

import pypdfium2
import pytest

from monnaie_locale.documents.model import Issuer, LogHead


@pytest.fixture
def created_at():
    return datetime.datetime(2026, 11, 2, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture
def issuer():
    return Issuer(
        name="Association Monnaie de Ville-Exemple",
        address_lines=("12 rue des Lilas", "99999 Ville-Exemple"),
        siret="73282932000074",
        phone="01 23 45 67 89",
        on_behalf_of="CCAS de Ville-Exemple",
    )


@pytest.fixture
def log_head():
    return LogHead(
        entry_count=1874,
        root=bytes(range(32)),
        signed_at=datetime.datetime(2026, 11, 1, 23, 30, tzinfo=datetime.UTC),
        public_key_fingerprint="SHA256:3f9ac2d1",
    )


@pytest.fixture
def words_of():
    """Return the text of a PDF as a reader extracts it, every kind of space made one plain space."""

    def read(pdf):
        pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
        return re.sub(r"[\s\u00a0\u202f]+", " ", " ".join(pages))

    return read
