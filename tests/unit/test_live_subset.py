"""What counts as a difference between a rendered and a live object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.delivery.render.subset import differences


def told(rendered, live):
    return [field.path for field in differences(rendered, live)]


@pytest.mark.parametrize(
    ("rendered", "live"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {}}, {}),
        ({"a": []}, {"a": None}),
        ({"a": None}, {}),
        ({"c": [{"name": "a", "x": 1}]}, {"c": [{"name": "injected"}, {"name": "a", "x": 1, "y": 2}]}),
        ({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},) * 2,
        ({"limits": {"cpu": "1000m", "memory": "1024Mi"}}, {"limits": {"cpu": "1", "memory": "1Gi"}}),
        ({"requests": {"cpu": 1}}, {"requests": {"cpu": "1"}}),
    ],
)
def test_what_the_cluster_added_or_spelled_otherwise_is_none(rendered, live):
    assert told(rendered, live) == []


@pytest.mark.parametrize(
    ("rendered", "live", "paths"),
    [
        ({"a": 1}, {}, ["a"]),
        ({"a": 1}, {"a": "1"}, ["a"]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": {"b": 1}}, {"a": None}, ["a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a[0]", "a[1]"]),
        ({"c": [{"name": "a"}, {"name": "b"}]}, {"c": [{"name": "b"}]}, ["c[a]"]),
        ({"c": [{"name": "a", "x": 1}]}, {"c": [{"name": "a", "x": 2}]}, ["c[a].x"]),
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "2"}}, ["limits.cpu"]),
        ({"version": "1000m"}, {"version": "1"}, ["version"]),
        ({"limits": {"cpu": "words"}}, {"limits": {"cpu": "1"}}, ["limits.cpu"]),
    ],
)
def test_what_is_missing_or_other_is_told_by_its_path(rendered, live, paths):
    assert told(rendered, live) == paths


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_everything_is_like_itself(value):
    assert told(value, value) == []


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("xyz"), VALUES))
def test_fields_that_only_the_cluster_has_never_count(rendered, added):
    assert told(rendered, {**rendered, **added}) == []
