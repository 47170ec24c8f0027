"""Standard output and error as a run finds them: of any encoding, closed, full, or a pipe whose reader has gone."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bootstrap.errors import StreamError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PLAIN = {"→": "->", "…": "...", "·": ".", "█": "#", "–": "-", "’": "'"}
"""How the signs that commands print are written in an encoding that does not have them."""

_HANDLER = "bootstrap.plain"


class _File(io.FileIO):
    """A stream's file, which names itself when it fails: the system says of a file only why it cannot be written."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, "wb", closefd=False)
        self._shown = name

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._shown) from None


def prepare() -> None:
    """Make both streams take every text, in place of an error in the middle of a result.

    Raises:
        StreamError: standard output is closed.
    """
    codecs.register_error(_HANDLER, _spell_plainly)
    closed = sys.stdout is None
    for number, name, shown in ((1, "stdout", "standard output"), (2, "stderr", "standard error")):
        found = getattr(sys, name)
        if found is None:
            # the next file to be opened would get the number, and whatever is printed
            setattr(sys, name, os.fdopen(_devnull(number), "w", encoding="utf-8"))
        elif isinstance(found, io.TextIOWrapper):
            setattr(sys, name, _renewed(found, shown))
    if closed:
        raise StreamError("standard output is closed, and a result would be lost: send it to /dev/null instead")


def _renewed(stream: io.TextIOWrapper, shown: str) -> io.TextIOWrapper:
    try:
        file = io.BufferedWriter(_File(stream.fileno(), shown))
    except (OSError, ValueError):
        # it is no file, as in a test
        stream.reconfigure(errors=_HANDLER)
        return stream
    stream.flush()
    return io.TextIOWrapper(
        file, encoding=stream.encoding, errors=_HANDLER, line_buffering=stream.line_buffering or stream.isatty()
    )


def flush() -> None:
    """Write what is still held back.

    Raises:
        OSError: there is no room for it, or nobody reads it.
    """
    for stream in _standard():
        stream.flush()


def settle() -> None:
    """Let go of what cannot be written, which the interpreter would try again, and report, as it ends."""
    for stream in _standard():
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                _devnull(stream.fileno())


def _standard() -> Iterator[io.TextIOWrapper]:
    # a test puts something else in their place
    yield from (stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper))


def _devnull(number: int) -> int:
    """Open the file that takes everything under a number."""
    opened = os.open(os.devnull, os.O_WRONLY)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return number


def _spell_plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    text = "".join(_PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii") for sign in part)
    return text, error.end
