"""What the audit prints: French for people, JSON for programs."""

import json
from collections.abc import Iterator

from monnaie_locale.audit.checking import fingerprint
from monnaie_locale.audit.model import Report, Statement
from monnaie_locale.ledger.accounts import ACCOUNT_MAP, AccountKind
from monnaie_locale.ledger.money import format_euros
from monnaie_locale.ledger.periods import PARIS, moment_of

STATEMENT_HEADING = ("Commerce", "Mois", "Encaissé", "Remboursé", "Viré", "Autre", "Reste dû")
WIDTHS = (9, 8, 16, 16, 16, 16, 16)


def report_json(report: Report) -> str:
    """Return a report as JSON, amounts in cents."""
    header, head = report.header, report.newest_head
    return json.dumps(
        {
            "ok": report.ok,
            "territory": None if header is None else {"id": header.territory_id, "name": header.territory_name},
            "key_fingerprint": None if header is None else fingerprint(header.public_key_pem),
            "entries": report.entries,
            "transfers": report.transfers,
            "accounts": report.accounts,
            "heads": report.heads,
            "unsealed": report.unsealed,
            "root": report.root.hex(),
            "newest_head": None if head is None else {"size": head.size, "root": head.root.hex()},
            "closed_through": None if report.closed_through is None else report.closed_through.isoformat(),
            "trial_balance": [
                {
                    "code": ACCOUNT_MAP[kind].code,
                    "label": ACCOUNT_MAP[kind].french,
                    "debits_cents": debits,
                    "credits_cents": credits_,
                    "balance_cents": debits - credits_,
                }
                for kind, (debits, credits_) in report.kinds.items()
            ],
            "balances": {str(account_id): cents for account_id, cents in sorted(report.balances.items())},
            "statements": [
                {
                    "merchant": merchant_id,
                    "month": month,
                    "charged_cents": each.charged_cents,
                    "refunded_cents": each.refunded_cents,
                    "paid_cents": each.paid_cents,
                    "other_cents": each.other_cents,
                    "owed_cents": owed_cents,
                }
                for merchant_id, month, each, owed_cents in _statements(report)
            ],
            "finding_count": report.finding_count,
            "findings": [
                {"code": each.code, "subject": each.subject, "french": each.french} for each in report.findings
            ],
        },
        ensure_ascii=False,
        indent=2,
    )


def report_text(report: Report) -> str:
    """Return a report as a person reads it."""
    return "\n".join([*_verdict(report), *_origin(report), *_trial_balance(report), *_months(report)])


def _verdict(report: Report) -> Iterator[str]:
    if report.ok:
        yield f"Propre : {report.entries} écritures recalculées, aucune anomalie."
        return
    yield f"{report.finding_count} anomalies, {report.entries} écritures recalculées :"
    for each in report.findings:
        yield f"- {each.french} ({each.code}, {each.subject})"
    if report.finding_count > len(report.findings):
        yield f"- et {report.finding_count - len(report.findings)} autres."


def _origin(report: Report) -> Iterator[str]:
    header, head = report.header, report.newest_head
    if header is None:
        return
    yield ""
    exported_at = moment_of(header.exported_at_ms).astimezone(PARIS)
    yield f"Comptes de {header.territory_name}, exportés le {exported_at:%d/%m/%Y à %H:%M}"
    yield f"{report.accounts} comptes, {report.transfers} mouvements, {report.heads} signatures du journal"
    if head is not None:
        yield f"Racine signée à {head.size} écritures : {head.root.hex()}"
    if report.unsealed:
        yield f"{report.unsealed} écritures après la dernière signature : personne ne les garantit encore."
    yield f"Clé {fingerprint(header.public_key_pem)} : comparez-la à celle des documents imprimés."
    if report.closed_through is not None:
        yield f"Arrêté jusqu’au {report.closed_through:%d/%m/%Y}"


def _trial_balance(report: Report) -> Iterator[str]:
    if report.header is None:
        return
    yield ""
    yield f"{'Balance':<48}{'Débits':>18}{'Crédits':>18}{'Solde':>18}"
    for kind in AccountKind:
        debits, credits_ = report.kinds.get(kind, (0, 0))
        if debits or credits_:
            account = ACCOUNT_MAP[kind]
            sums = "".join(f"{format_euros(cents):>18}" for cents in (debits, credits_, debits - credits_))
            yield f"{account.code} {account.french:<41}{sums}"


def _months(report: Report) -> Iterator[str]:
    if not report.statements:
        return
    yield ""
    yield "".join(f"{text:>{width}}" for text, width in zip(STATEMENT_HEADING, WIDTHS, strict=True))
    for merchant_id, month, each, owed_cents in _statements(report):
        amounts = (each.charged_cents, each.refunded_cents, each.paid_cents, each.other_cents, owed_cents)
        words = (str(merchant_id), month, *(format_euros(cents) for cents in amounts))
        yield "".join(f"{text:>{width}}" for text, width in zip(words, WIDTHS, strict=True))


def _statements(report: Report) -> Iterator[tuple[int, str, Statement, int]]:
    """Yield each shop's months in order, with what it is owed at the end of each."""
    for merchant_id in sorted(report.statements):
        owed_cents = 0
        for month in sorted(report.statements[merchant_id]):
            statement = report.statements[merchant_id][month]
            owed_cents += statement.change_cents
            yield merchant_id, month, statement, owed_cents
