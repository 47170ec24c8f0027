"""The mistakes beside this file, as texts of stack files."""

import copy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

STACKS = Path(__file__).resolve().parent


class Mistake(NamedTuple):
    name: str
    base: str
    place: str
    says: list[str]
    taken: bool
    encoding: str
    text: str
    edits: list[tuple[str, str]]

    @property
    def raw(self) -> bytes:
        return self.text.encode(self.encoding)


@cache
def base(stack: str) -> str:
    return (STACKS / "bases" / f"{stack}.yaml").read_text(encoding="utf-8")


@cache
def mistakes() -> list[Mistake]:
    return [_read(path) for path in sorted((STACKS / "mistakes").glob("*.yaml"))]


def _read(path: Path) -> Mistake:
    case = YAML(typ="safe").load(path)
    edits = [(edit["old"], edit["new"].replace("<5000 digits>", "9" * 5000)) for edit in case.get("edits", [])]
    text = case["whole"] if "whole" in case else edited(base(case["base"]), edits)
    assert text is not None, f"{path.name} does not fit its base"
    return Mistake(
        name=path.stem,
        base=case["base"],
        place=case["place"],
        says=case.get("says", []),
        taken=case.get("taken", False),
        encoding=case.get("encoding", "utf-8"),
        text=text,
        edits=edits,
    )


def edited(text: str, edits: list[tuple[str, str]]) -> str | None:
    for old, new in edits:
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    return text


def same(one: Any, other: Any) -> bool:
    """Compare as YAML does, where true is not 1."""
    return repr(one) == repr(other)


class ClashError(Exception):
    """Two changes touch the same value."""


def both(base: Any, one: Any, other: Any) -> Any:
    """Merge two changes of one value."""
    if same(one, base):
        return copy.deepcopy(other)
    if same(other, base) or same(one, other):
        return copy.deepcopy(one)
    if isinstance(one, dict) and isinstance(other, dict) and isinstance(base, dict | None):
        before = base or {}
        merged = {}
        for key in dict.fromkeys([*before, *one, *other]):
            gone = object()
            value = _one_or_other(before.get(key, gone), one.get(key, gone), other.get(key, gone), gone)
            if value is not gone:
                merged[key] = value
        return merged
    if all(isinstance(value, list) and len(value) == len(base) for value in (base, one, other)):
        return [both(*items) for items in zip(base, one, other, strict=True)]
    raise ClashError


def _one_or_other(before: Any, one: Any, other: Any, gone: object) -> Any:
    if gone not in (before, one, other):
        return both(before, one, other)
    if one is before or same(one, before):
        return other
    if other is before or same(other, before):
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        return both(None, one, other)
    raise ClashError
