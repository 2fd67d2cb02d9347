"""Which code an account may have. Pure."""

from collections.abc import Iterable

from monnaie_locale.chart.errors import (
    AccountCodeMalformed,
    AccountCodeTaken,
    AccountCodeWrongClass,
    AccountLabelMalformed,
    ChartLineUnknown,
)
from monnaie_locale.chart.model import RULES, Book, CcasRole, ChartLine, LineRule

# LPF A47 A-1: CompteNum begins with three digits of the PCG. Codes of the PCG are padded, those of the M57 are not.
CODE_LENGTHS: dict[Book, tuple[int, int]] = {Book.ISSUER: (6, 10), Book.CCAS: (3, 10)}
LABEL_LENGTH_MAX = 80


def rule_of(*, book: str, role: str, programme_id: int = 0) -> LineRule:
    """Return the rule of a line; refuses chart_line_unknown. Only the aid of the CCAS has a line per programme."""
    rule = RULES.get((Book(book), role)) if book in set(Book) else None
    if rule is None or (programme_id and (rule.book, rule.role) != (Book.CCAS, CcasRole.AID.value)):
        raise ChartLineUnknown(given=f"{book} {role} {programme_id}"[:60])
    return rule


def check_account(*, rule: LineRule, programme_id: int, code: str, label: str, lines: Iterable[ChartLine]) -> None:
    """Check the code and the label that a line would have beside the others.

    Args:
        rule: of the line.
        programme_id: of the line, 0 when it is the town's.
        code: the account's number.
        label: its French label.
        lines: every line as it stands; the one that changes is left aside.

    Refuses, in this order: account_code_malformed, account_code_wrong_class, account_label_malformed,
    account_code_taken.

    """
    at_least, at_most = CODE_LENGTHS[rule.book]
    if not (code.isascii() and code.isdigit() and at_least <= len(code) <= at_most):
        raise AccountCodeMalformed(given=code[:20], at_least=at_least, at_most=at_most)
    if not code.startswith(rule.prefixes):
        raise AccountCodeWrongClass(given=code, expected=" ou ".join(rule.prefixes))
    if not 1 <= len(label) <= LABEL_LENGTH_MAX or not label.isprintable():
        raise AccountLabelMalformed(at_most=LABEL_LENGTH_MAX)
    for line in lines:
        if line.rule.book is not rule.book or (line.rule.role, line.programme_id) == (rule.role, programme_id):
            continue
        # Two programmes may share an aid account: their documents tell them apart.
        if line.rule.role == rule.role:
            continue
        # A program that adds up what lies under an account would count one in the other.
        if code.startswith(line.account.code) or line.account.code.startswith(code):
            raise AccountCodeTaken(given=code, taken=line.account.code, label=line.account.french)
