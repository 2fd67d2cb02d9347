"""What is inserted in bulk is read back as it was given, whatever its characters."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Date, Engine, Integer, LargeBinary, MetaData, Table, Text, select

from monnaie_locale.database.bulk import ROWS_MAX, insert_rows
from monnaie_locale.database.transaction import reading, transact

rows_of = Table(
    "bulk_rows",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("words", Text),
    Column("digest", LargeBinary),
    Column("day", Date),
)
# PostgreSQL keeps no NUL in a text, and no half of a surrogate pair can be written at all.
words = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)
awkward = st.sampled_from(["", "NULL", '"', "\\", "{a,b}", "'; --", "é\n\t€"])
row = st.tuples(
    st.none() | words | awkward,
    st.none() | st.binary(max_size=9),
    st.none() | st.dates(),
)


def test_each_value_comes_back_as_it_was_given(empty_engine: Engine) -> None:
    transact(empty_engine, rows_of.create)

    @given(st.lists(row, max_size=70))
    def comes_back(given_rows):
        numbered = [(number, *values) for number, values in enumerate(given_rows)]
        transact(empty_engine, lambda db: (db.execute(rows_of.delete()), insert_rows(db, rows_of, numbered)))
        with reading(empty_engine) as db:
            assert [tuple(each) for each in db.execute(select(rows_of).order_by(rows_of.c.id))] == numbered

    comes_back()


def test_more_rows_than_one_statement_takes_are_all_there(empty_engine: Engine) -> None:
    numbered = [(number, "x", b"y", None) for number in range(2 * ROWS_MAX + 67)]
    transact(empty_engine, rows_of.create)

    transact(empty_engine, insert_rows, rows_of, numbered)

    with reading(empty_engine) as db:
        assert [tuple(each) for each in db.execute(select(rows_of).order_by(rows_of.c.id))] == numbered
