"""Where a scalar stands in a YAML document, as people write it: ``containers[0].image.tag``."""

import re
from collections.abc import Sequence

from bootstrap.errors import RefusedError

Path = Sequence[str | int]


class ScalarError(RefusedError):
    """A value cannot be changed safely; the text says what stands in the way."""


def parse_path(path: str) -> list[str | int]:
    r"""Read ``containers[0].image.tag``; as in ``helm --set``, a dot in a key is written ``\.``.

    Raises:
        ScalarError: the text is no path.
    """
    if not re.fullmatch(r"(?:[^.\[\]\\]|\\.)+(\[\d+\])*(\.(?:[^.\[\]\\]|\\.)+(\[\d+\])*)*", path):
        raise ScalarError(f"{path!r} is not a path: it looks like image.tag or containers[0].tag")
    parts: list[str | int] = []
    for key, index in re.findall(r"((?:[^.\[\]\\]|\\.)+)|\[(\d+)\]", path):
        parts.append(int(index) if index else re.sub(r"\\(.)", r"\1", key))
    return parts


def format_path(path: Path) -> str:
    """Spell a path as :func:`parse_path` reads it."""
    text = ""
    for part in path:
        key = f"[{part}]" if isinstance(part, int) else re.sub(r"([.\[\]\\])", r"\\\1", part)
        text += key if isinstance(part, int) or not text else f".{key}"
    return text
