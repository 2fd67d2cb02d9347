"""What bodies, answers and query parameters are made of: strict, closed, frozen.

Their errors say the field and never the value: an answer that we made badly goes to the log.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from monnaie_locale.ledger.money import CENTS_MAX

# JSON's 12.0 and true are not amounts: an amount is an integer of cents, exact in every client.
Cents = Annotated[StrictInt, Field(ge=0, le=CENTS_MAX, description="Euro cents")]
# What identifies a row; a greater number is in no column.
RowNumber = Annotated[int, Field(ge=1, lt=2**31)]
PositiveCents = Annotated[StrictInt, Field(description="Euro cents, greater than zero")]


class Body(BaseModel):
    """The body of a request: a field we do not know is a mistake of the caller, not something to ignore."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Reply(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Query(BaseModel):
    """Query parameters: text in the address, so numbers are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
