"""Reads a file of rules: checked against its model, with every mistake in one error."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

T = TypeVar("T")


class PolicyFileError(Exception):
    """A file cannot be read, or is not what it has to be; the text names every place."""


def _compiles(given: str) -> str:
    try:
        re.compile(given)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"allowed: a regular expression ({error})") from None
    return given


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression."""


def read(path: Path, model: type[T]) -> T:
    """Return what a file holds.

    Args:
        path: the file.
        model: what it has to be.

    Raises:
        PolicyFileError: it cannot be read, is not YAML, or lacks something, or has something that nobody reads.
    """
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyFileError(f"{path}: {error.strerror}") from None
    except RecursionError:
        raise PolicyFileError(f"{path} is not YAML: it nests too deeply") from None
    # the parser's own beside YAMLError: KeyError at `!!bool maybe`, ValueError at `!!int x`, TypeError at `? {a: b}`
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise PolicyFileError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    try:
        return TypeAdapter(model).validate_python(found)
    except ValidationError as error:
        flaws = [f"  {_flaw(each)}" for each in error.errors()]
        raise PolicyFileError("\n".join([f"{path}:", *flaws])) from None


def _flaw(error: Mapping[str, Any]) -> str:
    place = ".".join(map(str, error["loc"])) or "the file"
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key"
    given = repr(error["input"])
    shown = given if len(given) <= 60 else f"{given[:60]}..."
    return f"{place}: got {shown}; {error['msg'].removeprefix('Value error, ')}"
