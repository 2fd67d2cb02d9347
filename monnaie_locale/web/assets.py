"""Addresses of our own styles and scripts, versioned by their content."""

import functools
import hashlib
import mimetypes
from pathlib import Path

from flask import Blueprint, Flask, url_for

STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"
DECODER = "zxing-wasm"
FALLBACK_DECODER = "qr"

blueprint = Blueprint("web", __name__, static_folder="static", static_url_path="/static", template_folder="templates")


def init_app(app: Flask) -> None:
    """Serve the kit's files and templates."""
    # Python's table follows the system's; a browser compiles WebAssembly only when it is called by its name.
    mimetypes.add_type("application/wasm", ".wasm")
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("text/javascript", ".mjs")
    mimetypes.add_type("application/manifest+json", ".webmanifest")
    app.register_blueprint(blueprint)


def asset(filename: str) -> str:
    """Return the address of a file of the kit, which changes when the file does."""
    return url_for("web.static", filename=filename, v=_digest(filename))


def vendor_folder(name: str) -> str | None:
    """Return the address of a vendored library's folder, or None when it was not fetched at build time."""
    folder = _newest_folder(name)
    return None if folder is None else url_for("web.static", filename=f"vendor/{folder}/")


@functools.cache
def _digest(filename: str) -> str:
    path = STATIC / filename
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "0"


@functools.cache
def _newest_folder(name: str) -> str | None:
    folders = sorted(path.name for path in VENDOR.glob(f"{name}-*") if path.is_dir())
    return folders[-1] if folders else None
