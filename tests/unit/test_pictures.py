"""The pictures of the documentation show what the commands write today."""

import json
import re

import pytest

from bootstrap.options import ROOT
from tests.pictures import FOLDER, SOURCES, page, sources, texts


def test_every_picture_is_of_the_present_text() -> None:
    assert json.loads(SOURCES.read_text(encoding="utf-8")) == sources(), "run `make pictures`, and look at them"
    assert {file.stem for file in FOLDER.glob("*.png")} == set(texts())


def test_every_picture_is_shown_on_a_page() -> None:
    pages = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs").rglob("*.md"))
    shown = re.findall(r"!\[[^\]]+\]\(pictures/([a-z-]+)\.png\)", pages)
    assert sorted(shown) == sorted(texts())


@pytest.mark.parametrize("name", texts())
def test_markers_are_not_seen_and_nothing_is_left_as_markdown(name: str) -> None:
    title, markdown = texts()[name]
    shown = re.sub(r"<!--.*?-->", "", page(title, markdown))
    assert "aks-bootstrap preview:" not in shown and "```" not in shown and "[!CAUTION]" not in shown


def test_an_issue_keeps_the_indentation_of_what_it_tells() -> None:
    _, markdown = texts()["drift"]
    assert "\n  ~ azure-native:containerservice:AgentPool" in markdown
