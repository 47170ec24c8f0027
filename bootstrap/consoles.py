"""Consoles of Rich whose styles are their own, while what they show is plain text."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from bootstrap.plain import on_lines, on_part_of_lines


class PlainConsole(Console):
    """A console that shows names as they are: no terminal and no runner obeys anything in them."""

    def __init__(self, **options: Any) -> None:
        """Take what Rich's console takes."""
        super().__init__(**options)
        self.push_render_hook(_Hook())

    def out(self, *objects: Any, **options: Any) -> None:
        """Print without wrapping."""
        super().out(*(on_lines(str(item)) for item in objects), **options)


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Plain(renderable) for renderable in renderables]


class _Plain:
    """What is printed, with nothing in it that is obeyed."""

    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _plain(console.render(self._renderable, options))


def _plain(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Spell out what is not seen, and a colon that begins a line: the next one may be in the next segment."""
    line = ""
    for text, style, control in segments:
        if control:
            yield Segment(text, style, control)
            continue
        parts = []
        for part in re.split("(\n)", on_part_of_lines(text)):
            begins = not line.strip() and part.lstrip().startswith(":")
            parts.append(part.replace(":", "\\x3a", 1) if begins else part)
            line = "" if part == "\n" else line + part
        yield Segment("".join(parts), style)
