"""What PostgreSQL's programs pass on of the server's rows is left out of what we say of their failure."""

from monnaie_locale.database.discretion import lines_without_values

CANARY = "canari4711"
SAID = (
    'pg_restore: error: COPY failed for table "cards": ERROR:  duplicate key value violates unique constraint "pk"\n'
    f"DETAIL:  Key (digest)=({CANARY}\n{CANARY}) already exists.\nCONTEXT:  COPY cards, line 1: {CANARY}\n"
    "pg_restore: warning: errors ignored on restore: 1"
)


def test_the_program_is_heard_and_the_rows_are_not():
    first, *told, last = SAID.splitlines()
    assert any(CANARY in line for line in told)
    assert lines_without_values(SAID, tool="pg_restore").splitlines() == [first, last]
