"""The edit of one scalar: what changes, what never does, and what is refused."""

import random
import shutil
import subprocess

import pytest
import yaml as pyyaml  # type: ignore[import-untyped] # comes with kubernetes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bootstrap.delivery.promote.scalar import find_scalar, replace_scalar
from bootstrap.delivery.promote.yaml_path import ScalarError, format_path, parse_path

SHA = "4f2a9c1d"
TAG = ["image", "tag"]


def load(text):
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("image:\n  tag: abc\n", f"image:\n  tag: {SHA}\n"),
        ("image:\n  tag: 'abc'  # why\n", f"image:\n  tag: '{SHA}'  # why\n"),
        ('image:\n  tag: "abc"\n', f'image:\n  tag: "{SHA}"\n'),
        ("# top\r\nimage:\r\n    tag:   abc   # c\r\nx: 1", f"# top\r\nimage:\r\n    tag:   {SHA}   # c\r\nx: 1"),
        ("\ufeffimage: {repository: r, tag: abc, x: [1, 2]}", f"\ufeffimage: {{repository: r, tag: {SHA}, x: [1, 2]}}"),
        ('{"image": {"tag":"abc"}}', f'{{"image": {{"tag":"{SHA}"}}}}'),
        ("---\nimage:\n  ? tag\n  : abc\n...\n", f"---\nimage:\n  ? tag\n  : {SHA}\n...\n"),
        ("image:\n  tag:\n  x: 1\n", f"image:\n  tag: {SHA}\n  x: 1\n"),
        ("image:\n  tag: # set by promote\n", f"image:\n  tag: {SHA} # set by promote\n"),
        ("image: {tag: , x: 1}\n", f"image: {{tag: {SHA} , x: 1}}\n"),
        ("image:\n  tag: ~\n", f"image:\n  tag: {SHA}\n"),
        ("image:\n  tag: ''\n", f"image:\n  tag: '{SHA}'\n"),
        ("image:\n  tag: 1234567\n", f"image:\n  tag: {SHA}\n"),
        ('image:\n  tag: "a\n    b"\n', f'image:\n  tag: "{SHA}"\n'),
        ("image:\n  tag: a\n    b # c\n", f"image:\n  tag: {SHA} # c\n"),
        ("x: &x {tag: abc}\nimage: {<<: *x, tag: abc}\n", f"x: &x {{tag: abc}}\nimage: {{<<: *x, tag: {SHA}}}\n"),
        ("x: |\n  image:\n    tag: abc\nimage:\n  tag: abc\n", f"x: |\n  image:\n    tag: abc\nimage:\n  tag: {SHA}\n"),
        ("image: &unused\n  tag: abc\n", f"image: &unused\n  tag: {SHA}\n"),
        ("größe: 'é😀'\nimage:\n  tag: abc # ü\n", f"größe: 'é😀'\nimage:\n  tag: {SHA} # ü\n"),
    ],
)
def test_only_the_scalar_changes(before, after):
    assert replace_scalar(before, TAG, SHA) == after
    assert replace_scalar(after, TAG, SHA) == after


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("abcdef1", "abcdef1"),
        ("1a2b3c4", "1a2b3c4"),
        ("1234567", '"1234567"'),
        ("0012345", '"0012345"'),
        ("12e4567", '"12e4567"'),
        ("12E45", '"12E45"'),
        ("0b10110", '"0b10110"'),
        ("0x1f", '"0x1f"'),
        ("0o17", '"0o17"'),
        ("1_000", '"1_000"'),
        ("1.5", '"1.5"'),
        ("190:20:30", '"190:20:30"'),
        ("2026-11-24", '"2026-11-24"'),
        ("true", '"true"'),
        ("No", '"No"'),
        ("y", '"y"'),
        ("null", '"null"'),
        ("v1.2.3", "v1.2.3"),
        ("1.2.3", "1.2.3"),
        (f"sha256:{'0' * 64}", f"sha256:{'0' * 64}"),
        (f"1.2.3@sha256:{'a' * 64}", f"1.2.3@sha256:{'a' * 64}"),
        ("-abc", '"-abc"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("", '""'),
    ],
)
def test_a_plain_value_gets_quotes_where_a_parser_would_read_something_else(value, spelled):
    changed = replace_scalar("image:\n  tag: old\n", TAG, value)
    assert changed == f"image:\n  tag: {spelled}\n"
    # PyYAML reads YAML 1.1, ruamel.yaml 1.2
    assert pyyaml.safe_load(changed)["image"]["tag"] == value == load(changed)["image"]["tag"]


@pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm on PATH")
def test_helm_reads_every_commit_as_the_text_that_was_written(tmp_path):
    values = [
        "1234567",
        "0012345",
        "12e4567",
        "1e10",
        "0b10110",
        "0x1f",
        "0o17",
        "1_000",
        "1.5",
        "2026-11-24",
        "true",
        "No",
        "y",
        "null",
        "abcdef1",
        "1a2b3c4",
        "0e00000",
        "00000000",
        "7e1",
        "sha256:" + "0" * 64,
    ]
    text = "".join(f"v{number}: {{tag: x}}\n" for number in range(len(values)))
    for number, value in enumerate(values):
        text = replace_scalar(text, [f"v{number}", "tag"], value)
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: t\nversion: 0.1.0\n")
    (tmp_path / "values.yaml").write_text(text)
    lines = (f'v{number}: "image:{{{{ .Values.v{number}.tag }}}}"' for number in range(len(values)))
    (tmp_path / "templates" / "t.yaml").write_text("\n".join(lines))
    done = subprocess.run(["helm", "template", str(tmp_path)], capture_output=True, text=True, check=True)
    assert list(load(done.stdout).values()) == [f"image:{value}" for value in values]


def test_quotes_are_kept_and_what_they_need_is_escaped():
    assert replace_scalar("a: 'x'", ["a"], "it's") == "a: 'it''s'"
    assert replace_scalar('a: "x"', ["a"], "12e4567") == 'a: "12e4567"'


def test_the_same_text_without_the_quotes_it_needs_is_another_value():
    assert replace_scalar("image:\n  tag: 1234567\n", TAG, "1234567") == 'image:\n  tag: "1234567"\n'
    assert not find_scalar("tag: 1234567", ["tag"]).text
    assert find_scalar("tag: '1234567'", ["tag"]).text
    assert replace_scalar("tag: yes", ["tag"], "yes") == 'tag: "yes"', "true for YAML 1.1, which Helm reads"


@pytest.mark.parametrize("text", ["tag: é", "tag: a b", "tag: v1.", "tag: -x", "tag: 'true'", "{tag: a, b: [1]}"])
def test_a_value_that_is_there_already_is_left_as_it_is_written(text):
    value = load(text)["tag"]
    assert replace_scalar(text, ["tag"], value) == text


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("image:\n  tga: abc\n", "image.tag", r"did you mean image\.tga\? image has tga"),
        ("image: abc\n", "image.tag", "image is not a mapping"),
        ("image: {tag: abc, tag: abd}\n", "image.tag", "stands 2 times, on lines 1, 1"),
        ("image:\n  tag: abc\nimage:\n  tag: abd\n", "image.tag", "image stands 2 times, on lines 1, 3"),
        ("x: 1\nx: 2\nimage: {tag: abc}\n", "image.tag", "duplicate key"),
        ("base: &b {tag: abc}\nimage: *b\n", "image.tag", "is an alias of line 1"),
        ("base: &b abc\nimage: {tag: *b}\n", "image.tag", "is an alias of line 1"),
        ("base: &b {tag: abc}\nimage: {<<: *b}\n", "image.tag", "merge"),
        ("image: &i {tag: abc}\nother: *i\n", "image.tag", r"other\.tag would change with it"),
        ("image: &i {tag: abc}\nother: {<<: *i}\n", "image.tag", r"other\.tag would change with it"),
        ("image: {tag: &t abc}\nother: *t\n", "image.tag", "anchor"),
        ("image: {tag: !!str 123}\n", "image.tag", "tag: write the value plainly"),
        ("image: &a {me: *a, tag: abc}\n", "image.tag", "cannot be changed alone"),
        ("image:\n  tag: |-\n    abc\n", "image.tag", "block of text"),
        ("image:\n  tag: >\n    abc\n", "image.tag", "block of text"),
        ("image: {tag: {a: 1}}\n", "image.tag", "is a mapping, not a single value"),
        ("image: {tag: [a]}\n", "image.tag", "is a list, not a single value"),
        ("image: {tag}\n", "image.tag", "no place for a value"),
        ("image: {tag: abc}\n---\nimage: {tag: abc}\n", "image.tag", "not one YAML document"),
        ("image: {tag: abc\n", "image.tag", "not one YAML document"),
        ("", "image.tag", "holds nothing"),
        ("# nothing\n", "image.tag", "holds nothing"),
        ("image: {tag: abc}\nx: 2026-99-99\n", "image.tag", "cannot be read"),
        ("list: [{tag: a}]\n", "list[1].tag", r"list has 1 item"),
        ("list: {tag: a}\n", "list[0].tag", "list is not a list"),
        ("list: [&a x, *a]\n", "list[1]", "is an alias"),
        ("list: [*a, x]\nb: &a 1\n", "list[1]", "not one YAML document"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text, path, says):
    with pytest.raises(ScalarError, match=says):
        replace_scalar(text, parse_path(path), "4f2a9c1")


def test_a_value_of_several_lines_is_refused():
    with pytest.raises(ScalarError, match="one line"):
        replace_scalar("a: b", ["a"], "x\ny: z")


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "[0]", "a]b", "a[0]b", "a\\"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ScalarError, match="is not a path"):
        parse_path(path)


def test_a_path_reaches_list_items_and_keys_with_dots():
    text = "pods:\n- containers:\n  - name: a\n  - name: b\n    tag: abc\nlabels: {app.io/tag: abc, 8080: {tag: x}}\n"
    assert "    tag: 4f2a9c1\n" in replace_scalar(text, parse_path("pods[0].containers[1].tag"), "4f2a9c1")
    assert "app.io/tag: 4f2a9c1," in replace_scalar(text, parse_path(r"labels.app\.io/tag"), "4f2a9c1")
    assert "8080: {tag: 4f2a9c1}" in replace_scalar(text, parse_path("labels.8080.tag"), "4f2a9c1")


@given(st.lists(st.one_of(st.text("ab.[]\\", min_size=1), st.integers(0, 99)), min_size=1))
def test_a_path_is_spelled_as_it_is_read(parts):
    parts = ["k", *parts]
    assert parse_path(format_path(parts)) == parts


# Random documents, written by a writer of our own that knows where each scalar stands: any slip of the parser's marks,
# or of ours, shows as a difference in bytes. No library's dumper makes half of these forms.

KEYS = st.text("abcxyz_-é", min_size=1, max_size=4).filter(lambda key: key.strip("-") and not key.startswith("-"))
PLAIN = st.sampled_from(
    ["abc", "1.0", "12", "true", "a b", "http://x/y#z", "sha256:ab", "-x", "é", "null", "2026-01-01"]
)
QUOTED = st.sampled_from(["", "abc", "a: b", "# no comment", "{x", "&a", "*a", "it''s", "é😀"])
SCALARS = st.one_of(
    PLAIN,
    QUOTED.map(lambda text: f"'{text}'"),
    QUOTED.map(lambda text: '"' + text.replace("''", "'") + '\\n"'),
)
TREES = st.recursive(
    SCALARS,
    lambda children: st.one_of(
        st.dictionaries(KEYS, children, min_size=1, max_size=4), st.lists(children, min_size=1, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, TREES, min_size=1, max_size=5)
VALUES = st.one_of(
    st.text("0123456789abcdef", min_size=7, max_size=40),
    st.sampled_from(
        ["12e4567", "1234567", "0b10110", "true", "a: b", "it's", '"', "\\n", "- x", "é", "", "~", "<<", "="]
    ),
    st.text(st.characters(blacklist_categories=("C", "Z")), max_size=8),
)
MARK = "\x00"


class Writer:
    """Writes a tree as YAML in random forms; each scalar that can be changed is put between two marks."""

    def __init__(self, seed):
        self.random, self.paths, self.anchors = random.Random(seed), [], 0

    def document(self, tree):
        lines = [*(["# top", "%YAML 1.2", "---"] if self.random.random() < 0.2 else []), *self.block(tree, 0, [])]
        newline = self.random.choice(["\n", "\r\n"])
        bom = self.random.choice(["", "", "\ufeff"])
        last = self.random.choice(["", newline, newline * 2])
        return bom + newline.join(newline.join(line.split("\n")) for line in lines) + last

    def comment(self):
        return self.random.choice(["", "", "  # a: 'comment' {", " #"])

    def scalar(self, text, path):
        self.paths.append(path)
        return f"{MARK}{text}{MARK}"

    def beside(self, indent):
        """Something that stands beside: a comment, a block of text, an anchor with its alias, a folded text."""
        pad, self.anchors = " " * indent, self.anchors + 1
        n = self.anchors
        return self.random.choice(
            [
                [],
                [f"{pad}# tag: abc", ""],
                [f"{pad}EXTRA{n}: |2", f"{pad}  tag: abc", "", f"{pad}   # text"],
                [f"{pad}EXTRA{n}: &a{n} {{tag: abc, n: [1, 'x']}}", f"{pad}ALIAS{n}: *a{n}"],
                [f"{pad}EXTRA{n}: &b{n}", f"{pad}  tag: abc", f"{pad}MERGED{n}:", f"{pad}  <<: *b{n}", f"{pad}  o: 1"],
                [f'{pad}EXTRA{n}: "one', f"{pad}  two # no comment", "", f'{pad}  three"'],
                [f"{pad}EXTRA{n}: >-", f"{pad}  folded", f"{pad}  text"],
            ]
        )

    def block(self, tree, indent, path):
        pad, lines = " " * indent, []
        if isinstance(tree, list):
            for index, child in enumerate(tree):
                lines += self.entry(f"{pad}-", child, indent, [*path, index])
            return lines
        for key, child in tree.items():
            lines += self.beside(indent)
            quote = self.random.choice(["", "", '"', "'"])
            lines += self.entry(f"{pad}{quote}{key}{quote}:", child, indent, [*path, key])
        return lines

    def entry(self, head, child, indent, path):
        gap = " " * self.random.choice([1, 1, 3])
        if isinstance(child, str):
            return [f"{head}{gap}{self.scalar(child, path)}{self.comment()}"]
        if self.random.random() < 0.3:
            return [f"{head}{gap}{self.flow(child, path)}{self.comment()}"]
        return [f"{head}{self.comment()}", *self.block(child, indent + self.random.choice([2, 4]), path)]

    def flow(self, tree, path):
        if isinstance(tree, str):
            return self.scalar(tree, path)
        space = self.random.choice(["", " "])
        if isinstance(tree, list):
            return f"[{space}" + ", ".join(self.flow(item, [*path, i]) for i, item in enumerate(tree)) + f"{space}]"
        return f"{{{space}" + ", ".join(f"{k}: {self.flow(v, [*path, k])}" for k, v in tree.items()) + f"{space}}}"


@settings(max_examples=250, deadline=None)
@given(DOCUMENTS, VALUES, st.integers(0, 2**32), st.integers(0, 2**32))
@example({"a": {"b": "é", "c": "true"}}, "é", 0, 0)
@example({"a": {"b": "abc", "c": ["x", {"d": "'y'"}]}}, "12e4567", 1, 3)
def test_in_any_document_nothing_but_the_scalar_changes(tree, value, seed, choice):
    writer = Writer(seed)
    parts = writer.document(tree).split(MARK)
    chosen = choice % len(writer.paths)
    path, before = writer.paths[chosen], "".join(parts)
    after = replace_scalar(before, path, value)
    head, tail = "".join(parts[: 2 * chosen + 1]), "".join(parts[2 * chosen + 2 :])
    assert after.startswith(head) and after.endswith(tail)
    spelled = after[len(head) : len(after) - len(tail)]
    assert "\n" not in spelled

    expected, place = load(before), None
    place = expected
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert load(after) == expected
    assert find_scalar(after, path)[:2] == (value, True)
    quote = parts[2 * chosen + 1][:1]
    assert quote not in {"'", '"'} or spelled[0] == quote == spelled[-1]
    assert replace_scalar(after, path, value) == after


@settings(max_examples=300, deadline=None)
@given(st.text("ab:{}[],&*!|>'\"%#-? \n\r\t\ufeff~<=0.", max_size=40), st.sampled_from(["a", "a.b", "a[0]", "b"]))
def test_no_text_at_all_gives_anything_but_an_edit_or_a_refusal(text, path):
    try:
        changed = replace_scalar(text, parse_path(path), SHA)
    except ScalarError:
        return
    assert find_scalar(changed, parse_path(path)).value == SHA
