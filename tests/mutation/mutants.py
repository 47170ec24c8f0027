"""Every small mistake that could stand in a module: mutmut's operators, and two of our own.

mutmut itself runs a copy of the project with every function wrapped, and leaves out what is decorated; here a rule is
decorated and a component is one long constructor. So only its operators are taken.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import libcst as cst
import libcst.matchers as m
from mutmut.mutation.mutators import mutation_operators, operator_string

_SILENT = m.OneOf(
    # shown in no plan, and read by no other component
    m.Call(func=m.Attribute(attr=m.Name("register_outputs"))),
    m.Call(func=m.Attribute(value=m.Attribute(attr=m.Name("log")))),
    # declared for the type checker
    m.Call(func=m.Name("TypeVar")),
    m.Call(func=m.Name("NewType")),
)
"""Calls that no test could tell from others."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One mistake in one module."""

    file: str
    """Path below the project."""
    line: int
    before: str
    """The lines that differ, without indentation."""
    after: str
    code: str
    """The whole module."""

    def __str__(self) -> str:
        """Show where it is, and the change."""
        return f"{self.file}:{self.line}\n    - {self.before}\n    + {self.after}"


def mutants(root: Path, file: str) -> Iterator[Callable[[], Mutant]]:
    """Yield what makes each mutant of a module; making one takes longer than finding it."""
    source = (root / file).read_text(encoding="utf-8")
    wrapper = cst.MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    finder = _Finder()
    wrapper.visit(finder)
    for line, old, new in finder.found:
        yield partial(_mutant, file, line, source, partial(wrapper.module.deep_replace, old, new))


def _mutant(file: str, line: int, source: str, replaced: Callable[[], cst.CSTNode | cst.RemovalSentinel]) -> Mutant:
    changed = replaced()
    assert isinstance(changed, cst.Module)
    removed, added = [], []
    for text in difflib.unified_diff(source.splitlines(), changed.code.splitlines(), lineterm="", n=0):
        if text.startswith("-") and not text.startswith("---"):
            removed.append(text[1:].strip())
        elif text.startswith("+") and not text.startswith("+++"):
            added.append(text[1:].strip())
    return Mutant(file=file, line=line, before=" ".join(removed), after=" ".join(added), code=changed.code)


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (cst.metadata.PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
            return False
        if m.matches(node, _SILENT) or m.matches(node, m.If(test=m.Name("TYPE_CHECKING"))):
            return False
        line = self.get_metadata(cst.metadata.PositionProvider, node).start.line
        self.found += [(line, node, new) for new in _changed(node)]
        return True


def _changed(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if not isinstance(node, kind):
            continue
        made: Iterable[Any] = operator(node)
        if operator is operator_string:
            # text for people is free to change; of the rest, one misspelling is as good as three
            made = [] if isinstance(node, cst.SimpleString) and " " in node.value else list(made)[:1]
        yield from made
    if isinstance(node, cst.Dict):
        for element in node.elements:
            yield node.with_changes(elements=[other for other in node.elements if other is not element])
    if m.matches(node, m.SimpleStatementLine(body=[m.Expr(value=m.Call())])) and not m.findall(node, _SILENT):
        assert isinstance(node, cst.SimpleStatementLine)
        yield node.with_changes(body=[cst.Pass()])
