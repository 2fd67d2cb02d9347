"""What the import of the bank's files prints: French for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monnaie_locale.ledger.errors import Refusal
from monnaie_locale.ledger.money import format_decimal, format_euros
from monnaie_locale.reconciliation.formats.model import AccountReport, BankFile
from monnaie_locale.reconciliation.model import PAYMENT_STATUS_LABELS, ImportReport

NOTHING_TRIED = "Rien n’a été essayé dans les comptes : le fichier est seulement lu."


@dataclass(frozen=True, slots=True)
class FolderOutcome:
    """What became of one file of a folder: imported, refused, or neither when it was known before."""

    name: str
    report: ImportReport | None = None
    refusal: Refusal | None = None


def import_json(
    file: BankFile, report: ImportReport | None, warnings: Sequence[Sequence[str]], *, dry_run: bool
) -> str:
    """Return what a file says and what its import did (or would do) as JSON; amounts in cents, or as "1234.56"."""
    return _json(
        {
            "format": file.format,
            "dry_run": dry_run,
            "imported": report is not None and not report.is_rehearsal,
            "statements": [_statement(each, told) for each, told in zip(file.reports, warnings, strict=True)],
            "payments": _payments(file, report),
            "lines": [] if report is None else _lines(report),
            "warnings": [] if report is None else list(report.warnings),
        }
    )


def _statement(report: AccountReport, warnings: Sequence[str]) -> dict[str, Any]:
    return {
        "id": report.report_id,
        "account": report.account,
        "currency": report.currency,
        "from": None if report.from_on is None else report.from_on.isoformat(),
        "to": None if report.to_on is None else report.to_on.isoformat(),
        "opening": None if report.opening_cents is None else format_decimal(report.opening_cents),
        "closing": None if report.closing_cents is None else format_decimal(report.closing_cents),
        "opening_cents": report.opening_cents,
        "closing_cents": report.closing_cents,
        "difference_cents": report.difference_cents,
        "entries": len(report.lines),
        "sums_up": report.sums_up,
        "warnings": list(warnings),
    }


def _payments(file: BankFile, report: ImportReport | None) -> list[dict[str, Any]]:
    """Return what became of each payment: as the books took it when they did, else as the bank says it."""
    if report is not None:
        return [
            {
                "end_to_end_id": each.end_to_end_id,
                "status": each.status.value,
                "reason": each.reason,
                "given_back": each.is_given_back,
            }
            for each in report.news
        ]
    return [
        {"end_to_end_id": each.end_to_end_id, "status": each.status.value, "reason": each.reason, "given_back": False}
        for each in file.news
    ]


def _lines(report: ImportReport) -> list[dict[str, Any]]:
    return [
        {
            "line": each.line_no,
            "part": each.part_no,
            "kind": each.kind.value,
            "amount_cents": each.amount_cents,
            "reason": each.reason_fr,
            "in_suspense": each.is_in_suspense,
        }
        for each in report.matches
    ]


def import_text(
    file: BankFile, report: ImportReport | None, warnings: Sequence[Sequence[str]], *, dry_run: bool
) -> str:
    """Return the same as a person reads it."""
    lines = [f"Fichier {file.format}."]
    if dry_run:
        lines.append("Essai à blanc : rien n’a été enregistré.")
    for each, told in zip(file.reports, warnings, strict=True):
        lines.append(_statement_text(each))
        lines += [f"  Attention : {warning}" for warning in told]
    if report is None:
        lines.append(NOTHING_TRIED)
        return "\n".join(lines)
    lines += [
        f"  ligne {each.line_no} : {format_euros(each.amount_cents)}. {each.reason_fr}" for each in report.matches
    ]
    lines += [
        f"  virement {each.end_to_end_id}, {format_euros(each.amount_cents)} : {PAYMENT_STATUS_LABELS[each.status]}"
        f"{f' ({each.reason})' if each.reason else ''}{', rendu au commerce' if each.is_given_back else ''}."
        for each in report.news
    ]
    lines += [f"Attention : {warning}" for warning in report.warnings]
    if report.in_suspense:
        lines.append(f"{len(report.in_suspense)} lignes à classer dans l’application.")
    return "\n".join(lines)


def _statement_text(report: AccountReport) -> str:
    def day(value: object) -> str:
        return "?" if value is None else f"{value:%d/%m/%Y}"

    def euros(cents: int | None) -> str:
        return "?" if cents is None else format_decimal(cents, point=",")

    return (
        f"Relevé {report.report_id}, compte {report.account}, du {day(report.from_on)} au {day(report.to_on)} :"
        f" {euros(report.opening_cents)} → {euros(report.closing_cents)} {report.currency}, {len(report.lines)} lignes"
    )


def folder_json(outcomes: Sequence[FolderOutcome]) -> str:
    """Return what became of each file of a folder as JSON."""
    return _json(
        {
            "files": [
                {
                    "file": each.name,
                    "outcome": _outcome(each),
                    "code": None if each.refusal is None else each.refusal.code,
                    "french": None if each.refusal is None else each.refusal.sentence(),
                    "warnings": [] if each.report is None else list(each.report.warnings),
                }
                for each in outcomes
            ]
        }
    )


def folder_text(outcomes: Sequence[FolderOutcome]) -> str:
    """Return the same as a person reads it, one line a file."""
    words = {"imported": "importé", "known": "déjà importé", "refused": "refusé"}
    lines = []
    for each in outcomes:
        why = "" if each.refusal is None else f". {each.refusal.sentence()}"
        lines.append(f"{each.name} : {words[_outcome(each)]}{why}")
        lines += [f"  Attention : {warning}" for warning in (each.report.warnings if each.report else ())]
    return "\n".join(lines) or "Aucun fichier dans ce dossier."


def _outcome(each: FolderOutcome) -> str:
    if each.refusal is not None:
        return "refused"
    return "known" if each.report is None else "imported"


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
