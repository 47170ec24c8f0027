"""Which values the text of a chart's templates names.

https://helm.sh/docs/chart_template_guide/values_files/
"""

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_ACTION = re.compile(r"\{\{(?!-?\s*/\*).*?\}\}", re.DOTALL)
_VALUES = re.compile(r"\.Values((?:\.\w+)*)")
_FIELD = re.compile(r"\.(\w+)")
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`')

_DEPENDENCIES = "charts"
_TEMPLATES = "templates"


@dataclass(frozen=True)
class _Templates:
    """What the templates of a chart, or of one that it depends on, name."""

    direct: frozenset[tuple[str, ...]]
    """The paths that are written out: ``.Values.image.tag``."""
    names: frozenset[str]
    """The fields and texts of all actions, which may lie below a path that is handed on as a whole."""
    depth: int
    """How many keys lead to the chart's values: one for each dependency that it is part of."""

    def mention(self, path: tuple[str, ...]) -> bool:
        """Whether a path is written out, or one above it is and the rest of its keys are named somewhere."""
        # a dependency also sees its parents' values: the global ones, and all where it is a library
        return any(
            own[:end] in self.direct and self.names.issuperset(own[end:])
            for own in {path, path[self.depth :]}
            for end in range(len(own) + 1)
        )


@dataclass(frozen=True)
class Mentions:
    """What all templates of a chart name, those of its dependencies among them."""

    templates: Sequence[_Templates]

    @classmethod
    def read(cls, chart: Path) -> "Mentions":
        """Read a chart with its dependencies, unpacked or packed."""
        by_chart: dict[str, list[str]] = {}
        for path, text in _texts(chart):
            folder, separator, _ = f"/{path}".rpartition(f"/{_TEMPLATES}/")
            if separator:
                by_chart.setdefault(folder, []).append(text)
        return cls([_named(texts, folder.count(f"/{_DEPENDENCIES}/")) for folder, texts in by_chart.items()])

    def mention(self, path: Sequence[str | int]) -> bool:
        """Whether any template names a value; what a dependency is called in the values is left open."""
        keys = tuple(step for step in path if isinstance(step, str))
        return any(found.mention(keys) for found in self.templates)


def _texts(chart: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and text of every file that may be a template."""
    for path in sorted(chart.rglob("*")):
        inner = path.relative_to(chart)
        if not path.is_file():
            continue
        if _TEMPLATES in inner.parts[:-1]:
            yield inner.as_posix(), path.read_text(encoding="utf-8", errors="replace")
        elif inner.parent.name == _DEPENDENCIES and path.suffix == ".tgz":
            yield from _packed(path, inner)


def _packed(path: Path, inner: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if _TEMPLATES in PurePosixPath(member.name).parts[:-1] else None
            if stream is not None:
                yield f"{inner.as_posix()}/{member.name}", stream.read().decode(errors="replace")


def _named(texts: Sequence[str], depth: int) -> _Templates:
    actions = [action for text in texts for action in _ACTION.findall(text)]
    direct = (tuple(_FIELD.findall(chain)) for action in actions for chain in _VALUES.findall(action))
    fields = (name for action in actions for name in _FIELD.findall(action))
    literals = (text for action in actions for pair in _LITERAL.findall(action) for text in pair)
    return _Templates(direct=frozenset(direct), names=frozenset((*fields, *literals)), depth=depth)
