"""YAML as Helm and Argo CD read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.delivery.manifests import dump, load_all, load_mapping, same
from bootstrap.errors import GitOpsError


def test_every_document_is_read_as_yaml_1_1():
    assert load_all("a: 0644\n---\na: 0644\n---\n# nothing\n---\nb: yes\n", "x") == [
        {"a": 420},
        {"a": 420},
        {"b": True},
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "x is not YAML: line"),
        ("a: 1\na: 2\n", 'found duplicate key "a"'),
        ("a: !!nope 1\n", "x is not YAML: line 1"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text, told):
    with pytest.raises(GitOpsError, match=told):
        load_all(text, "x")


def test_a_file_holds_one_mapping_or_nothing(tmp_path):
    path = tmp_path / "v.yaml"
    path.write_text("# nothing\n")
    assert load_mapping(path) == {}
    for text, told in (("- 1\n", "no mapping"), ("a: 1\n---\nb: 1\n", "2 documents"), ("1: a\n", "text for keys")):
        path.write_text(text)
        with pytest.raises(GitOpsError, match=told):
            load_mapping(path, "v.yaml")
    with pytest.raises(GitOpsError, match="there is no v"):
        load_mapping(tmp_path / "nowhere", "v.yaml")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["yes", "on", "0644", "12:30", "1e3", "null", "~", "2026-11-24", "=", "<<", "- a", "a: b", "#", "\n", "a\nb\n"]
)


@given(
    st.dictionaries(TEXTS.filter(bool), TEXTS | st.integers() | st.booleans() | st.none() | st.lists(TEXTS), max_size=4)
)
def test_what_is_written_reads_back_the_same(value):
    assert load_all(dump(value), "x") == [value]


def test_numbers_are_no_booleans_and_order_says_nothing():
    assert not same(1, True) and not same("1", 1)
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1}) and not same([1, 2], [2, 1])
