"""The words typed, and the exit status: 0 when nothing is wrong, 1 when something is, 2 when nothing could be read."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from monnaie_locale.audit.checking import PaperHead, audit
from monnaie_locale.audit.wording import report_json, report_text

CLEAN, FAULTY, UNREADABLE = 0, 1, 2
PAPER_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-fA-F]{64})")
# As on paper, where a long number is cut in groups.
SEPARATORS = re.compile(r"[\s.]")


def main(words: Sequence[str], *, program: str) -> int:
    """Audit what is asked for, print the report, return the exit status."""
    options = _parser(program).parse_args(words)
    try:
        report = audit(
            options.export,
            public_key_pem=None if options.key is None else options.key.read_text(encoding="ascii"),
            older=options.older,
            paper=options.head,
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "ce n’est pas une clé"
        sys.stderr.write(f"{program} : lecture impossible ({reason}).\n")
        return UNREADABLE
    sys.stdout.write(f"{report_json(report) if options.as_json else report_text(report)}\n")
    return CLEAN if report.ok else FAULTY


def paper_head(text: str) -> PaperHead:
    """Return the head typed from a document, "1234:9f86…"; argparse's error when it is none."""
    found = PAPER_HEAD.fullmatch(SEPARATORS.sub("", text))
    if found is None:
        message = f"« {text[:80]} » n’est pas une taille et une empreinte de 64 caractères : écrivez « 1234:9f86… »"
        raise argparse.ArgumentTypeError(message)
    return PaperHead(int(found[1]), bytes.fromhex(found[2]))


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Contrôler un export des comptes sans rien croire du service : numéros, empreintes, signatures,"
        " soldes, arrêtés et relevés sont recalculés.",
    )
    parser.add_argument("export", type=Path, help="le fichier écrit par « monnaie-locale export-audit »")
    parser.add_argument(
        "--key", type=Path, metavar="CLE.pem", help="la clé publique, obtenue autrement que par l’export"
    )
    parser.add_argument(
        "--older", type=Path, metavar="EXPORT", help="un export plus ancien, dont celui-ci doit être la suite"
    )
    parser.add_argument(
        "--head",
        type=paper_head,
        action="append",
        default=[],
        metavar="TAILLE:RACINE",
        help="une empreinte gardée sur papier ; peut être répété",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="répondre en JSON, pour un programme")
    return parser
