"""Enrol households, open their wallets, erase their identities. The identity is sealed, the books never hold it."""

import datetime
import io

from sqlalchemy import Connection, insert, select, update

from monnaie_locale.database.identifiers import next_id
from monnaie_locale.identity import audit
from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.periods import instant_ms
from monnaie_locale.programmes.csv_table import CsvRow, read_table
from monnaie_locale.programmes.errors import CsvLineInvalid
from wallets import queries
from wallets.errors import HouseholdAddressInvalid, HouseholdErased, HouseholdFieldInvalid
from wallets.model import CardState, Household, Wallet, address_lines
from wallets.operations.ending import end_card
from wallets.tables import households, wallets

REFERENCE_LENGTH_MAX = 40
ALIAS_LENGTH_MAX = 80
CHANNEL_LENGTH_MAX = 80
# NF Z 10-011: six lines of 38 characters; the first one is the name, which the alias gives.
ADDRESS_LINES_MAX = 5
ADDRESS_LINE_LENGTH_MAX = 38
ADDRESS_LENGTH_MAX = ADDRESS_LINES_MAX * (ADDRESS_LINE_LENGTH_MAX + 2)
# In a file, the lines of an address stand in one cell.
ADDRESS_SEPARATOR = "|"
# One file is one transaction, several statements a household.
HOUSEHOLDS_MAX = 50_000


def enrol_household(
    db: Connection,
    *,
    territory_id: int,
    reference: str,
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
    alias: str = "",
    channel: str = "",
    address: str = "",
) -> int:
    """Enrol a household and return its number; the same file reference again gives the same household.

    Args:
        db: the transaction.
        territory_id: whose household.
        reference: of the file at the CCAS, 1 to 40 characters; stored sealed, found by a keyed digest.
        keyring: seals.
        actor: the caller, "staff:3".
        now: aware UTC.
        alias: what the desk calls the household, up to 80 characters; sealed.
        channel: how to reach it (a phone number, "courrier"), up to 80 characters; sealed.
        address: for letters, its lines below the name, up to five of 38 characters (NF Z 10-011); sealed.

    Refuses: household_field_invalid, household_address_invalid.

    """
    reference = reference.strip()
    _check_length("référence", reference, 1, REFERENCE_LENGTH_MAX)
    identity = {"reference": reference} | _checked(alias=alias, channel=channel, address=address)
    digest = keyring.lookup_digest(reference)
    same = (households.c.territory_id == territory_id, households.c.reference_digest == digest)
    known: int | None = db.scalar(select(households.c.id).where(*same))
    if known is not None:
        return known
    household_id = next_id(db, households, territory_id=territory_id)
    db.execute(
        insert(households),
        {
            "territory_id": territory_id,
            "id": household_id,
            "reference_digest": digest,
            "sealed": keyring.seal(identity),
            "enrolled_at_ms": instant_ms(now),
        },
    )
    _record(db, "enrol", territory_id=territory_id, household_id=household_id, actor=actor, now=now)
    return household_id


def enrol_from_csv(
    db: Connection, *, territory_id: int, content: bytes, keyring: Keyring, actor: str, now: datetime.datetime
) -> list[tuple[str, int]]:
    """Enrol every household of a `reference;alias;contact;adresse` file and open its wallet; all of them or none.

    All but `reference` are optional columns; the lines of an address are separated by "|". Households already enrolled
    are left as they are, so that the same file can be sent again. Returns (reference, wallet id) in the order of the
    file.

    Refuses: csv_unreadable, csv_too_large, csv_line_invalid (with its line and column).
    """
    opened: list[tuple[str, int]] = []
    seen: dict[str, int] = {}
    rows = read_table(
        io.BytesIO(content), required=("reference",), optional=("alias", "contact", "adresse"), lines_max=HOUSEHOLDS_MAX
    )
    for row in rows:
        reference = row.values["reference"]
        if reference in seen:
            reason = f"« {reference} » figure déjà à la ligne {seen[reference]}."
            raise CsvLineInvalid(line=row.line, column="reference", reason=reason)
        seen[reference] = row.line
        _check_row(row)
        household_id = enrol_household(
            db,
            territory_id=territory_id,
            reference=reference,
            keyring=keyring,
            actor=actor,
            now=now,
            alias=row.values.get("alias", ""),
            channel=row.values.get("contact", ""),
            address=row.values.get("adresse", "").replace(ADDRESS_SEPARATOR, "\n"),
        )
        wallet = open_wallet(db, territory_id=territory_id, household_id=household_id, actor=actor, now=now)
        opened.append((reference, wallet.wallet_id))
    return opened


def open_wallet(db: Connection, *, territory_id: int, household_id: int, actor: str, now: datetime.datetime) -> Wallet:
    """Open the household's wallet, or return the one that is open: a household has one at a time.

    Refuses: household_unknown, household_erased.
    """
    _check_not_erased(db, territory_id=territory_id, household_id=household_id)
    found = queries.wallet_of_household(db, territory_id=territory_id, household_id=household_id)
    if found is not None:
        return found
    wallet_id = next_id(db, wallets, territory_id=territory_id)
    db.execute(
        insert(wallets),
        {
            "territory_id": territory_id,
            "id": wallet_id,
            "household_id": household_id,
            "opened_at_ms": instant_ms(now),
        },
    )
    audit.record(db, territory_id=territory_id, at=now, actor=actor, action="wallet.open", target=f"wallet:{wallet_id}")
    return queries.wallet_of(db, territory_id=territory_id, wallet_id=wallet_id)


def erase_household(
    db: Connection, *, territory_id: int, household_id: int, actor: str, now: datetime.datetime
) -> None:
    """Erase who the household is (GDPR, article 17): its books stay, nothing leads from them to a person.

    The digest of its reference goes too, its cards are blocked and its wallet is closed: what is left in the purses
    expires in its time.

    Refuses: household_unknown, household_erased.
    """
    _check_not_erased(db, territory_id=territory_id, household_id=household_id)
    wallet = queries.wallet_of_household(db, territory_id=territory_id, household_id=household_id)
    if wallet is not None:
        for card in queries.cards_of(db, territory_id=territory_id, wallet_id=wallet.wallet_id):
            if card.is_active:
                end_card(db, territory_id=territory_id, card_id=card.card_id, state=CardState.BLOCKED, now=now)
        db.execute(
            update(wallets)
            .where(wallets.c.territory_id == territory_id, wallets.c.id == wallet.wallet_id)
            .values(closed_at_ms=instant_ms(now))
        )
    db.execute(
        update(households)
        .where(households.c.territory_id == territory_id, households.c.id == household_id)
        .values(sealed=b"", reference_digest=None, erased_at_ms=instant_ms(now))
    )
    _record(db, "erase", territory_id=territory_id, household_id=household_id, actor=actor, now=now)


def change_household(
    db: Connection,
    *,
    territory_id: int,
    household_id: int,
    alias: str,
    channel: str,
    address: str,
    keyring: Keyring,
    actor: str,
    now: datetime.datetime,
) -> Household:
    """Correct what the desk calls a household, how to reach it and where it lives; the file reference stays.

    Refuses: household_unknown, household_erased, household_field_invalid, household_address_invalid.
    """
    household = queries.household_of(db, territory_id=territory_id, household_id=household_id, keyring=keyring)
    if household.is_erased:
        raise HouseholdErased
    identity = {"reference": household.reference} | _checked(alias=alias, channel=channel, address=address)
    db.execute(
        update(households)
        .where(households.c.territory_id == territory_id, households.c.id == household_id)
        .values(sealed=keyring.seal(identity))
    )
    _record(db, "change", territory_id=territory_id, household_id=household_id, actor=actor, now=now)
    return queries.household_of(db, territory_id=territory_id, household_id=household_id, keyring=keyring)


def _checked(*, alias: str, channel: str, address: str) -> dict[str, str]:
    """Return the identity beside the reference, as it is sealed, or refuse what is too long."""
    alias, channel = alias.strip(), channel.strip()
    _check_length("nom d’usage", alias, 0, ALIAS_LENGTH_MAX)
    _check_length("contact", channel, 0, CHANNEL_LENGTH_MAX)
    lines = address_lines(address)
    if len(lines) > ADDRESS_LINES_MAX or any(len(line) > ADDRESS_LINE_LENGTH_MAX for line in lines):
        raise HouseholdAddressInvalid(lines_max=ADDRESS_LINES_MAX, length_max=ADDRESS_LINE_LENGTH_MAX)
    return {"alias": alias, "channel": channel, "address": "\n".join(lines)}


def _check_row(row: CsvRow) -> None:
    """Refuse a line of a file by its number and column, before anything is written of it."""
    bounds = (("reference", REFERENCE_LENGTH_MAX), ("alias", ALIAS_LENGTH_MAX), ("contact", CHANNEL_LENGTH_MAX))
    for column, length_max in bounds:
        if len(row.values.get(column, "")) > length_max:
            raise CsvLineInvalid(line=row.line, column=column, reason=f"{length_max} caractères au plus.")
    try:
        _checked(alias="", channel="", address=row.values.get("adresse", "").replace(ADDRESS_SEPARATOR, "\n"))
    except HouseholdAddressInvalid as refusal:
        raise CsvLineInvalid(line=row.line, column="adresse", reason=refusal.sentence()) from refusal


def _check_length(field: str, text: str, length_min: int, length_max: int) -> None:
    if not length_min <= len(text) <= length_max:
        raise HouseholdFieldInvalid(field=field, length_max=length_max)


def _check_not_erased(db: Connection, *, territory_id: int, household_id: int) -> None:
    if queries.erasure_of(db, territory_id=territory_id, household_id=household_id) is not None:
        raise HouseholdErased


def _record(
    db: Connection, step: str, *, territory_id: int, household_id: int, actor: str, now: datetime.datetime
) -> None:
    audit.record(
        db,
        territory_id=territory_id,
        at=now,
        actor=actor,
        action=f"household.{step}",
        target=f"household:{household_id}",
    )
