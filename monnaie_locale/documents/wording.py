"""How documents write dates, identifiers and the parts that they all share."""

import datetime

from monnaie_locale.documents.model import Issuer, LogHead
from monnaie_locale.ledger.money import NARROW_NO_BREAK_SPACE, NO_BREAK_SPACE, format_decimal
from monnaie_locale.ledger.periods import MONTHS_FR, PARIS

IBAN_SHOWN_START = 4
IBAN_SHOWN_END = 4
REFERENCE_GROUP = 4


def day_short(day: datetime.date) -> str:
    """Return a day as "31/10/2026"."""
    return f"{day:%d/%m/%Y}"


def day_long(day: datetime.date) -> str:
    """Return a day as "31 octobre 2026", the first of a month as "1er octobre 2026"."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number}{NO_BREAK_SPACE}{MONTHS_FR[day.month - 1]} {day.year}"


def moment_short(moment: datetime.datetime) -> str:
    """Return an aware moment in the time of Paris, as "31/10/2026 à 18 h 05"."""
    local = moment.astimezone(PARIS)
    return f"{local:%d/%m/%Y} à {local:%H}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{local:%M}"


def mask_iban(iban: str) -> str:
    """Return an IBAN of which only the country, the key and the last four characters can be read."""
    compact = "".join(iban.split())
    return NO_BREAK_SPACE.join((compact[:IBAN_SHOWN_START], "••••", "••••", compact[-IBAN_SHOWN_END:]))


def reference_shown(reference: str) -> str:
    """Return a structured creditor reference in groups of four, as ISO 11649 prints it: "RF18 5390 0754 7034"."""
    compact = "".join(reference.split())
    groups = (compact[start : start + REFERENCE_GROUP] for start in range(0, len(compact), REFERENCE_GROUP))
    return NO_BREAK_SPACE.join(groups)


def siret_shown(siret: str) -> str:
    """Return a SIRET as "123 456 789 00012"."""
    compact = "".join(siret.split())
    return NO_BREAK_SPACE.join((compact[:3], compact[3:6], compact[6:9], compact[9:]))


def issuer_block(issuer: Issuer) -> dict[str, object]:
    """Return the issuer as the templates expect it: a name, and the lines below it."""
    lines = [*issuer.address_lines, f"SIRET {siret_shown(issuer.siret)}"]
    if issuer.phone:
        lines[-1] += f" – Tél. {issuer.phone.replace(' ', NO_BREAK_SPACE)}"
    if issuer.on_behalf_of:
        lines.append(f"Au nom et pour le compte de : {issuer.on_behalf_of}")
    return {"name": issuer.name, "lines": lines}


def head_block(head: LogHead | None) -> dict[str, str] | None:
    """Return the signed head of the log as the templates expect it, or None when there is none yet."""
    if head is None:
        return None
    sealed = "écritures scellées" if head.entry_count > 1 else "écriture scellée"
    return {
        "sentence": f"{count_shown(head.entry_count)} {sealed} au {moment_short(head.signed_at)}. "
        "Gardez ce document : cette empreinte prouve qu’aucune écriture n’a changé depuis.",
        "root": head.root.hex(),
        "key": head.public_key_fingerprint,
    }


def rate_shown(basis_points: int) -> str:
    """Return hundredths of a percent as "0,50 %"."""
    return f"{format_decimal(basis_points, point=',')}{NARROW_NO_BREAK_SPACE}%"


def count_shown(number: int) -> str:
    """Return a whole number as "12 345"."""
    return f"{number:,}".replace(",", NARROW_NO_BREAK_SPACE)
