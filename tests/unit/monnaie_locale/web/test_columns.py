"""What is written in the cells of a table, so that each says its column when there are no columns to see."""

import re

import pytest
from markupsafe import Markup

from monnaie_locale.web.columns import in_columns

HEADERS = ["Ligne", "Motif", ("Montant", "amount"), ""]


def labels(html):
    return re.findall(r"<t[dh] role=\"(\w+)\"(?: data-label=\"([^\"]*)\")?", html)


def test_each_cell_has_its_role_and_the_word_of_its_column():
    rows = Markup(
        '<tr id="a">\n <th scope="row">1</th><td>Inconnu</td> <td class="amount">5,00 €</td><td>\n </td>\n</tr>'
    )
    found = in_columns(rows, HEADERS)
    assert found.startswith('<tr role="row" id="a">')
    assert labels(found) == [("rowheader", "Ligne"), ("cell", "Motif"), ("cell", "Montant"), ("cell", "")]
    assert '<td role="cell" data-label="Montant" class="amount"><div class="in-cell">5,00 €</div></td>' in found
    # An action that is not there leaves a cell without anything, which the style sheet hides.
    assert found.endswith('<td role="cell"></td>\n</tr>')


def test_a_cell_over_two_columns_moves_the_next_one_along():
    rows = Markup('<tr><td colspan="2">Effacé</td><td>5,00 €</td></tr>')
    assert labels(in_columns(rows, HEADERS)) == [("cell", "Ligne"), ("cell", "Montant")]


def test_what_people_typed_stays_escaped_and_so_does_the_word():
    rows = Markup('<tr><td title="{0}">{0}</td></tr>').format("<td>a > b</td>")
    found = in_columns(rows, ['Dit "tout"'])
    assert found.count("<td") == 1
    assert "&lt;td&gt;a &gt; b&lt;/td&gt;</div></td>" in found
    assert 'data-label="Dit &#34;tout&#34;"' in found


def test_more_cells_than_columns_is_a_fault_of_the_page():
    with pytest.raises(IndexError):
        in_columns(Markup("<tr><td>1</td><td>2</td></tr>"), ["Ligne"])
