"""Shows text that somebody else wrote, such as the name of an object, as the text that it is.

A terminal obeys escape sequences (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html), marks of direction reorder
what is read (https://trojansource.codes), and GitHub's runner takes orders from lines of a log
(https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
"""

import re

_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and line feed
    r"\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # of no width, or of direction, or line ends
    r"\ud800-\udfff\U000e0000-\U000e007f"  # halves of pairs, and tags
)
_ON_LINES = re.compile(f"[{_UNSEEN}]")
_ON_ONE_LINE = re.compile(f"[{_UNSEEN}\\t\\n]")
# the runner trims a line first
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
# the older form counts wherever it stands in a line: https://github.com/actions/runner, ActionCommand.cs
_OLD_COMMAND = re.compile(r"##(?=\[)")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s'\"]*@")
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def on_one_line(text: str) -> str:
    """Return a name as it can stand in a sentence: what is not seen is spelled out, line ends too."""
    return _without_old_commands(_COMMAND.sub(r"\1\\x3a", _ON_ONE_LINE.sub(_spelled, text)))


def on_lines(text: str) -> str:
    """Return a text of several lines: what is not seen is spelled out, and no line is a command of a workflow."""
    return _COMMAND.sub(r"\1\\x3a", on_part_of_lines(text))


def on_part_of_lines(text: str) -> str:
    """Return a text that may begin within a line; what begins a line is for the caller to look at."""
    return _without_old_commands(_ON_LINES.sub(_spelled, text))


def has_command(text: str) -> bool:
    """Whether a line of a text is a command of a workflow."""
    return bool(_COMMAND.search(text) or _OLD_COMMAND.search(text))


def is_seen(text: str) -> bool:
    """Whether every character of a text is seen, or ends a line."""
    return _ON_LINES.search(text) is None


def without_credentials(text: str, instead: str = "") -> str:
    """Return a text without the user names and passwords of the URLs in it.

    A password may have an @ in it, and one that nobody has escaped a # or a question mark.

    Args:
        text: the text.
        instead: what stands in their place, with an @ of its own where the URL is to show that it had some.
    """
    return _CREDENTIALS.sub(lambda _: instead, text)


def _without_old_commands(text: str) -> str:
    return _OLD_COMMAND.sub(r"#\\x23", text)


def _spelled(found: "re.Match[str]") -> str:
    number = ord(found[0])
    width, letter = (2, "x") if number < 0x100 else (4, "u") if number < 0x10000 else (8, "U")
    return _NAMES.get(found[0]) or f"\\{letter}{number:0{width}x}"
