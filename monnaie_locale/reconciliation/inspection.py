"""Say what a person should look at in a file of the bank, before anything is imported. Pure."""

from collections.abc import Iterator, Sequence

from monnaie_locale.ledger.money import format_euros
from monnaie_locale.reconciliation.acceptance import EURO, gap_sentence, mark_of
from monnaie_locale.reconciliation.formats.iso_fields import squeeze_iban
from monnaie_locale.reconciliation.formats.model import AccountReport, BankFile
from monnaie_locale.reconciliation.model import Line, LineMark

NO_BALANCES = "Il manque le solde d’ouverture ou de clôture : rien ne prouve que le relevé est complet."
OTHER_ACCOUNT = "Ce compte n’est pas celui de la réserve : rien n’en est importé."


def warnings_of(file: BankFile, *, account: str | None) -> list[tuple[str, ...]]:
    """Return the warnings of each account report of a file, in the file's order.

    Args:
        file: read whole, every account.
        account: the IBAN of the reserve; None when it is not known.

    """
    return [tuple(_warnings(file, place, account)) for place in range(len(file.reports))]


def _warnings(file: BankFile, place: int, account: str | None) -> Iterator[str]:
    report = file.reports[place]
    if account is not None and report.account != squeeze_iban(account):
        yield OTHER_ACCOUNT
    if report.currency != EURO:
        yield f"Ce compte est tenu en {report.currency or 'monnaie inconnue'}, et non en {EURO}."
    for currency in report.foreign_currencies:
        yield f"Des lignes sont en {currency}, et non dans la monnaie du compte : elles ne s’additionnent pas."
    yield from _repeats(report)
    if not file.is_booked:
        return
    if report.sums_up is None:
        yield NO_BALANCES
    elif report.difference_cents:
        yield f"{gap_sentence(report)}. Écart de {format_euros(report.difference_cents)}."
    yield from _hole(report, _before(file.reports[:place], report))


def _before(earlier: Sequence[AccountReport], report: AccountReport) -> AccountReport | None:
    same = [each for each in earlier if each.account == report.account]
    return same[-1] if same else None


def _hole(report: AccountReport, before: AccountReport | None) -> Iterator[str]:
    """Yield a warning when a statement does not open where the one before it in the file closed."""
    if before is None or before.closing_cents is None or report.opening_cents is None:
        return
    if before.closing_cents != report.opening_cents:
        yield (
            f"Ce relevé s’ouvre à {format_euros(report.opening_cents)}, le précédent du fichier se fermait à"
            f" {format_euros(before.closing_cents)} : il en manque un."
        )


def _repeats(report: AccountReport) -> Iterator[str]:
    seen: dict[tuple[LineMark, str], Line] = {}
    for line in report.lines:
        first = seen.setdefault((mark_of(line), line.label), line)
        if first is not line:
            yield f"La ligne {line.line_no} répète la ligne {first.line_no} : même jour, même montant, même libellé."
