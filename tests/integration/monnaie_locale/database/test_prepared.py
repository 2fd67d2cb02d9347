"""What is read as JSON, many questions in one row, says what is read row by row; on both databases."""

import datetime

import pytest
from sqlalchemy import Connection, Engine, text

from monnaie_locale.database.driver import execute
from monnaie_locale.database.prepared import Look, as_date, look, look_together, select_among
from monnaie_locale.database.transaction import transact

TABLE = "CREATE TABLE odd (id bigint PRIMARY KEY, words text, cents bigint, is_so boolean, day date)"
STATEMENT = """
SELECT odd.id, odd.words, odd.cents, odd.is_so, odd.day FROM {wanted} CROSS JOIN odd
WHERE odd.id = {value} AND odd.id < {p} ORDER BY odd.id
"""
WORDS = (
    "", " ", "'", '"', "\\", "\\u0000", "\\x00", "%s {value} ?", "a,b\tc\nd\x1fe\x7f", "é\u2028\u202e", "😀", "null",
    "[1]", "FROM x", None,
)  # fmt: skip
CENTS = (0, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), None)
DAYS = (datetime.date(1, 1, 1), datetime.date(2026, 2, 28), datetime.date(9999, 12, 31), None)
ROWS = [
    (number, WORDS[number % len(WORDS)], CENTS[number % len(CENTS)], (True, False, None)[number % 3], DAYS[number % 4])
    for number in range(1, 60)
]


def test_odd_values_come_as_they_were_written(db_engine: Engine) -> None:
    def read(db: Connection) -> None:
        db.execute(text(TABLE))
        names = ("id", "words", "cents", "is_so", "day")
        db.execute(
            text("INSERT INTO odd VALUES (:id, :words, :cents, :is_so, :day)"),
            [dict(zip(names, row, strict=True)) for row in ROWS],
        )
        wanted = [each[0] for each in ROWS]
        asked = Look(STATEMENT, wanted, (100,), list)
        nothing = Look(STATEMENT, [], (100,), list)
        together = look_together(db, asked, nothing, Look(STATEMENT, [7], (100,), list))
        assert [list(map(_plain, found)) for found in together] == [ROWS, [], [ROWS[6]]]
        assert list(map(_plain, look(db, asked))) == ROWS
        assert list(map(_plain, select_among(db, STATEMENT, wanted, 3))) == ROWS[:2]

    transact(db_engine, read)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_statement_stays_prepared_whatever_value_it_is_given(db_engine: Engine) -> None:
    def read(db: Connection) -> None:
        db.execute(text(TABLE))
        db.execute(text("INSERT INTO odd (id) VALUES (:id)"), [{"id": number} for number in range(1, 60)])
        db.execute(text("ANALYZE odd"))
        bare = "SELECT odd.id FROM json_each(?) AS wanted CROSS JOIN odd WHERE odd.id = wanted.value AND odd.id < ?"
        asked = [
            lambda below: len(look(db, Look(STATEMENT, [7, 9], (below,), list))),
            lambda below: len(execute(db, bare, ("[7, 9]", below)).fetchall()),
        ]
        # Whoever watches what a statement may read is asked while it is prepared, and never else.
        questions: list[object] = []
        connection = db.connection.dbapi_connection
        assert connection is not None
        connection.set_authorizer(lambda *question: questions.append(question) or 0)
        prepared_again = []
        for ask in asked:
            assert ask(10) == 2
            assert questions
            questions.clear()
            assert ask(8) == 1
            prepared_again.append(bool(questions))
        # The control: with a parameter that the planner sees, the statement is prepared for each value.
        assert prepared_again == [False, True]
        connection.set_authorizer(None)

    transact(db_engine, read)


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """Return a row as it was written: a date may come as a text, on SQLite a boolean as a number."""
    number, words, cents, is_so, day = row
    return (
        number, words, cents, None if is_so is None else bool(is_so), None if day is None else as_date(day),  # type: ignore[arg-type]
    )  # fmt: skip
