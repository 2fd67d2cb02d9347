"""What is remembered of tills' keys is short-lived and bounded."""

from monnaie_locale.identity.model import Subject
from monnaie_locale.identity.remembered_keys import REMEMBERED_MAX, REMEMBERED_S, RememberedKeys
from monnaie_locale.identity.roles import Role, SubjectKind

TILL = Subject(kind=SubjectKind.TILL, id=7, roles=frozenset({Role.TILL}))
STAFF = Subject(kind=SubjectKind.STAFF, id=7, roles=frozenset({Role.APPROVER}))


def test_a_key_is_remembered_for_seconds():
    now = [100.0]
    keys = RememberedKeys(clock_s=lambda: now[0])
    keys.remember(b"key", TILL)

    assert keys.find(b"key") is TILL
    assert keys.find(b"other") is None
    now[0] += REMEMBERED_S - 0.001
    assert keys.find(b"key") is TILL, "being used does not make it live longer, but until then it is known"
    now[0] += 0.001
    assert keys.find(b"key") is None


def test_the_memory_is_bounded():
    keys = RememberedKeys()
    for number in range(3 * REMEMBERED_MAX):
        keys.remember(number.to_bytes(4), TILL)
        assert len(keys) <= REMEMBERED_MAX

    assert keys.find((3 * REMEMBERED_MAX - 1).to_bytes(4)) is TILL


def test_nobody_but_a_till_is_remembered():
    keys = RememberedKeys()
    keys.remember(b"key", STAFF)

    assert keys.find(b"key") is None
