"""No terminal and no runner obeys what somebody called an object."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from ruamel.yaml import YAML

from bootstrap.consoles import PlainConsole
from bootstrap.delivery.manifests import dump, load_all
from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.render.objects import Object
from bootstrap.options import progress_console, result_console
from bootstrap.plain import has_command, is_seen, on_lines, on_one_line, without_credentials

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\u202eevil\u202c",
    "a\u200bb\ufeff\u2066",
    "\U000e0041\U000e0042",
    "\x9b31m",
    "::add-mask::x",
    "x\n::set-output name=a::b",
    "x\n   ::add-path::/tmp",
    "x\n\t::stop-commands::y",
    "##[add-mask]x",
    "a ##[set-env name=PATH;]/tmp",
    "a\rb",
    "a\x0b::warning::x",
    "a\u2028::warning::x",
    "a\x85::warning::x",
]
NAMES = st.one_of(
    st.sampled_from(HOSTILE), st.text(alphabet=":# [a\n\t\r\x1b\u202e\u2028", max_size=30), st.text(max_size=30)
)


def printed(renderable: object, width: int = 40) -> str:
    stream = io.StringIO()
    PlainConsole(file=stream, width=width, highlight=False).print(renderable)
    return stream.getvalue()


def obeyed(text: str) -> bool:
    """Whether a terminal or GitHub's runner obeys something in a text, whose lines end as Python's do or at a feed."""
    lines = text.splitlines() + text.split("\n")
    return not is_seen(text) or any(line.strip().startswith("::") or "##[" in line for line in lines)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_obeyed_where_nothing_is_done(name: str) -> None:
    assert obeyed(name)


@given(NAMES)
def test_a_name_stays_on_its_line_and_is_not_obeyed(name: str) -> None:
    shown = on_one_line(name)
    assert not obeyed(shown) and "\n" not in shown and not has_command(shown)


@given(NAMES)
def test_a_text_of_lines_keeps_them_and_is_not_obeyed(name: str) -> None:
    shown = on_lines(name)
    assert not obeyed(shown) and shown.count("\n") == name.count("\n")
    assert on_lines(shown) == shown


@given(NAMES)
def test_nothing_that_is_printed_is_obeyed(name: str) -> None:
    table = Table("x")
    table.add_row(Text(name))
    for renderable in (Text(name), Text(f"{name} {name} " * 3), table, Syntax(name, "diff")):
        assert not obeyed(printed(renderable))


def test_a_console_keeps_its_own_styles() -> None:
    stream = io.StringIO()
    PlainConsole(file=stream, force_terminal=True, width=40).print(Text("a\x1b[1mb", style="red"))
    assert stream.getvalue() == "\x1b[31ma\\x1b[1mb\x1b[0m\n"


@given(st.one_of(NAMES, st.dictionaries(NAMES, st.one_of(NAMES, st.lists(NAMES)))))
def test_yaml_that_is_printed_is_not_obeyed_and_means_the_same(value: object) -> None:
    text = dump(value)
    assert not obeyed(text)
    assert load_all(text, "x") == [value]
    assert YAML(typ="safe", pure=True).load(text) == value


def test_common_text_is_printed_as_it_is() -> None:
    for text in ("Größe ≤ 3 → ok", "a: b", "family 👩‍👩‍👧".replace("\u200d", ""), "x\ty", "::".rjust(3, "a")):
        assert on_lines(text) == text
    assert dump({"a": "b\nc"}) == dump({"a": "b\nc"})


@pytest.mark.parametrize("password", ["hunter2", "p@ss", "p#ss", "p?ss", ""])
def test_credentials_of_addresses_are_not_repeated_whatever_is_in_them(password: str) -> None:
    text = f"fatal: 'https://user:{password}@example.com/shop.git': x@y"
    assert redact(text) == "fatal: 'https://example.com/shop.git': x@y"
    assert without_credentials(text, "[hidden]@") == "fatal: 'https://[hidden]@example.com/shop.git': x@y"


def test_a_label_is_one_line() -> None:
    item = Object(document={"apiVersion": "v1", "kind": "X", "metadata": {"name": "a\n::add-mask::b\x1b"}})
    assert item.label == "X a\\n::add-mask::b\\x1b"


def test_every_console_of_the_command_line_is_a_plain_one() -> None:
    root = Path(__file__).resolve().parents[2] / "bootstrap"
    made = {path.name for path in root.rglob("*.py") if re.search(r"(?<![A-Za-z])Console\(", path.read_text())}
    assert made == set()
    assert isinstance(result_console(), PlainConsole) and isinstance(progress_console(stderr=True), PlainConsole)
