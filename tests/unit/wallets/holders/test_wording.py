"""Every sentence of the holder's pages is there in both languages, and every page asks for one that exists."""

import re
from string import Formatter

import pytest

from monnaie_locale.programmes.model import CATEGORY_LABELS, Category
from tests.architecture.source_tree import PROJECT
from wallets.holders.history import EVENTS, OTHER_EVENT
from wallets.holders.wording import SENTENCES, told

TEMPLATES = sorted((PROJECT / "wallets/templates").rglob("*.html")) + sorted(
    (PROJECT / "merchants/templates").rglob("*.html")
)
ASKED = {name for page in TEMPLATES for name in re.findall(r"""\bt\(["']([a-z_0-9]+)["']""", page.read_text("utf-8"))}
STYLE = (PROJECT / "monnaie_locale/web/static/phone.css").read_text("utf-8")


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_says_the_same_twice(name: str) -> None:
    french, english = SENTENCES[name]
    assert french.strip()
    assert english.strip()
    assert fields(french) == fields(english)


def test_pages_ask_for_sentences_that_exist() -> None:
    assert len(ASKED) > 40
    assert set(SENTENCES) >= {name for name in ASKED if not name.endswith("_")}


def test_no_line_begins_with_a_french_mark() -> None:
    assert told("lost_phone", language="fr").count("\u00a0?") == 1
    assert told("lost_phone", language="en") == SENTENCES["lost_phone"][1]


def test_the_style_knows_neither_left_nor_right() -> None:
    rules = re.sub(r"/\*.*?\*/", "", STYLE, flags=re.DOTALL)
    sided = re.findall(r"(?<!\.phone-)(?<![\w-])(?!phone-left)[\w-]*(?:left|right)\b", rules)
    # Two undo what the kit's own sheet says of a side.
    assert sided == ["border-left", "margin-left"]


def test_categories_are_called_as_everywhere_else() -> None:
    assert {category: told(f"category_{category}", language="fr") for category in Category} == CATEGORY_LABELS


def test_events_have_names() -> None:
    assert set(SENTENCES) > {*EVENTS.values(), OTHER_EVENT}
