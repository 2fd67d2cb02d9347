"""What a bank's file says, whatever its format: accounts with their lines, and news of payments. Plain values."""

import datetime
from dataclasses import dataclass

from merchants.model import PaymentStatus
from monnaie_locale.reconciliation.model import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """The lines of one account over a period, as the bank wrote them: nothing is proved yet.

    `account` is an IBAN, else the bank's own number. `opening_cents` and `closing_cents` are signed, None when the bank
    gives none. `foreign_currencies` are those of lines that are not in the account's `currency`.
    """

    report_id: str
    account: str
    currency: str
    opening_cents: int | None
    closing_cents: int | None
    from_on: datetime.date | None
    to_on: datetime.date | None
    lines: tuple[Line, ...]
    foreign_currencies: tuple[str, ...] = ()

    @property
    def booked_cents(self) -> int:
        """Return what the lines add up to, signed."""
        return sum(line.amount_cents for line in self.lines)

    @property
    def difference_cents(self) -> int | None:
        """Return what the lines lack between the two balances; None when a balance is missing."""
        if self.opening_cents is None or self.closing_cents is None:
            return None
        return self.closing_cents - self.opening_cents - self.booked_cents

    @property
    def sums_up(self) -> bool | None:
        """Return whether opening and lines make the closing balance; None when nothing can say."""
        if self.difference_cents is None:
            return None
        return self.difference_cents == 0 and not self.foreign_currencies


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNews:
    """What the bank says of one payment, or of a whole order when `end_to_end_id` is empty.

    `order_ids` are the identifiers under which the bank knows the order (MsgId, PmtInfId); `reason` is an ISO code
    ("AC04") or the bank's own; `amount_cents` is positive, None when the bank gives none.
    """

    end_to_end_id: str
    order_ids: tuple[str, ...]
    status: PaymentStatus
    told_on: datetime.date
    reason: str = ""
    amount_cents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFile:
    """One file of a bank. `format` is "camt.053.001.08", "cfonb120"…; `message_id` is the bank's own, or empty.

    A file that `is_booked` says what the account held and moves the books; the others only tell news of payments.
    `other_accounts` are those that were left unread because another one was asked for.
    """

    format: str
    message_id: str
    is_booked: bool
    reports: tuple[AccountReport, ...] = ()
    news: tuple[PaymentNews, ...] = ()
    other_accounts: tuple[str, ...] = ()
