"""Read what a person typed, and keep what is wrong with it beside each field."""

import datetime
from collections.abc import Collection, Mapping

from monnaie_locale.ledger.money import CENTS_MAX, parse_euros

TEXT_LENGTH_MAX = 200
INTEGER_DIGITS_MAX = 15


class FormReader:
    """The values of one form and the French sentence about each field that cannot be read.

    A field that cannot be read gives an empty value of its type, so that a view reads every field before it
    looks at `errors`: a person sees all that is wrong at once.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Take what was sent, or what the form shows at first."""
        self.values: Mapping[str, str] = values if values is not None else {}
        self.errors: dict[str, str] = {}

    def value(self, name: str) -> str:
        """Return what was typed, to show it again."""
        return self.values.get(name, "")

    def error(self, name: str) -> str | None:
        """Return what is wrong with a field, if anything."""
        return self.errors.get(name)

    def add_error(self, name: str, sentence: str) -> None:
        """Say what is wrong with a field; the first reason stays."""
        self.errors.setdefault(name, sentence)

    def text(self, name: str, *, required: bool = True, length_max: int = TEXT_LENGTH_MAX) -> str:
        """Return the trimmed text of a field."""
        typed = self.value(name).strip()
        if required and not typed:
            self.add_error(name, "Ce champ est obligatoire.")
        if len(typed) > length_max:
            self.add_error(name, f"{length_max} caractères au plus.")
            return ""
        if any(ord(character) < ord(" ") and character not in "\r\n\t" for character in typed):
            self.add_error(name, "Ce texte contient un caractère interdit.")
            return ""
        return typed

    def euros(self, name: str, *, required: bool = True) -> int:
        """Return an amount in cents, greater than zero; 0 when the field is empty and not required."""
        typed = self.text(name, required=required)
        if not typed:
            return 0
        amount_cents = parse_euros(typed)
        if amount_cents is None:
            self.add_error(name, "Écrivez un montant en euros, par exemple 12,50.")
        elif amount_cents <= 0:
            self.add_error(name, "Le montant doit être supérieur à zéro.")
        elif amount_cents > CENTS_MAX:
            self.add_error(name, "Le montant est trop grand.")
        else:
            return amount_cents
        return 0

    def integer(self, name: str, *, at_least: int = 0, at_most: int = 10**9, required: bool = True) -> int:
        """Return a whole number between two bounds."""
        typed = self.text(name, required=required)
        if not typed:
            return 0
        if not (typed.isascii() and typed.isdigit() and len(typed) <= INTEGER_DIGITS_MAX):
            self.add_error(name, "Écrivez un nombre entier.")
            return 0
        number = int(typed)
        if not at_least <= number <= at_most:
            self.add_error(name, f"Écrivez un nombre entre {at_least} et {at_most}.")
            return 0
        return number

    def date(self, name: str, *, required: bool = True) -> datetime.date:
        """Return a date written 2026-10-03 (by the browser) or 03/10/2026 (by hand)."""
        typed = self.text(name, required=required)
        if not typed:
            return datetime.date.min
        for written in ("%Y-%m-%d", "%d/%m/%Y"):
            try:
                return datetime.datetime.strptime(typed, written).replace(tzinfo=datetime.UTC).date()
            except ValueError:
                continue
        self.add_error(name, "Écrivez une date, par exemple 03/10/2026.")
        return datetime.date.min

    def choice(self, name: str, options: Collection[str], *, required: bool = True) -> str:
        """Return one of `options`."""
        typed = self.text(name, required=required)
        if typed and typed not in options:
            self.add_error(name, "Choisissez une des réponses proposées.")
            return ""
        return typed

    def checked(self, name: str) -> bool:
        """Tell whether a box was ticked."""
        return bool(self.value(name))
