"""What somebody may do to an export that he holds, hashes made to fit: all but our signature, which he cannot make."""

from monnaie_locale.keyring import Keyring
from monnaie_locale.ledger.heads import head_text
from tests.factories.audited import of_type, rehash, rehash_account

STRANGER = Keyring.generate(lambda size: bytes(range(size)))
CHARGE, DISTRIBUTION, PURSE, MERCHANT = 3, 2, 3, 4


def charges(lines):
    return [entry for entry in of_type(lines, "entry") if entry["kind"] == CHARGE]


def text_of(head):
    return head_text(
        territory_id=1,
        size=head["size"],
        root=bytes.fromhex(head["root"]),
        accounts_size=head["accounts_size"],
        accounts_root=bytes.fromhex(head["accounts_root"]),
        sealed_at_ms=head["sealed_at_ms"],
    )


def change_an_amount(lines):
    charges(lines)[3]["transfers"][0][2] += 1


def change_an_amount_and_its_hash(lines):
    change_an_amount(lines)
    rehash(charges(lines)[3])


def change_a_party(lines):
    shops = [account["number"] for account in of_type(lines, "account") if account["kind"] == MERCHANT]
    line = charges(lines)[3]["transfers"][0]
    line[1] = next(shop for shop in shops if shop != line[1])


def change_a_date(lines):
    charges(lines)[3]["accounted_on"] = "2026-10-30"


def change_a_kind(lines):
    charges(lines)[3]["kind"] = 4


def drop_an_entry(lines):
    lines.remove(charges(lines)[3])


def drop_an_entry_and_number_again(lines):
    drop_an_entry(lines)
    for number, entry in enumerate(of_type(lines, "entry"), start=1):
        entry["number"] = number
        rehash(entry)


def drop_the_tail(lines):
    for entry in of_type(lines, "entry")[-3:]:
        lines.remove(entry)


def swap_two_entries(lines):
    one, other = (lines.index(charges(lines)[place]) for place in (2, 3))
    lines[one], lines[other] = lines[other], lines[one]


def give_a_purse_to_another(lines):
    purses = [account for account in of_type(lines, "account") if account["kind"] == PURSE]
    purses[0]["wallet"] = purses[1]["wallet"]


def give_a_purse_to_another_with_its_hash(lines):
    give_a_purse_to_another(lines)
    rehash_account(next(account for account in of_type(lines, "account") if account["kind"] == PURSE))


def sign_a_head_by_another_key(lines):
    head = of_type(lines, "head")[-1]
    head["signature"] = STRANGER.sign(text_of(head)).hex()


def give_another_key(lines):
    lines[0]["public_key"] = STRANGER.public_key_pem


def use_a_key_twice(lines):
    charges(lines)[4]["key_digest"] = charges(lines)[2]["key_digest"]
    rehash(charges(lines)[4])


def slip_an_entry_into_a_closed_month(lines):
    last = of_type(lines, "entry")[-1]
    slipped = last | {"number": last["number"] + 1, "key_digest": "ab" * 32}
    rehash(slipped)
    lines.insert(lines.index(last) + 1, slipped)


def close_a_month_earlier(lines):
    of_type(lines, "period")[0]["last_entry"] -= 5


def forget_a_close(lines):
    lines.remove(of_type(lines, "period")[0])


def overspend_a_purse(lines):
    charges(lines)[3]["transfers"][0][2] += 100_000_00
    rehash(charges(lines)[3])


def issue_beyond_the_reserve(lines):
    issue = next(entry for entry in of_type(lines, "entry") if entry["kind"] == DISTRIBUTION)
    issue["transfers"][0][2] += 100_000_000
    rehash(issue)


def reverse_an_entry_twice(lines):
    for entry in of_type(lines, "entry")[-2:]:
        entry["reverses"] = 2
        rehash(entry)


def remove_a_head(lines):
    lines.remove(of_type(lines, "head")[0])


def remove_the_last_heads_and_entries(lines):
    heads = of_type(lines, "head")
    for head in heads[1:]:
        lines.remove(head)
    for entry in of_type(lines, "entry")[heads[0]["size"] :]:
        lines.remove(entry)


def move_a_transfer_to_no_account(lines):
    charges(lines)[3]["transfers"][0][1] = 99_999


def take_the_transfers_away(lines):
    charges(lines)[3]["transfers"] = []


def drop_an_account(lines):
    lines.remove(of_type(lines, "account")[-2])


def invent_a_kind(lines):
    charges(lines)[3]["kind"] = 99
    rehash(charges(lines)[3])


def rewrite_a_root(lines):
    of_type(lines, "head")[0]["root"] = "ab" * 32


def order_heads_backwards(lines):
    one, other = (lines.index(head) for head in of_type(lines, "head")[:2])
    lines[one], lines[other] = lines[other], lines[one]


FALSIFICATIONS = {
    change_an_amount: "entry_altered",
    change_an_amount_and_its_hash: "log_rewritten",
    change_a_party: "entry_altered",
    change_a_date: "entry_altered",
    change_a_kind: "entry_altered",
    drop_an_entry: "entry_number_gap",
    drop_an_entry_and_number_again: "log_rewritten",
    drop_the_tail: "log_shortened",
    swap_two_entries: "entry_number_gap",
    give_a_purse_to_another: "account_altered",
    give_a_purse_to_another_with_its_hash: "accounts_rewritten",
    sign_a_head_by_another_key: "log_signature_invalid",
    give_another_key: "log_signature_invalid",
    use_a_key_twice: "key_repeated",
    slip_an_entry_into_a_closed_month: "entry_in_closed_period",
    close_a_month_earlier: "entry_in_closed_period",
    forget_a_close: "export_signature_invalid",
    overspend_a_purse: "balance_below_zero",
    issue_beyond_the_reserve: "issue_exceeds_reserve",
    reverse_an_entry_twice: "reversal_repeated",
    remove_a_head: "export_signature_invalid",
    remove_the_last_heads_and_entries: "export_signature_invalid",
    move_a_transfer_to_no_account: "transfer_invalid",
    take_the_transfers_away: "entry_without_transfer",
    drop_an_account: "account_number_gap",
    invent_a_kind: "entry_kind_unknown",
    rewrite_a_root: "log_rewritten",
    order_heads_backwards: "heads_not_growing",
}
