"""The till as an application on the device: the worker that keeps its page and scripts there."""

import hashlib
import json

from flask import Blueprint, Response, current_app, url_for

from monnaie_locale import runtime
from monnaie_locale.identity import access
from monnaie_locale.web import assets

blueprint = Blueprint("till_shell", __name__)

WORKER = "till-worker.js"
# A device may work for an hour with the version before this one.
WORKER_MAX_AGE_S = 3600
# As the page names them: styles and entry scripts by their content, modules by their name.
VERSIONED = ("kit.css", "till.css", "icon.svg", "scanner.js", "till.js", "till.webmanifest")
# icon.svg once more: the style sheet asks for it by its bare name.
MODULES = (
    "till-api.js",
    "till-cards.js",
    "till-cashier.js",
    "till-doubts.js",
    "till-keyboard.js",
    "till-memory.js",
    "till-offline.js",
    "icon.svg",
)
DECODER_FILES = ("zxing-reader.js", "zxing_reader.wasm")
TEMPLATES = ("merchants/till.html", "kit/base.html", "kit/plain.html", "kit/forms.html", "kit/scanner.html")


@blueprint.get("/caisse/service-worker.js")
@access.public
def worker() -> Response:
    """Give the worker's script, with the list of what it keeps; the list changes when any of it does."""
    shell = {"files": _files(), "page": url_for("till.screen", coquille=1), "version": _version()}
    text = (assets.STATIC / WORKER).read_text(encoding="utf-8")
    response = Response(f"const SHELL = {json.dumps(shell)};\n{text}", content_type="text/javascript; charset=utf-8")
    response.headers["Service-Worker-Allowed"] = url_for("till.screen")
    response.headers["Cache-Control"] = f"max-age={WORKER_MAX_AGE_S}"
    return response


def _files() -> list[str]:
    files = [assets.asset(name) for name in VERSIONED]
    files += [url_for("web.static", filename=name) for name in MODULES]
    decoder = assets.vendor_folder(assets.DECODER)
    return files if decoder is None else [*files, *(decoder + name for name in DECODER_FILES)]


def _version() -> str:
    """Return what changes when the worker, a module or the page's own text does; the other files carry theirs."""
    loader = current_app.jinja_env.loader
    texts = [(assets.STATIC / name).read_text(encoding="utf-8") for name in (WORKER, *MODULES)]
    if loader is not None:
        texts += [loader.get_source(current_app.jinja_env, name)[0] for name in TEMPLATES]
    # The page says by which key the town signs.
    texts.append(runtime.current().keyring.public_key_pem)
    return hashlib.sha256("\0".join([*_files(), *texts]).encode()).hexdigest()[:12]
