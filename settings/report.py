"""How a wrong stack file is reported: every mistake at once, each with its path, what was given and what is allowed."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import pulumi
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from conventions import NAMESPACE

_RULES = "rules"


class Problem(NamedTuple):
    """One mistake: the path below the section that reports it, and a sentence that gives the value and the remedy."""

    path: tuple[str | int, ...]
    message: str


class SettingsError(pulumi.RunError):
    """The stack file breaks rules; ``problems`` holds all of them. Pulumi prints the text without a traceback."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Compose the one message that names every problem."""
        self.problems = tuple(problems)
        lines = [f"  {format_path(problem.path)}: {problem.message}" for problem in problems]
        count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
        super().__init__(f"the stack's configuration has {count}; nothing was changed:\n" + "\n".join(lines))


class Section(BaseModel):
    """A part of the configuration: frozen, camelCase in YAML, unknown keys refused.

    A subclass states the rules that tie its fields together in :meth:`problems`; all of them are reported together.
    """

    # no use_attribute_docstrings: it would parse the models' source in every run, which only the schema needs
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_default=True)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong between this section's fields; paths are relative to the section."""
        return iter(())

    @model_validator(mode="after")
    def _check_rules(self) -> "Section":
        if found := list(self.problems()):
            raise PydanticCustomError(_RULES, "rules broken", {"problems": found})
        return self


def format_path(path: Iterable[str | int]) -> str:
    """Spell a path as ``pulumi config`` does: ``aks-bootstrap:nodePools[1].maxCount``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{NAMESPACE}:{text}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that a key is unknown, with the nearest known one."""
    known = sorted(known)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {hint}allowed: {', '.join(known)}"


def problems_of(error: ValidationError, prefix: tuple[str | int, ...], model: object) -> Iterator[Problem]:
    """Translate pydantic's errors into problems with full paths.

    Args:
        error: what ``model_validate`` raised.
        prefix: the path of the section that was validated.
        model: the section's model class, for naming the keys that are allowed beside an unknown one.
    """
    for detail in error.errors(include_url=False):
        path = prefix + _visible(detail["loc"])
        if detail["type"] == _RULES:
            for problem in detail["ctx"]["problems"]:
                yield Problem(path + problem.path, problem.message)
        else:
            yield Problem(path, _sentence(detail, model))


def refuse(problems: Sequence[Problem]) -> NoReturn:
    """Raise all problems as one error, in the order of their paths."""
    raise SettingsError(sorted(problems, key=lambda problem: [str(part) for part in problem.path]))


def _visible(loc: tuple[int | str, ...]) -> tuple[str | int, ...]:
    # pydantic adds "[key]" to the location when a mapping's key, not its value, is wrong
    return tuple(part for part in loc if part != "[key]")


def _sentence(detail: ErrorDetails, model: object) -> str:  # noqa: PLR0911 - one line per kind of mistake
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return "missing; it has no default"
    if kind == "extra_forbidden":
        return unknown_key(str(detail["loc"][-1]), _keys_at(model, detail["loc"][:-1]))
    if kind in {"literal_error", "enum"}:
        return f"got {given!r}; allowed: {context['expected'].replace(' or ', ', ')}"
    if kind == "string_type" and isinstance(given, int | float):
        return f'got the number {given}; allowed: text, so put it in quotes: "{given}"'
    if kind == "string_pattern_mismatch":
        return f"got {given!r}; allowed: text that matches {context['pattern']}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return f"got {given!r}; allowed: a mapping of keys to values"
    if kind == "bool_parsing":
        return f"got {given!r}; allowed: true, false"
    if kind == "value_error":
        return f"got {given!r}; {context['error']}"
    return f"got {given!r}; allowed: {_allowed(detail['msg'])}"


def _allowed(message: str) -> str:
    for prefix in ("Input should be ", "String should have ", "List should have ", "Value error, "):
        message = message.removeprefix(prefix)
    return message[:1].lower() + message[1:]


def _keys_at(model: object, loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the model at a location takes, following field aliases and list items."""
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        nested = _models_in(current)
        current = next(
            (field.annotation for m in nested for field in m.model_fields.values() if field.alias == part), None
        )
    return [field.alias or name for m in _models_in(current) for name, field in m.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - annotations have no common type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in getattr(annotation, "__args__", ()) for found in _models_in(argument)]
