"""How a wrong stack file is reported: every mistake at once, each with its path, what was given and what is allowed.

A section with mistakes keeps its valid fields. Reading one of the others raises :class:`UnreadError`, which ends the
check that reads it and no other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, TypeVar

import pulumi
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from conventions import NAMESPACE
from settings.words import redact

Path = tuple[str | int, ...]
"""Where something stands: keys and indices, from the top of the configuration or of a section."""


class Problem(NamedTuple):
    """One mistake: the path below the section that reports it, and a sentence that gives the value and the remedy."""

    path: Path
    message: str


class SettingsError(pulumi.RunError):
    """The stack file breaks rules; ``problems`` holds all of them. Pulumi prints the text without a traceback."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Compose the one message that names every problem; no secret of a refused value gets past here."""
        self.problems = tuple(Problem(problem.path, redact(problem.message)) for problem in problems)
        lines = [f"  {format_path(problem.path)}: {problem.message}" for problem in self.problems]
        super().__init__(f"the stack's configuration has {counted(lines)}; nothing was changed:\n" + "\n".join(lines))


class UnreadError(Exception):
    """A check read a value that is not valid, which is told by itself."""


class _Unread:
    """Stands for an invalid item of a list or a mapping: whatever is done with it ends the check."""

    def _refuse(self, *_: object) -> Any:
        raise UnreadError

    __getattr__ = __eq__ = __hash__ = __bool__ = __str__ = __repr__ = _refuse
    __len__ = __iter__ = __contains__ = __lt__ = __gt__ = __le__ = __ge__ = __int__ = __format__ = _refuse


UNREAD: Any = _Unread()

_Method = TypeVar("_Method", bound=Callable[..., Iterator[Problem]])


def check(method: _Method) -> _Method:
    """Declare a section's method to be a check of what ties its fields together; paths are relative to the section."""
    method.is_check = True  # type: ignore[attr-defined]
    return method


class Section(BaseModel):
    """A part of the configuration: frozen, camelCase in YAML, unknown keys refused.

    A subclass states the rules that tie its fields together in methods marked with :func:`check`. Each is a check by
    itself: it ends where it reads a field that is not valid, and the others go on.
    """

    # no use_attribute_docstrings: it would parse the models' source in every run, which only the schema needs
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_default=True, allow_inf_nan=False
    )

    checks: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Collect the checks, those of parents included."""
        cls.checks = tuple(name for name in dir(cls) if getattr(cls.__dict__.get(name), "is_check", False)) + tuple(
            name for name in cls.checks if name not in cls.__dict__
        )

    @classmethod
    def partly(cls, values: Mapping[str, Any], given: Iterable[str]) -> "Section":
        """Return a section that has only some of its fields.

        Args:
            values: the valid ones, by name.
            given: names of those that the stack file gives.
        """
        section = cls.model_construct(set(given))
        section.__dict__.clear()
        section.__dict__.update(values)
        return section

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Refuse to read a field that is not valid."""
            if name in type(self).model_fields:
                raise UnreadError
            return super().__getattr__(name)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong between this section's fields, and between those of the sections in it."""
        for name in type(self).checks:
            yield from guarded(getattr(self, name)())
        for name, value in self.__dict__.items():
            key = type(self).model_fields[name].alias or name
            if isinstance(value, Section):
                yield from below((key,), value.problems())
            elif isinstance(value, tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Section):
                        yield from below((key, index), item.problems())


def guarded(found: Iterator[Problem]) -> Iterator[Problem]:
    """Yield what a check finds until it reads something that is not valid."""
    try:
        yield from found
    except UnreadError:
        return


def below(path: Path, found: Iterable[Problem]) -> Iterator[Problem]:
    """Yield problems with a path in front of theirs."""
    for problem in found:
        yield Problem(path + problem.path, problem.message)


def counted(lines: Sequence[object]) -> str:
    """Say how many mistakes there are."""
    return "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"


def format_path(path: Iterable[str | int]) -> str:
    """Spell a path as ``pulumi config`` does: ``aks-bootstrap:nodePools[1].maxCount``; a key may hold a secret too."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{redact(part)}" if text else redact(part)
    return text if ":" in text.split(".")[0] else f"{NAMESPACE}:{text}"


def refuse(problems: Iterable[Problem]) -> NoReturn:
    """Raise all problems as one error, each once, in the order of their paths."""
    unique = dict.fromkeys(problems)
    raise SettingsError(sorted(unique, key=lambda problem: [str(part) for part in problem.path]))
