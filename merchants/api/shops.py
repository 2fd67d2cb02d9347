"""The back office's endpoints on shops and tills."""

from sqlalchemy import Connection

from merchants import errors
from merchants.api.schema import (
    IbanBody,
    MerchantBody,
    MerchantReply,
    MerchantsReply,
    PairBody,
    PairedReply,
    PairingReply,
    ReasonBody,
    TillBody,
    TillReply,
    merchant_reply,
    till_reply,
)
from merchants.model import Address
from merchants.queries import find_merchant, list_merchants
from merchants.shops import operations
from merchants.shops.admission import check_admission
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.pagination import PageQuery, read_cursor, write_cursor
from monnaie_locale.database.transaction import transact
from monnaie_locale.identity.api_keys import issue_api_key
from monnaie_locale.identity.roles import Permission, SubjectKind

blueprint = api_blueprint("merchants_shops_api", __name__)


@endpoint(
    blueprint,
    "GET",
    "/merchants",
    summary="The admitted shops",
    permission=Permission.VIEW_MERCHANTS,
    query=PageQuery,
    answers=MerchantsReply,
)
def shops(db: Connection, *, query: PageQuery, call: Call) -> MerchantsReply:  # noqa: ARG001 - the kit passes it
    """Return a page of shops, in the order of their admission."""
    position = read_cursor(query.cursor)
    found = list_merchants(
        db,
        territory_id=runtime.current().territory_id,
        after_id=int(position[0]) if position else 0,
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    cursor = write_cursor((page[-1].id,)) if len(found) > query.limit else None
    return MerchantsReply(merchants=[merchant_reply(each) for each in page], next_cursor=cursor)


@endpoint(
    blueprint,
    "GET",
    "/merchants/<int:merchant_id>",
    summary="One shop",
    permission=Permission.VIEW_MERCHANTS,
    answers=MerchantReply,
    refusals=(errors.MerchantUnknown,),
)
def shop(db: Connection, *, call: Call, merchant_id: int) -> MerchantReply:  # noqa: ARG001 - the kit passes it
    """Return one shop."""
    territory_id = runtime.current().territory_id
    return merchant_reply(find_merchant(db, territory_id=territory_id, merchant_id=merchant_id))


@endpoint(
    blueprint,
    "POST",
    "/merchants",
    summary="Admit a shop",
    permission=Permission.MANAGE_MERCHANTS,
    body=MerchantBody,
    answers=MerchantReply,
    status=201,
    refusals=errors.REFUSALS[:8],
    idempotent="stored",
)
def admit(db: Connection, *, body: MerchantBody, call: Call) -> MerchantReply:
    """Admit a shop: SIRET, IBAN and category are checked."""
    admission = check_admission(
        name=body.name,
        siret=body.siret,
        category=body.category,
        iban=body.iban,
        address=Address(**body.address.model_dump()),
        debt_limit_cents=body.debt_limit_cents,
    )
    merchant = operations.admit_merchant(
        db,
        territory_id=runtime.current().territory_id,
        admission=admission,
        actor=call.caller,
        now=call.now,
    )
    return merchant_reply(merchant)


@endpoint(
    blueprint,
    "PUT",
    "/merchants/<int:merchant_id>/iban",
    summary="Change where a shop is paid",
    permission=Permission.MANAGE_MERCHANTS,
    body=IbanBody,
    answers=MerchantReply,
    refusals=(errors.MerchantUnknown, errors.IbanInvalid),
    idempotent="stored",
)
def change_iban(db: Connection, *, body: IbanBody, call: Call, merchant_id: int) -> MerchantReply:
    """Change a shop's account; a payout already prepared keeps the one it copied."""
    merchant = operations.change_iban(
        db,
        territory_id=runtime.current().territory_id,
        merchant_id=merchant_id,
        iban=body.iban,
        actor=call.caller,
        now=call.now,
    )
    return merchant_reply(merchant)


@endpoint(
    blueprint,
    "POST",
    "/merchants/<int:merchant_id>/suspend",
    summary="Suspend a shop",
    permission=Permission.MANAGE_MERCHANTS,
    body=ReasonBody,
    answers=MerchantReply,
    refusals=(errors.MerchantUnknown,),
    idempotent="stored",
)
def suspend(db: Connection, *, body: ReasonBody, call: Call, merchant_id: int) -> MerchantReply:
    """Let a shop take no more payments; it is still paid what it is owed."""
    merchant = operations.suspend_merchant(
        db,
        territory_id=runtime.current().territory_id,
        merchant_id=merchant_id,
        reason=body.reason,
        actor=call.caller,
        now=call.now,
    )
    return merchant_reply(merchant)


@endpoint(
    blueprint,
    "POST",
    "/merchants/<int:merchant_id>/resume",
    summary="Let a suspended shop take payments again",
    permission=Permission.MANAGE_MERCHANTS,
    answers=MerchantReply,
    refusals=(errors.MerchantUnknown,),
    idempotent="stored",
)
def resume(db: Connection, *, call: Call, merchant_id: int) -> MerchantReply:
    """End a suspension."""
    merchant = operations.resume_merchant(
        db,
        territory_id=runtime.current().territory_id,
        merchant_id=merchant_id,
        actor=call.caller,
        now=call.now,
    )
    return merchant_reply(merchant)


@endpoint(
    blueprint,
    "POST",
    "/merchants/<int:merchant_id>/tills",
    summary="Open a till",
    permission=Permission.MANAGE_TILLS,
    body=TillBody,
    answers=TillReply,
    status=201,
    refusals=(errors.MerchantUnknown, errors.MerchantSuspended, errors.TillLabelInvalid),
    idempotent="stored",
)
def open_till(db: Connection, *, body: TillBody, call: Call, merchant_id: int) -> TillReply:
    """Open a till; ask for its pairing code afterwards, because a stored answer must hold no secret."""
    rt = runtime.current()
    till, _ = operations.open_till(
        db,
        territory_id=rt.territory_id,
        merchant_id=merchant_id,
        label=body.label,
        actor=call.caller,
        now=call.now,
        random_bytes=rt.random_bytes,
    )
    return till_reply(till)


@endpoint(
    blueprint,
    "POST",
    "/tills/<int:till_id>/pairing-codes",
    summary="Draw a till's pairing code",
    permission=Permission.MANAGE_TILLS,
    answers=PairingReply,
    status=201,
    refusals=(errors.TillUnknown,),
    idempotent="journal",
)
def draw_pairing(*, call: Call, till_id: int) -> PairingReply:
    """Return a code good for 15 minutes; each call voids the code before, so a retry leaves one code."""
    rt = runtime.current()
    code = transact(
        rt.engine,
        operations.renew_pairing,
        territory_id=rt.territory_id,
        till_id=till_id,
        actor=call.caller,
        now=call.now,
        random_bytes=rt.random_bytes,
    )
    return PairingReply(
        till_id=till_id,
        code=code,
        url=operations.pairing_url(host=parts.host(), code=code),
        expires_at=call.now + operations.PAIRING_LIFE,
    )


@endpoint(
    blueprint,
    "POST",
    "/tills/pair",
    summary="Pair a program as a till",
    permission=Permission.OPEN_TO_ALL,
    body=PairBody,
    answers=PairedReply,
    status=201,
    refusals=(errors.PairingCodeSpent, errors.MerchantSuspended),
    idempotent="journal",
)
def pair(*, body: PairBody, call: Call) -> PairedReply:
    """Spend a pairing code and return the till's key; a code works once, so a lost answer needs a new code."""
    rt = runtime.current()
    return transact(rt.engine, _pair_program, rt=rt, code=body.code, call=call)


@endpoint(
    blueprint,
    "POST",
    "/tills/<int:till_id>/unpair",
    summary="Take a till's device away",
    permission=Permission.MANAGE_TILLS,
    answers=TillReply,
    refusals=(errors.TillUnknown,),
    idempotent="stored",
)
def unpair(db: Connection, *, call: Call, till_id: int) -> TillReply:
    """End a till's sessions and keys."""
    territory_id = runtime.current().territory_id
    till = operations.unpair_till(db, territory_id=territory_id, till_id=till_id, actor=call.caller, now=call.now)
    return till_reply(till)


def _pair_program(db: Connection, *, rt: runtime.Runtime, code: str, call: Call) -> PairedReply:
    till, _ = operations.pair_till(
        db, territory_id=rt.territory_id, code=code, now=call.now, random_bytes=rt.random_bytes
    )
    key = issue_api_key(
        db,
        territory_id=rt.territory_id,
        kind=SubjectKind.TILL,
        subject_id=till.id,
        label="pairing",
        actor=till.caller,
        now=call.now,
        random_bytes=rt.random_bytes,
    )
    return PairedReply(till_id=till.id, label=till.label, api_key=key)
