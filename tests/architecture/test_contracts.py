"""The arrows between packages, judged by import-linter; and import-linter judged by faults put in on purpose."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import PROJECT, ROOTS

CONFIG = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in CONFIG["contracts"]}
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
DRAWERS = ("operations", "pages", "api")

# Where a faulty line is added -> the line -> the contract that must break.
FAULTS = {
    "the ledger reaches for SQL": ("monnaie_locale/ledger/money.py", "import sqlalchemy", "pure"),
    "the ledger looks up": ("monnaie_locale/ledger/money.py", "import monnaie_locale.database.engine", "house"),
    "monnaie_locale knows wallets": ("monnaie_locale/database/engine.py", "import wallets", "house"),
    "wallets know merchants": ("wallets/__init__.py", "import merchants", "house"),
    "a package without a place": ("monnaie_locale/oddments/__init__.py", "", "every-package-has-a-place"),
    "a model that asks its queries": ("merchants/model.py", "import merchants.queries", "drawers"),
    "payouts that charge": ("merchants/payouts/terms.py", "import merchants.charging.doubt", "rooms-of-merchants"),
    "a module of merchants without a room": ("merchants/oddments.py", "", "rooms-of-merchants"),
    "codes that ask who pays": ("wallets/codes/card_seal.py", "import wallets.paying.card_use", "rooms-of-wallets"),
}


def layer_names(contract_id: str) -> list[str]:
    """Return the modules of a layers contract from the top down, bare: no parentheses, `|` taken apart."""
    layers = CONTRACTS[contract_id]["layers"]
    return [name.strip(" ()").removeprefix("monnaie_locale.") for layer in layers for name in layer.split("|")]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    command = [LINT_IMPORTS, "--no-cache"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    for root in ROOTS:
        ignored = shutil.ignore_patterns("static", "templates", "__pycache__")
        shutil.copytree(PROJECT / root, tmp_path / root, ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept() -> None:
    result = lint(PROJECT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_breaks_its_contract_and_is_seen(fault: str, copy: Path) -> None:
    place, line, contract_id = FAULTS[fault]
    (copy / place).parent.mkdir(exist_ok=True)
    (copy / "merchants" / "queries.py").touch()
    with (copy / place).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = lint(copy)
    assert result.returncode == 1, result.stdout
    assert f"{CONTRACTS[contract_id]['name']} BROKEN" in result.stdout


def test_the_copy_without_a_fault_is_kept(copy: Path) -> None:
    assert lint(copy).returncode == 0


def test_the_two_lists_of_layers_say_the_same() -> None:
    house = [name for name in layer_names("house") if name not in {"wallets", "merchants"}]
    assert house == layer_names("every-package-has-a-place")


def test_every_package_with_drawers_keeps_them_in_order() -> None:
    with_drawers = {
        ".".join(path.relative_to(PROJECT).parts[:-1])
        for root in ROOTS
        for drawer in DRAWERS
        for path in [*(PROJECT / root).rglob(f"{drawer}.py"), *(PROJECT / root).rglob(f"{drawer}/__init__.py")]
        if path.name != "__init__.py"
    }
    declared = set(CONTRACTS["drawers"]["containers"])
    assert with_drawers <= declared | {"monnaie_locale.web", "monnaie_locale.api", "monnaie_locale.office"}
