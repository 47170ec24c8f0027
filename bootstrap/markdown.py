"""Writes what pull requests show: every text of somebody else's goes through here, and becomes no Markdown and no HTML.

The grammar is that of https://github.github.com/gfm/: inline code ends at as many backticks as it begins with, a cell
of a table ends at a bar even in code, a block of HTML takes no Markdown, and a character reference is never a mark.
"""

import re
from collections.abc import Iterable

from bootstrap.plain import on_lines, on_one_line

# neither a backtick, nor what a table takes for its own, nor an address that becomes a link
_PLAIN_CODE = re.compile(r"(?! )[^`|\\]+(?<! )")
_KEPT = re.compile(r"[^A-Za-z0-9 ,/-]")
# GitHub looks for these behind Markdown, in all that is no code: https://github.com/github/cmark-gfm/issues/181
_MENTION = re.compile(r"&#(?:35|64);")
_BREAK = "&#8203;"
_NOTHING = "(empty)"


def code(text: object) -> str:
    """Return a text as inline code, on one line; also for the cell of a table."""
    shown = on_one_line(str(text)) or _NOTHING
    return f"`{shown}`" if _PLAIN_CODE.fullmatch(shown) else f"<code>{_spelled(shown)}</code>"


def html(text: object) -> str:
    """Return a text for the inside of an HTML element or a sentence, on one line; it mentions nobody and no issue."""
    return _MENTION.sub(rf"\g<0>{_BREAK}", _spelled(text))


def fence(lines: Iterable[str], language: str = "") -> list[str]:
    """Return lines as a block of code that nothing in them ends."""
    inside = [part for line in lines for part in on_lines(line).split("\n")]
    longest = max((len(run) for line in inside for run in re.findall("`+", line)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", *inside, marks]


def details(title: str, body: Iterable[str]) -> list[str]:
    """Return lines that are shown when somebody opens them; the title is somebody else's text, the body is Markdown."""
    return [f"<details><summary><code>{_spelled(title)}</code></summary>", "", *body, "", "</details>", ""]


def label(text: object) -> str:
    """Return a text for the label of a node of Mermaid, within quotes: https://mermaid.js.org/syntax/flowchart.html."""
    return re.sub(r"[^A-Za-z0-9 ._/-]", lambda found: f"#{ord(found[0])};", on_one_line(str(text)))


def _spelled(text: object) -> str:
    return _KEPT.sub(lambda found: f"&#{ord(found[0])};", on_one_line(str(text)))
