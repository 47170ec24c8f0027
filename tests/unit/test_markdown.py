"""Whatever somebody calls an object: a pull request's comment has the headings, links and tables that we wrote."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bootstrap.delivery.promote.pull_request import body
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.delivery.render.compare import Change, Kind
from bootstrap.delivery.render.live import Drift, State
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.render.output import View, to_markdown
from bootstrap.delivery.render.render import Rendered
from bootstrap.markdown import code, details, fence, html, label
from bootstrap.plain import is_seen

HOSTILE = (
    "x\n# forged\n",
    "x\r# forged",
    "x\u2028# forged",
    "](https://evil.example.com)",
    "[all good](https://evil.example.com)",
    "![x](https://evil.example.com/x.png)",
    "<https://evil.example.com>",
    "https://evil.example.com www.evil.example.com a@example.com",
    "</summary></details><h1>forged</h1>",
    "<img src=x onerror=alert(1)>",
    "a | b\n|---|---|\n| forged | row |",
    "`` ` ``",
    "`<h1>forged</h1>`",
    "\\`<h1>forged</h1>\\`",
    "a\\|b",
    "\\",
    "```\n# forged\n```",
    "````\n\n# forged",
    "~~~\n# forged",
    "&lt;h1&gt; &#35;",
    "<!-- ",
    "<script>",
    "- [ ] forged",
    "@everyone #1",
    "a\x00b\x1b[31m\u202e",
    "   ",
    "",
)
MARKS = st.text(alphabet="`|\\<>[]()#*_~!&;:/-=+@\n\r\t .\"'0aw", max_size=40)
NAMES = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=40), MARKS, st.lists(st.sampled_from(HOSTILE)).map("".join)
)


def parsed(text: str) -> list[Token]:
    """Read Markdown as GitHub does; of bare addresses, which it makes links of too, see ``prose``."""
    found: list[Token] = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        found += [token, *(token.children or [])]
    return found


def headings(text: str) -> int:
    return sum(token.type == "heading_open" for token in parsed(text))


def kinds(text: str) -> set[str]:
    return {token.type for token in parsed(text)}


def tags(text: str) -> list[str]:
    """Return every piece of HTML, without what stands in it."""
    blocks = [token.content for token in parsed(text) if token.type in {"html_block", "html_inline"}]
    return [part.partition(">")[0] for block in blocks for part in block.split("<")[1:]]


def an_object(name: str, text: str = "") -> Object:
    metadata = {"name": name or "-", "namespace": name}
    return Object(document={"apiVersion": "v1", "kind": name or "-", "metadata": metadata, "data": {name: text}})


def comments(name: str) -> Sequence[tuple[str, int]]:
    """Return every comment that can be made with a name in it, with the headings that we write."""
    item, other = an_object(name, name), an_object(name, "other")
    changes = [
        Change(app=name, environment=name, kind=Kind.CHANGED, before=other, after=item),
        Change(app=name, environment=name, kind=Kind.ADDED, after=item),
    ]
    rendered = [Rendered(app=name, environment=name, namespace=name, objects=[])]
    drift = [Drift(app=name, environment=name, object=item, state=State.MISSING, fields=[])]
    return [
        (to_markdown(View(rendered=rendered)), 1),
        (to_markdown(View(rendered=[], against=name, changes=changes)), 1),
        (to_markdown(View(rendered=[], against=name)), 1),
        (to_markdown(View(rendered=[], server=name, drift=drift)), 2),
        (body(an_edit(name), a_request(name)), 0),
    ]


def an_edit(name: str) -> Edit:
    line = name.replace("\n", "\n# ")
    old, new = f"image:\n  tag: a\n# {line}\n", f"image:\n  tag: b\n# {line}\n"
    return Edit(
        tip="0" * 40, file=PurePosixPath("x"), mode="100644", path="image.tag", before="a", after="b", old=old, new=new
    )


def a_request(name: str) -> Request:
    return Request(app="shop", environment="dev", value="b", source_run=name or "x", source_repository=name or "x")


OURS = {"details", "summary", "/summary", "/details", "sub", "/sub", "br", "code", "/code"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_forges_nothing(name: str) -> None:
    for text, written in comments(name):
        holds_only_what_we_wrote(text, written)


@given(NAMES)
@example("\\")
def test_no_name_forges_anything(name: str) -> None:
    for text, written in comments(name):
        holds_only_what_we_wrote(text, written)


def holds_only_what_we_wrote(text: str, written: int) -> None:
    assert headings(text) == written, text
    assert not {"link_open", "image", "ordered_list_open", "bullet_list_open", "blockquote_open"} & kinds(text), text
    assert set(tags(text)) <= OURS, text
    assert tags(text).count("details") == tags(text).count("/details")
    assert not {"evil", "everyone"} & set(re.findall(r"[a-z]+", prose(text)))


def prose(text: str) -> str:
    """Return what is no code, where GitHub makes links of addresses, mentions and numbers."""
    found, in_code = "", False
    for token in parsed(text):
        if token.type == "html_inline" and token.content in {"<code>", "</code>"}:
            in_code = token.content == "<code>"
        elif token.type == "text" and not in_code:
            found += token.content
    return found


def test_what_we_write_ourselves_is_seen_by_the_reader() -> None:
    """The reader would find a heading, a link and a tag: it is no test that finds nothing."""
    text = "# a\n\n[x](https://example.com) <h1>\n\n- b\n"
    assert "evil" in prose("see evil.example.com, `x` and <code>evil2</code>")
    assert headings(text) == 1 and {"link_open", "bullet_list_open"} <= kinds(text) and tags(text) == ["h1"]


@given(NAMES)
def test_code_shows_the_name_in_a_sentence_and_in_a_cell(name: str) -> None:
    for text in (f"a {code(name)} b", f"| x | y |\n|---|---|\n| {code(name)} | z |"):
        tokens = parsed(text)
        assert set(tags(text)) <= {"code", "/code"}
        assert not {"link_open", "image", "heading_open"} & {token.type for token in tokens}
    cells = [token for token in parsed(f"| x | y |\n|---|---|\n| {code(name)} | z |") if token.type == "td_open"]
    assert len(cells) == 2


@given(NAMES)
def test_a_summary_has_no_element_in_it(name: str) -> None:
    [block] = [token.content for token in parsed(details(name, ["x"])[0]) if token.type == "html_block"]
    assert block.count("<") == 5 and is_seen(block)
    assert "\n" not in html(name) and not set("<>|`[]*_@") & set(html(name))


@given(NAMES)
def test_outside_of_code_a_name_mentions_nobody_and_no_issue(name: str) -> None:
    assert not re.search(r"[@#]\w", prose(f"a {html(name)} b"))


@given(st.lists(NAMES))
def test_nothing_ends_a_fence(lines: list[str]) -> None:
    tokens = parsed("\n".join([*fence(lines, "yaml"), "", "behind"]))
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "text", "paragraph_close"]


@given(NAMES)
def test_a_label_of_mermaid_stays_in_its_quotes(name: str) -> None:
    assert not set('"[]<>\n`') & set(label(name))


def test_common_names_are_read_as_they_are() -> None:
    assert code("+ Deployment app-hello/hello") == "`+ Deployment app-hello/hello`"
    assert html("+ hello in dev") == "&#43; hello in dev"
    assert fence(["a: b"], "yaml") == ["```yaml", "a: b", "```"]
