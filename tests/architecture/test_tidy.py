"""Checks on the source text itself: what a reviewer would otherwise repeat.

Each rule is a function that returns the offences of one file. It is run on every file of the project, and on a sample
that breaks it: a rule that no longer sees anything fails too.
"""

import ast
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.source_tree import PROJECT, ROOTS, Source, front_end_files, source, sources

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
TRANSACTION_FILE = "monnaie_locale/database/transaction.py"
LEDGER = ("monnaie_locale", "ledger")
# The rim: where the clock, randomness and Flask may be touched. Everything below receives them as arguments.
RIM_FOLDERS = {"pages", "api", "web", "office", "demo", "commands", "app"}
RIM_FILES = {
    "monnaie_locale/__main__.py",
    "monnaie_locale/app.py",
    "monnaie_locale/runtime.py",
    "monnaie_locale/identity/access.py",
}
# A nonce or a salt must never come from a seed, so the keyring asks the system itself.
CHANCE_FILE = "monnaie_locale/keyring.py"
CLOCK_CALLS = {"now", "today", "utcnow", "localtime", "time_ns"}
RANDOM_MODULES = {"random", "secrets", "uuid"}
DRAWERLESS_NAMES = {"utils", "common", "helpers", "misc", "shared", "core", "lib", "models", "managers", "services"}
REGISTRY_HOSTS = ("registry.npm" + "js.org", "files.python" + "hosted.org", "py" + "pi.org/simple")

CODE = sources(*ROOTS)
EVERYTHING = CODE + sources("migrations", "tests", "scripts", "bench")


def at_the_rim(file: Source) -> bool:
    in_rim_drawer = file.path.stem in RIM_FOLDERS or bool(RIM_FOLDERS & set(file.folders))
    return str(file.path) in RIM_FILES or in_rim_drawer


def at(file: Source, node: ast.AST, what: str) -> str:
    return f"{file.path}:{getattr(node, 'lineno', 1)} {what}"


def long_file(file: Source) -> Iterator[str]:
    lines = len(file.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield f"{file.path} has {lines} lines"


def long_function(file: Source) -> Iterator[str]:
    for node in file.functions():
        lines = (node.end_lineno or 0) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield at(file, node, f"{node.name} has {lines} lines")


def stray_transaction(file: Source) -> Iterator[str]:
    if str(file.path) == TRANSACTION_FILE:
        return
    for call in file.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"begin", "begin_nested", "commit", "rollback"}:
            yield at(file, call, f".{call.func.attr}() belongs to {TRANSACTION_FILE}")


def clock_below_the_rim(file: Source) -> Iterator[str]:
    if at_the_rim(file):
        return
    for call in file.calls():
        if isinstance(call.func, ast.Attribute):
            reads_time = ast.unparse(call.func) == "time.time"
            if call.func.attr in CLOCK_CALLS or reads_time:
                yield at(file, call, f"{ast.unparse(call.func)}() reads the clock: take `now` as an argument")


def chance_below_the_rim(file: Source) -> Iterator[str]:
    if at_the_rim(file) or str(file.path) == CHANCE_FILE:
        return
    for module in RANDOM_MODULES & set(file.imported()):
        yield f"{file.path} imports {module}: take `random_bytes` as an argument"
    for call in file.calls():
        if ast.unparse(call.func) in {"os.urandom", "urandom"}:
            yield at(file, call, "os.urandom(): take `random_bytes` as an argument")


def flask_below_the_rim(file: Source) -> Iterator[str]:
    if not at_the_rim(file):
        for module in {"flask", "werkzeug"} & set(file.imported()):
            yield f"{file.path} imports {module}"


def float_in_the_ledger(file: Source) -> Iterator[str]:
    if file.folders[:2] != LEDGER:
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield at(file, node, f"the float {node.value}")
        elif isinstance(node, ast.Name) and node.id == "float":
            yield at(file, node, "float")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield at(file, node, "/ makes a float: // and % do not")


def foreign_import_in_the_ledger(file: Source) -> Iterator[str]:
    if file.folders[:2] == LEDGER:
        for module in set(file.imported()) - set(sys.stdlib_module_names) - {"monnaie_locale"}:
            yield f"{file.path} imports {module}"


def package_that_does_something(file: Source) -> Iterator[str]:
    if file.path.name == "__init__.py":
        only_docstring = len(file.tree.body) == 1 and ast.get_docstring(file.tree) is not None
        if not only_docstring:
            yield f"{file.path} holds more, or less, than a docstring"


def module_without_docstring(file: Source) -> Iterator[str]:
    if not (ast.get_docstring(file.tree) or "").strip():
        yield f"{file.path} does not say what it is"


def import_inside_a_function(file: Source) -> Iterator[str]:
    for function in file.functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield at(file, node, f"{function.name} imports: the cycle it hides is to be undone")


def swallowed_exception(file: Source) -> Iterator[str]:
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
        silent = all(isinstance(step, ast.Pass | ast.Continue | ast.Expr) and not _calls(step) for step in node.body)
        if broad and silent:
            yield at(file, node, "catches everything and says nothing")


def _calls(step: ast.stmt) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(step))


def tables_of_another_package(file: Source) -> Iterator[str]:
    package = ".".join(file.folders)
    for module in set(file.imported_modules()):
        owner, _, drawer = module.rpartition(".")
        if drawer == "tables" and owner.startswith(ROOTS) and not f"{package}.".startswith(f"{owner}."):
            yield f"{file.path} imports {module}: ask {owner}.queries"


def name_that_says_nothing(file: Source) -> Iterator[str]:
    for part in (*file.folders, file.path.stem):
        if part in DRAWERLESS_NAMES:
            yield f"{file.path}: {part!r} is not a word of the domain"


def place_that_is_elsewhere(file: Source) -> Iterator[str]:
    for host in REGISTRY_HOSTS:
        if host in file.text:
            yield f"{file.path} names the registry {host}"


Rule = Callable[[Source], Iterator[str]]
FORBIDDEN_EVERYWHERE: dict[Rule, tuple[str, str]] = {
    long_file: ("tests/unit/test_a.py", '"""Doc."""\n' * 401),
    module_without_docstring: ("wallets/a.py", "x = 1\n"),
    import_inside_a_function: ("wallets/a.py", "def f():\n    import os\n"),
    swallowed_exception: ("wallets/a.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
    place_that_is_elsewhere: ("scripts/a.py", f"url = '{REGISTRY_HOSTS[0]}'\n"),
}
FORBIDDEN_IN_THE_CODE: dict[Rule, tuple[str, str]] = {
    long_function: ("wallets/a.py", "def f():\n" + "    x = 1\n" * 50),
    stray_transaction: ("wallets/operations.py", "def f(db):\n    db.commit()\n"),
    clock_below_the_rim: ("wallets/operations.py", "import datetime\nx = datetime.datetime.now(datetime.UTC)\n"),
    chance_below_the_rim: ("wallets/operations.py", "import secrets\n"),
    flask_below_the_rim: ("wallets/operations.py", "from flask import request\n"),
    float_in_the_ledger: ("monnaie_locale/ledger/a.py", "def half(cents):\n    return cents / 2\n"),
    foreign_import_in_the_ledger: ("monnaie_locale/ledger/a.py", "from sqlalchemy import select\n"),
    package_that_does_something: ("wallets/__init__.py", '"""Doc."""\nfrom wallets import model\n'),
    tables_of_another_package: ("merchants/queries.py", "from wallets import tables\n"),
    name_that_says_nothing: ("wallets/utils.py", ""),
}
FORBIDDEN = FORBIDDEN_EVERYWHERE | FORBIDDEN_IN_THE_CODE


@pytest.mark.parametrize("rule", FORBIDDEN, ids=lambda rule: rule.__name__)
def test_there_is_no(rule: Rule) -> None:
    files = EVERYTHING if rule in FORBIDDEN_EVERYWHERE else CODE
    offences = [offence for file in files for offence in rule(file)]
    assert not offences, "\n".join(offences)


@pytest.mark.parametrize("rule", FORBIDDEN, ids=lambda rule: rule.__name__)
def test_the_rule_sees_a(rule: Rule) -> None:
    assert list(rule(source(*FORBIDDEN[rule])))


def test_pages_styles_and_scripts_are_short_too() -> None:
    lengths = {
        path.relative_to(PROJECT): len(path.read_text(encoding="utf-8").splitlines()) for path in front_end_files()
    }
    assert not {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX}


def test_the_rules_have_looked_at_every_root() -> None:
    assert {file.path.parts[0] for file in CODE} == set(ROOTS)
    assert any(file.folders[:2] == LEDGER for file in CODE)
    assert (PROJECT / TRANSACTION_FILE).exists()
