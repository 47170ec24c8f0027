"""Lines taken out of YAML and put into it: everything else stays as it is, to the byte."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.delivery.manifests import load_all, same
from bootstrap.delivery.overlay.edit import EditError, lines_of, put_in, take_out
from bootstrap.delivery.overlay.paths import leaves, lookup, with_value, without


def load(text):
    documents = load_all(text, "text")
    return documents[0] if documents else {}


TEXT = """# the file's

# a's
a: 1 # more

# b's
b:
  # c's
  c: {x: 1}
  d: |
    # not a comment
    text

  e: # a list
    - 1
    - k: v
  # after e
f: "end"
"""


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (("a",), "# a's\na: 1 # more\n\n"),
        (("b", "c"), "  # c's\n  c: {x: 1}\n"),
        (("b", "c", "x"), "  # c's\n  c: {x: 1}\n"),
        (("b", "d"), "  d: |\n    # not a comment\n    text\n\n"),
        (("b", "e"), "  e: # a list\n    - 1\n    - k: v\n"),
        (("f",), 'f: "end"\n'),
    ],
)
def test_a_key_goes_with_its_comment_and_nothing_else(path, gone):
    assert gone in TEXT
    assert take_out(TEXT, path) == TEXT.replace(gone, "")


def test_a_parent_that_would_hold_nothing_goes_too():
    assert take_out("a:\n  b:\n    c: 1\nd: 2\n", ("a", "b", "c")) == "d: 2\n"
    assert take_out("# kept\n\na:\n  b: 1\n", ("a", "b")) == "# kept\n"


def test_lines_come_along_with_their_comments():
    assert lines_of(TEXT, ("b", "c")) == ["# c's", "c: {x: 1}"]
    assert lines_of(TEXT, ("a",)) == ["# a's", "a: 1 # more"]


def test_new_lines_go_behind_their_neighbours_at_their_indentation():
    assert put_in("a:\n    x: 1\nb: 2\n", ("a", "y"), ["y: 3"]) == "a:\n    x: 1\n    y: 3\nb: 2\n"
    assert put_in("a: 1\n", ("b", "c"), ["# why", "c: 2"]) == "a: 1\n\nb:\n  # why\n  c: 2\n"
    assert put_in("", ("b",), ["b: 2"]) == "b: 2\n"
    assert put_in("a: 1", ("b",), ["b: 2"]) == "a: 1\n\nb: 2\n"


def test_a_key_that_is_there_is_replaced_in_its_place():
    assert put_in("a: 1 # old\nb: 2\n", ("a",), ["a: 3 # new"]) == "a: 3 # new\nb: 2\n"


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("a: &x {b: 1}\nc: *x\n", ("a",), "anchors"),
        ("{a: 1, b: 2}\n", ("a",), "braces"),
        ("a: {b: 1, c: 2}\n", ("a", "b"), "braces"),
        ("- a\n", ("a",), "no mapping"),
        ("a: [\n", ("a",), "not YAML"),
        ("a: 1\n", ("b",), "there is no b"),
        ("a: 1\n---\na: 2\n", ("a",), "not YAML"),
        ("b: 1\na: |\n  text", ("b",), "has no line end"),
    ],
)
def test_what_cannot_be_told_apart_by_lines_is_refused(text, path, told):
    with pytest.raises(EditError, match=told):
        take_out(text, path)


def test_nothing_is_put_below_a_scalar_or_into_braces():
    with pytest.raises(EditError, match="a holds no keys"):
        put_in("a: 1\n", ("a", "b"), ["b: 1"])
    with pytest.raises(EditError, match="braces"):
        put_in("a: {c: 1}\n", ("a", "b"), ["b: 1"])


# --- any document ----------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["alpha", "beta", "gamma", "delta", "x-y", "K_1"])
SCALARS = st.one_of(
    st.integers(-9, 9).map(str),
    st.booleans().map(json.dumps),
    st.sampled_from(['"quoted # text"', "'single'", "plain text", "null", "[1, 2]", "{k: v}", "~", '""']),
)
COMMENTS = st.sampled_from(["", "# a comment", "#", "# key: value", "# - item"])


@st.composite
def blocks(draw, depth=0, column=0):
    """Lines of a block mapping, with comments, blank lines, block scalars and sequences among them."""
    lines = []
    width = draw(st.sampled_from([2, 4]))
    for key in draw(st.lists(KEYS, min_size=1, max_size=4, unique=True)):
        if draw(st.booleans()) and depth == 0:
            lines.append("")
        if comment := draw(COMMENTS):
            lines.append(" " * column + comment)
        trail = draw(st.sampled_from(["", " # trailing"]))
        kind = draw(st.sampled_from(["scalar", "map", "text", "list"])) if depth < 2 else "scalar"
        pad = " " * (column + width)
        if kind == "scalar":
            lines.append(f"{' ' * column}{key}: {draw(SCALARS)}{trail}")
        elif kind == "map":
            lines += [f"{' ' * column}{key}:{trail}", *draw(blocks(depth=depth + 1, column=column + width))]
        elif kind == "text":
            lines += [f"{' ' * column}{key}: |", f"{pad}# no comment: text", f"{pad}  deeper"]
        else:
            lines += [f"{' ' * column}{key}:{trail}", f"{pad}- one # first", f"{pad}- {{k: v}}"]
    return lines


@st.composite
def documents(draw):
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    head = draw(st.sampled_from([[], ["# head"], ["# head", ""]]))
    text = ending.join([*head, *draw(blocks())])
    return text + (ending if draw(st.booleans()) else "")


def is_subsequence(short, long):
    rest = iter(long)
    return all(line in rest for line in short)


@given(documents(), st.data())
def test_taking_out_removes_one_leaf_and_whole_lines_only(text, data):
    before = load(text)
    path = data.draw(st.sampled_from([path for path, _ in leaves(before)]))
    try:
        after = take_out(text, path)
    except EditError:
        assert "{" in text or not text.endswith("\n")
        return
    assert same(load(after), without(before, path))
    assert is_subsequence(after.splitlines(keepends=True), text.splitlines(keepends=True))


@given(documents(), documents(), st.data())
def test_putting_in_sets_one_leaf_and_leaves_every_line(text, source, data):
    before, given_ = load(text), load(source)
    path = data.draw(st.sampled_from([path for path, _ in leaves(given_)]))
    try:
        lines = lines_of(source, path)
        after = put_in(text, path, lines)
    except EditError as error:
        assert re.search("braces|holds no keys|no line end", str(error))
        return
    assert same(load(after), with_value(before, path, lookup(given_, path)))
    if not any(path[: len(p)] == p or p[: len(path)] == path for p, _ in leaves(before)):
        kept = [line.rstrip("\r\n") for line in text.splitlines(keepends=True)]
        assert is_subsequence(kept, [line.rstrip("\r\n") for line in after.splitlines(keepends=True)])
    endings = {line[-2:] == "\r\n" for line in after.splitlines(keepends=True) if line.endswith("\n")}
    assert len(endings) <= 1 or "\r" not in text
