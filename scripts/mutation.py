"""Change the pure ledger in every small way that mutmut knows, and count the changes that its unit tests notice.

    python scripts/mutation.py            the ratio and the survivors; fails below the least ratio

Works in a copy of the tree. A mutant that changes nothing that can be seen is listed with its reason, and counted as a
survivor all the same.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
NEEDED = ("monnaie_locale", "merchants", "wallets", "migrations", "tests", "pyproject.toml")
RATIO_MIN = 0.90
MUTMUT = (sys.executable, "-m", "mutmut")
RESULT = re.compile(r"^\s*(\S+): (.+)$")
NOTICED = frozenset({"killed", "timeout", "caught by type check"})
# The line as the mutant wrote it -> why nobody can tell it from ours.
EQUIVALENT = {
    'int(cents.ljust(2, "0") if (cents) or True else 0)': "no cents typed: 00 or 0 is the same number",
    '.encode("ASCII")': "Python reads the name of an encoding in any case",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the mutants: how many there were, and those that nobody noticed, with their changed line."""

    total: int
    survivors: dict[str, str]

    @property
    def ratio(self) -> float:
        """Return the share of mutants noticed."""
        return 1 - len(self.survivors) / self.total

    def told(self) -> str:
        """Return the result for people."""
        lines = [
            f"  {name}: {line}{reason_of(line)}" for name, line in sorted(self.survivors.items())
        ]  # fmt: skip
        killed = self.total - len(self.survivors)
        return "\n".join([f"{killed} mutants of {self.total} noticed ({self.ratio:.1%}); the others:", *lines])


def reason_of(line: str) -> str:
    """Return why a survivor cannot be noticed, or nothing."""
    return next((f"  [{reason}]" for text, reason in EQUIVALENT.items() if text in line), "")


def mutate(folder: Path, *, children: int = 2) -> Outcome:
    """Run mutmut in a copy of the tree made in an empty folder."""
    for name in NEEDED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, folder / name)
    _mutmut(folder, "run", "--max-children", str(children))
    results = RESULT.findall
    told = [found[0] for line in _mutmut(folder, "results", "--all", "true").splitlines() if (found := results(line))]
    if not told:
        message = "mutmut made no mutant"
        raise RuntimeError(message)
    survivors = {name: _changed_line(folder, name) for name, status in told if status not in NOTICED}
    return Outcome(len(told), survivors)


def _changed_line(folder: Path, name: str) -> str:
    added = [line[1:].strip() for line in _mutmut(folder, "show", name).splitlines() if re.match(r"^\+(?!\+)", line)]
    return added[0] if added else "?"


def _mutmut(folder: Path, *words: str) -> str:
    run = subprocess.run([*MUTMUT, *words], cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        message = f"mutmut {words[0]} failed:\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}"
        raise RuntimeError(message)
    return run.stdout


def main() -> int:
    """Print the result; return 1 below the least ratio."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        outcome = mutate(Path(name))
    print(outcome.told())
    return 0 if outcome.ratio >= RATIO_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
