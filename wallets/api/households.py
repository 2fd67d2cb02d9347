"""Households and their wallets over JSON. The answers of writes are stored, so none of them holds an identity."""

from pydantic import Field
from sqlalchemy import Connection

from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.api.schema import Body, Reply
from monnaie_locale.identity.roles import Permission
from monnaie_locale.programmes.errors import CsvLineInvalid, CsvTooLarge, CsvUnreadable
from wallets import errors, queries
from wallets.operations import enrolling

blueprint = api_blueprint("households_api", __name__)


class HouseholdBody(Body):
    """A household; its reference is that of the file at the CCAS."""

    reference: str = Field(min_length=1, max_length=enrolling.REFERENCE_LENGTH_MAX)
    alias: str = Field(default="", max_length=enrolling.ALIAS_LENGTH_MAX)
    contact: str = Field(default="", max_length=enrolling.CHANNEL_LENGTH_MAX)
    address: str = Field(default="", max_length=enrolling.ADDRESS_LENGTH_MAX)


class HouseholdCsvBody(Body):
    """Households, as the text of a `reference;alias;contact;adresse` file."""

    csv: str


class HouseholdChangeBody(Body):
    """What the desk calls a household, and how to reach it."""

    alias: str = Field(default="", max_length=enrolling.ALIAS_LENGTH_MAX)
    contact: str = Field(default="", max_length=enrolling.CHANNEL_LENGTH_MAX)
    address: str = Field(default="", max_length=enrolling.ADDRESS_LENGTH_MAX)


class EnrolledReply(Reply):
    """A household and its wallet, by their numbers only."""

    household_id: int
    wallet_id: int | None


class ImportedReply(Reply):
    """The wallets of a file's households, in the order of the file."""

    wallet_ids: list[int]


class HouseholdReply(Reply):
    """A household; the identity is empty once it was erased."""

    household_id: int
    reference: str
    alias: str
    contact: str
    address: str
    is_erased: bool
    wallet_id: int | None


class HouseholdRowReply(Reply):
    """A household in a list, without its identity."""

    household_id: int
    enrolled_at_ms: int
    is_erased: bool


class HouseholdsReply(Reply):
    """A page of households, in the order in which they were enrolled."""

    households: list[HouseholdRowReply]
    next_cursor: str | None


@endpoint(
    blueprint,
    "POST",
    "/households",
    summary="Enrol a household and open its wallet",
    permission=Permission.MANAGE_WALLETS,
    body=HouseholdBody,
    answers=EnrolledReply,
    status=201,
    refusals=(errors.HouseholdFieldInvalid, errors.HouseholdAddressInvalid, errors.HouseholdErased),
    idempotent="stored",
)
def enrol_household(db: Connection, *, body: HouseholdBody, call: Call) -> EnrolledReply:
    """Enrol a household; the same reference again gives the same household and wallet."""
    rt = runtime.current()
    household_id = enrolling.enrol_household(
        db,
        territory_id=rt.territory_id,
        reference=body.reference,
        keyring=rt.keyring,
        actor=call.caller,
        now=call.now,
        alias=body.alias,
        channel=body.contact,
        address=body.address,
    )
    wallet = enrolling.open_wallet(
        db, territory_id=rt.territory_id, household_id=household_id, actor=call.caller, now=call.now
    )
    return EnrolledReply(household_id=household_id, wallet_id=wallet.wallet_id)


@endpoint(
    blueprint,
    "POST",
    "/households/csv",
    summary="Enrol households from a file",
    permission=Permission.MANAGE_WALLETS,
    body=HouseholdCsvBody,
    answers=ImportedReply,
    status=201,
    refusals=(CsvUnreadable, CsvTooLarge, CsvLineInvalid),
    idempotent="stored",
)
def enrol_from_csv(db: Connection, *, body: HouseholdCsvBody, call: Call) -> ImportedReply:
    """Enrol every household of a `reference;alias;contact;adresse` file; a bad line is named, then nothing is."""
    rt = runtime.current()
    opened = enrolling.enrol_from_csv(
        db,
        territory_id=rt.territory_id,
        content=body.csv.encode(),
        keyring=rt.keyring,
        actor=call.caller,
        now=call.now,
    )
    return ImportedReply(wallet_ids=[wallet_id for _, wallet_id in opened])


@endpoint(
    blueprint,
    "GET",
    "/households",
    summary="List households",
    permission=Permission.VIEW_WALLETS,
    query=PageQuery,
    answers=HouseholdsReply,
)
def list_households(db: Connection, *, query: PageQuery, call: Call) -> HouseholdsReply:
    """List households by their numbers; ask for one of them to read its identity."""
    del call
    rt = runtime.current()
    position = read_cursor(query.cursor)
    found = queries.households_from(
        db,
        territory_id=rt.territory_id,
        keyring=rt.keyring,
        after_id=0 if position is None else int(position[0]),
        limit=query.limit + 1,
    )
    rows = [
        HouseholdRowReply(household_id=each.household_id, enrolled_at_ms=each.enrolled_at_ms, is_erased=each.is_erased)
        for each in found[: query.limit]
    ]
    more = len(found) > query.limit
    return HouseholdsReply(households=rows, next_cursor=write_cursor((rows[-1].household_id,)) if more else None)


@endpoint(
    blueprint,
    "GET",
    "/households/<int:household_id>",
    summary="Show a household",
    permission=Permission.VIEW_WALLETS,
    answers=HouseholdReply,
    refusals=(errors.HouseholdUnknown,),
)
def show_household(db: Connection, *, call: Call, household_id: int) -> HouseholdReply:
    """Show a household with its identity."""
    del call
    rt = runtime.current()
    found = queries.household_of(db, territory_id=rt.territory_id, household_id=household_id, keyring=rt.keyring)
    wallet = queries.wallet_of_household(db, territory_id=rt.territory_id, household_id=household_id)
    return HouseholdReply(
        household_id=household_id,
        reference=found.reference,
        alias=found.alias,
        contact=found.channel,
        address=found.address,
        is_erased=found.is_erased,
        wallet_id=None if wallet is None else wallet.wallet_id,
    )


@endpoint(
    blueprint,
    "PUT",
    "/households/<int:household_id>/identity",
    summary="Correct a household's identity",
    permission=Permission.MANAGE_WALLETS,
    body=HouseholdChangeBody,
    answers=EnrolledReply,
    refusals=(
        errors.HouseholdUnknown,
        errors.HouseholdErased,
        errors.HouseholdFieldInvalid,
        errors.HouseholdAddressInvalid,
    ),
    idempotent="stored",
)
def change_household(db: Connection, *, body: HouseholdChangeBody, call: Call, household_id: int) -> EnrolledReply:
    """Correct what the desk calls a household and how to reach it."""
    rt = runtime.current()
    enrolling.change_household(
        db,
        territory_id=rt.territory_id,
        household_id=household_id,
        alias=body.alias,
        channel=body.contact,
        address=body.address,
        keyring=rt.keyring,
        actor=call.caller,
        now=call.now,
    )
    return _enrolled(db, household_id)


@endpoint(
    blueprint,
    "POST",
    "/households/<int:household_id>/erase",
    summary="Erase a household's identity",
    permission=Permission.MANAGE_WALLETS,
    answers=EnrolledReply,
    refusals=(errors.HouseholdUnknown, errors.HouseholdErased),
    idempotent="stored",
)
def erase_household(db: Connection, *, call: Call, household_id: int) -> EnrolledReply:
    """Erase who the household is, block its cards, close its wallet; the books do not change."""
    enrolling.erase_household(
        db, territory_id=runtime.current().territory_id, household_id=household_id, actor=call.caller, now=call.now
    )
    return _enrolled(db, household_id)


def _enrolled(db: Connection, household_id: int) -> EnrolledReply:
    territory_id = runtime.current().territory_id
    wallet = queries.wallet_of_household(db, territory_id=territory_id, household_id=household_id)
    return EnrolledReply(household_id=household_id, wallet_id=None if wallet is None else wallet.wallet_id)
