"""Send the kit's files compressed: by brotli when the build made it (scripts/vendor_js.py), else texts by gzip.

Pages are not compressed: they carry a form token beside text that a stranger may choose (BREACH).
"""

import functools
import gzip
from pathlib import Path

from flask import Flask, Response, request

from monnaie_locale.web.assets import STATIC

STATIC_ENDPOINT = "web.static"
OK = 200
BROTLI_SUFFIX = ".br"
GZIPPED = (".js", ".css", ".svg", ".wasm", ".webmanifest")


def init_app(app: Flask) -> None:
    """Compress the kit's files on their way out of `app`."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint != STATIC_ENDPOINT or response.status_code != OK or request.method != "GET":
        return response
    response.vary.add("Accept-Encoding")
    path = STATIC / (request.view_args or {}).get("filename", "")
    brotli = path.with_name(path.name + BROTLI_SUFFIX)
    if request.accept_encodings.quality("br") and brotli.is_file():
        return _replace(response, _read(brotli, brotli.stat().st_mtime_ns), "br")
    if request.accept_encodings.quality("gzip") and path.suffix in GZIPPED:
        return _replace(response, _gzipped(path, path.stat().st_mtime_ns), "gzip")
    return response


def _replace(response: Response, content: bytes, encoding: str) -> Response:
    response.close()  # the file that would have been sent
    response.direct_passthrough = False
    response.set_data(content)
    response.headers["Content-Encoding"] = encoding
    etag, _ = response.get_etag()
    if etag is not None:
        # The same file in other bytes: equal in meaning, which is what a weak tag says.
        response.set_etag(etag, weak=True)
    return response


@functools.cache
def _read(path: Path, _changed_at_ns: int) -> bytes:
    return path.read_bytes()


@functools.cache
def _gzipped(path: Path, _changed_at_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)
