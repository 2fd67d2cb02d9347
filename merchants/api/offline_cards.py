"""The signed list of cards that a till keeps for when the network is away."""

import base64

from pydantic import Field
from sqlalchemy import Connection

from merchants.offline.snapshot import snapshot_of
from merchants.queries import find_merchant
from merchants.web import parts
from monnaie_locale import runtime
from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.schema import Reply
from monnaie_locale.identity import access
from monnaie_locale.identity.roles import Permission

blueprint = api_blueprint("merchants_offline_cards_api", __name__)


class SnapshotReply(Reply):
    """A text and its signature by the town."""

    signed: str = Field(description="A first line, then JSON: of each card the start of its hash, and a cap")
    signature: str = Field(description="Ed25519 (RFC 8032) of the text's UTF-8 bytes, in base64url")


@endpoint(
    blueprint,
    "GET",
    "/tills/own-cards",
    summary="The cards that this till may meet while the network is away",
    permission=Permission.VIEW_TILL,
    answers=SnapshotReply,
    conditional=True,
)
def own_cards(db: Connection, *, call: Call) -> SnapshotReply:
    """Return the list for the calling till's shop, good for a day: the cards seen there lately, those that have ended.

    It names no holder and tells no balance. Ask again with the ETag: unchanged, it is not sent again.
    """
    rt = runtime.current()
    shop = find_merchant(db, territory_id=rt.territory_id, merchant_id=access.subject().merchant_id or 0)
    found = snapshot_of(
        db, territory_id=rt.territory_id, host=parts.host(), merchant=shop, sign=rt.keyring.sign, now=call.now
    )
    signature = base64.urlsafe_b64encode(found.signature).decode().rstrip("=")
    return SnapshotReply(signed=found.text, signature=signature)
