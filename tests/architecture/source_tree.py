"""What the architecture tests look at: the project's own source files, parsed once."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = ("monnaie_locale", "wallets", "merchants")
VENDORED = PROJECT / "monnaie_locale" / "web" / "static" / "vendor"


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: its path from the project's root, its text, its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def folders(self) -> tuple[str, ...]:
        return self.path.parts[:-1]

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    def imported_modules(self) -> Iterator[str]:
        """Yield the dotted name of each imported module; `from a import b` yields a and a.b."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def imported(self) -> Iterator[str]:
        """Yield the first component of each imported module."""
        return (module.partition(".")[0] for module in self.imported_modules())


def source(path: str, text: str) -> Source:
    """Parse `text` as if it stood at `path`."""
    return Source(path=Path(path), text=text, tree=ast.parse(text))


def sources(*folders: str) -> list[Source]:
    """Return the Python files of the folders, those that exist."""
    return [_parsed(path) for folder in folders for path in sorted((PROJECT / folder).rglob("*.py"))]


@cache
def _parsed(path: Path) -> Source:
    return source(str(path.relative_to(PROJECT)), path.read_text(encoding="utf-8"))


def front_end_files() -> list[Path]:
    """Return the pages, styles and scripts that we wrote."""
    return [
        path
        for root in ROOTS
        for pattern in ("*.html", "*.css", "*.js", "*.typ")
        for path in sorted((PROJECT / root).rglob(pattern))
        if VENDORED not in path.parents
    ]
