"""YAML as Helm and Argo CD read it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [*a]", "an anchor contains itself"),
        ("a: " + "[" * 3000, "it nests too deeply"),
        ("a: !!int foo", "'foo' is not an integer"),
        ("a: !!int ''", "'' is not an integer"),
        ("a: !!int 22:22", "'22:22' is not an integer"),
        ("a: !!float x", "could not convert"),
        ("a: !!bool maybe", "a value is not what its tag says"),
        ("a: .nan", "nan is not a number of JSON"),
        ("a: !!set {b}", "set is not a type of JSON"),
        ("null: a", "None is a key; allowed: text"),
        ("1: a\n'1': b", "duplicate key '1'"),
        ("a: " + "9" * 5000, "limit"),
        ('a: "\\U00110000"', "chr"),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"{x}: &{x} [{', '.join([f'*{y}'] * 10)}]\n" for y, x in zip("abcdef", "bcdefg", strict=True)),
            "line 3: the alias *c stands for too many values",
        ),
    ],
)
def test_what_helm_and_argo_cd_refuse_is_told_too(text, told):
    """Each but those of size and depth is refused by Helm's fromYaml."""
    with pytest.raises(GitOpsError, match=r"^x is not YAML: .*" + re.escape(told)):
        load_all(text, "x")


def test_keys_and_numbers_are_what_helm_makes_of_them():
    """What ``fromYaml | toJson`` prints, of Helm 3.21."""
    assert load_all("on: yes\n1.5: z\na: 12e4567\nb: 1e400\n---\n1: x", "x") == [
        {"true": True, "1.5": "z", "a": "12e4567", "b": "1e400"},
        {"1": "x"},
    ]


def test_a_file_holds_one_mapping_or_nothing(tmp_path):
    path = tmp_path / "v.yaml"
    path.write_text("# nothing\n")
    assert load_mapping(path) == {}
    for text, told in (("- 1\n", "no mapping"), ("a: 1\n---\nb: 1\n", "2 documents")):
        path.write_text(text)
        with pytest.raises(GitOpsError, match=told):
            load_mapping(path, "v.yaml")
    with pytest.raises(GitOpsError, match="there is no v"):
        load_mapping(tmp_path / "nowhere", "v.yaml")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "on",
        "0644",
        "0o17",
        "08",
        "0X1F",
        "+.5",
        "12:30",
        "1e3",
        "null",
        "~",
        "2026-11-24",
        "=",
        "<<",
        "- a",
        "a: b",
        "#",
        "\n",
        "a\nb\n",
    ]
)


@given(
    st.dictionaries(TEXTS.filter(bool), TEXTS | st.integers() | st.booleans() | st.none() | st.lists(TEXTS), max_size=4)
)
def test_what_is_written_reads_back_the_same(value):
    assert load_all(dump(value), "x") == [value]
    assert YAML(typ="safe", pure=True).load(dump(value)) == value, "to a reader of YAML 1.2"


def test_numbers_are_no_booleans_and_order_says_nothing():
    assert not same(1, True) and not same("1", 1)
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1}) and not same([1, 2], [2, 1])
