"""What the commands print: French for people, JSON for programs."""

import json

from monnaie_locale.closing.model import Check
from monnaie_locale.identity import totp
from monnaie_locale.identity.model import NewCredentials
from monnaie_locale.journal.verify import Verdict
from monnaie_locale.ledger.errors import Refusal


def verdict_json(verdict: Verdict) -> str:
    """Return a verdict as JSON: {"ok", "entries", "findings": [{"code", "subject", "french"}]}."""
    findings = [
        {"code": finding.code, "subject": finding.subject, "french": finding.french} for finding in verdict.findings
    ]
    return _json({"ok": verdict.ok, "entries": verdict.entries, "findings": findings})


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as a person reads it."""
    if verdict.ok:
        return f"Propre : {verdict.entries} écritures recalculées, aucune anomalie."
    lines = [f"{len(verdict.findings)} anomalies, {verdict.entries} écritures recalculées :"]
    lines += [f"- {finding.french} ({finding.code}, {finding.subject})" for finding in verdict.findings]
    return "\n".join(lines)


def checklist_json(checks: tuple[Check, ...]) -> str:
    """Return a month's checklist as JSON."""
    points = [
        {"code": check.code, "ok": check.ok, "sentence": check.sentence_fr, "details": list(check.details)}
        for check in checks
    ]
    return _json({"ok": all(check.ok for check in checks), "checks": points})


def checklist_text(checks: tuple[Check, ...]) -> str:
    """Return a month's checklist as a person reads it."""
    lines = []
    for check in checks:
        lines.append(f"[{'x' if check.ok else ' '}] {check.sentence_fr}")
        lines += [f"      {detail}" for detail in check.details]
    return "\n".join(lines)


def credentials_text(credentials: NewCredentials) -> str:
    """Return what a new staff member signs in with: shown once, stored nowhere in clear."""
    return (
        f"Identifiant : {credentials.login}\nMot de passe : {credentials.password}\n"
        f"Clé pour l’application de codes (TOTP) : {totp.secret_text(credentials.totp_secret)}\n"
        "Notez-les : ils ne seront plus affichés."
    )


def refusal_json(refusal: Refusal) -> str:
    """Return a refusal as JSON."""
    return _json({"ok": False, "code": refusal.code, "french": refusal.sentence()})


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
