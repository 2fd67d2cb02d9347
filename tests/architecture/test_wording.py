"""French is printed with its own apostrophe (’): in what people read, the typist's straight one is a fault.

Only an elision is looked at (« l'écriture », « n'est », « aujourd'hui »), which no English word and no code has: "the
shop's" and "isn't" are left alone. Docstrings and comments are not shown to anybody.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import PROJECT, ROOTS, VENDORED, Source, source, sources

STRAIGHT = re.compile(
    r"""(?<=[^\W\d_])'(?=[aeiouyhà-æè-öø-üœ])  # before a vowel or an h, as every elision of a whole sentence is
    |(?:\b[cdjlmnst]|qu)'(?=$|[{«])            # at the end of a part, before a value: f"d'{month}"
    """,
    re.IGNORECASE | re.VERBOSE,
)
SHOWN = (".html", ".typ", ".js", ".txt", ".webmanifest")


def written(file: Source) -> Iterator[tuple[int, str]]:
    """Yield the strings of a file and their lines, but those that only tell the reader of the code."""
    told = {id(node.value) for node in ast.walk(file.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def shown_files() -> list[Path]:
    return [
        path
        for root in ROOTS
        for path in sorted((PROJECT / root).rglob("*"))
        if path.suffix in SHOWN and VENDORED not in path.parents
    ]


def straight_in_code(file: Source) -> list[str]:
    return [f"{file.path}:{line} {text!r}" for line, text in written(file) if STRAIGHT.search(text)]


def straight_in_text(path: Path, text: str) -> list[str]:
    return [
        f"{path}:{number} {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if STRAIGHT.search(line)
    ]


def test_no_sentence_of_the_code_has_a_straight_apostrophe() -> None:
    found = [offence for file in sources(*ROOTS) for offence in straight_in_code(file)]
    assert not found, "\n".join(found)


def test_no_page_document_or_script_has_a_straight_apostrophe() -> None:
    files = shown_files()
    found = [
        offence
        for path in files
        for offence in straight_in_text(path.relative_to(PROJECT), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)
    assert {path.suffix for path in files} >= {".html", ".typ", ".js"}


@pytest.mark.parametrize(
    "text",
    ['x = "L\'écriture est close."', 'x = f"Les relevés s\'arrêtent au {day}."', 'x = f"le mois d\'{month}"',
     'x = "Aujourd\'hui"', 'x = ("rien " "n\'est payé")', 'x = "Qu\'elle", "l\'Œuvre", "jusqu\'à"'],
)  # fmt: skip
def test_the_rule_sees_an_elision(text: str) -> None:
    assert straight_in_code(source("wallets/a.py", text))
    assert straight_in_text(Path("wallets/a.html"), text)


@pytest.mark.parametrize(
    "text",
    ['"""L\'écriture."""', 'x = "L’écriture n’est pas là."', 'x = "The shop\'s own; it isn\'t and they\'re not."',
     'x = f"{names[\'a\']} {\'oui\' if y else \'non\'}"'],
)  # fmt: skip
def test_the_rule_leaves_english_and_code_alone(text: str) -> None:
    assert not straight_in_code(source("wallets/a.py", text))
