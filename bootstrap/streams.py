"""Standard output and error as a run finds them: of any encoding, closed, full, or a pipe whose reader has gone."""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper

from bootstrap.errors import StreamError

_PLAIN = {"→": "->", "…": "...", "·": ".", "█": "#", "–": "-", "’": "'"}
"""How the signs that commands print are written in an encoding that does not have them."""

_HANDLER = "bootstrap.plain"


def prepare() -> None:
    """Make both streams take every text, in place of an error in the middle of a result.

    Raises:
        StreamError: standard output is closed.
    """
    codecs.register_error(_HANDLER, _spell_plainly)
    for stream in _standard():
        stream.reconfigure(errors=_HANDLER)
    closed = sys.stdout is None
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            # the next file to be opened would get the number, and whatever is printed
            setattr(sys, name, os.fdopen(_devnull(number), "w", encoding="utf-8"))
    if closed:
        raise StreamError("standard output is closed, and a result would be lost: send it to /dev/null instead")


def flush() -> None:
    """Write what is still held back.

    Raises:
        StreamError: there is no room for it.
    """
    try:
        for stream in _standard():
            stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StreamError(f"standard output cannot be written: {error.strerror}") from None


def settle() -> None:
    """Let go of what cannot be written, which the interpreter would try again, and report, as it ends."""
    for stream in _standard():
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                _devnull(stream.fileno())


def _standard() -> Iterator[TextIOWrapper]:
    # a test puts something else in their place
    yield from (stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper))


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
