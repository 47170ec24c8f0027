"""Paths of values, and merging as Helm merges."""

import pytest

from bootstrap.delivery.overlay.paths import MISSING, leaves, lookup, matches, merge_values, spell, with_value, without


def test_leaves_are_scalars_lists_and_empty_mappings():
    data = {"a": {"b": 1, "c": {}}, "d": [{"e": 1}], "f": None}
    assert dict(leaves(data)) == {("a", "b"): 1, ("a", "c"): {}, ("d",): [{"e": 1}], ("f",): None}


@pytest.mark.parametrize(
    ("path", "pattern", "yes"),
    [
        ("replicas", "replicas", True),
        ("resources.limits.memory", "resources.**", True),
        ("resources", "resources.**", True),
        ("env.A", "env.*", True),
        ("env", "env.*", False),
        ("env.A.B", "env.*", False),
        ("a.b.c", "**.c", True),
        ("a.b.c", "a.**.c", True),
        ("a.c", "a.**.c", True),
        ("image.tags", "image.tag", False),
    ],
)
def test_a_star_is_one_key_and_two_are_any_number(path, pattern, yes):
    assert matches(path.split("."), pattern) is yes


def test_merging_is_deep_and_null_takes_out():
    base = {"a": {"b": 1, "c": 2}, "l": [1, 2], "g": 1}
    assert merge_values(base, {"a": {"c": None}, "l": [3], "n": {"m": None}}) == {
        "a": {"b": 1},
        "l": [3],
        "g": 1,
        "n": {},
    }
    assert base == {"a": {"b": 1, "c": 2}, "l": [1, 2], "g": 1}, "the base is not changed"


def test_looking_up_tells_null_from_nothing():
    assert lookup({"a": None}, ["a"]) is None
    assert lookup({"a": None}, ["a", "b"]) is MISSING
    assert lookup({}, ["a"]) is MISSING


def test_what_is_left_empty_goes_too():
    assert without({"a": {"b": {"c": 1}}, "d": 2}, ["a", "b", "c"]) == {"d": 2}
    assert with_value({"a": {"b": 1}}, ["a", "c", "d"], 2) == {"a": {"b": 1, "c": {"d": 2}}}


def test_a_key_with_a_dot_is_spelled_in_quotes():
    assert (
        spell(["annotations", "azure.workload.identity/client-id"]) == 'annotations."azure.workload.identity/client-id"'
    )
