"""Refuses YAML whose aliases stand for more than its readers take, before anything is built of it.

A text of ten lines may stand for billions of values (https://en.wikipedia.org/wiki/Billion_laughs_attack). Helm, Argo
CD and Pulumi read with Go's YAML, which counts the values that it decodes and those among them that come from an alias:
https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/goyaml.v2/decode.go, CVE-2019-11253.
"""

from typing import NamedTuple

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_TEXT = 3 << 20
"""Bytes of text that aliases may repeat: https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/server/config.go
has no body over 3 MiB, and a text that is repeated costs memory wherever JSON is made of it."""

_FEW_ALIASED, _FEW = 100, 1000
"""With no more than these, nobody counts."""
_LOW, _HIGH = 400_000, 4_000_000
"""Values up to which 99 of 100 may come from aliases, and from which 10 of 100."""


class AliasError(ValueError):
    """Aliases stand for too much."""

    def __init__(self, line: int, message: str) -> None:
        """Keep the line, from 1, beside the sentence about it."""
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


def refuse_excess(root: Node | None) -> None:
    """Return where the aliases of a document stand for what its readers take.

    An anchor that contains itself is left to the reader, which finds it anyway.

    Args:
        root: the document's nodes, in which an alias is the anchor's own node.

    Raises:
        AliasError: they stand for more.
    """
    owners: dict[int, tuple[int, int]] = {}
    above: set[int] = set()
    # the document is a node too
    decoded, aliased, text = 1, 0, 0
    todo = [] if root is None else [_Visit(root, (0, 0), None)]
    while todo:
        node, place, alias, leaves = todo.pop()
        if leaves:
            above.discard(id(node))
        if leaves or id(node) in above:
            continue
        decoded += 1
        aliased += alias is not None
        # where a node is met first, it stands; everywhere else an alias does, which to Go is a node of its own
        if owners.setdefault(id(node), place) != place:
            decoded += 1
            aliased += 1
            alias = alias or node
        if alias is not None:
            text += len(node.value) if isinstance(node, ScalarNode) else 0
            if text > MOST_TEXT or _too_many(aliased, decoded):
                raise _error(alias, aliased, decoded, text)
        if children := _children(node):
            above.add(id(node))
            todo.append(_Visit(node, place, alias, leaves=True))
            todo += [_Visit(child, (id(node), n), alias) for n, child in reversed(list(enumerate(children)))]


class _Visit(NamedTuple):
    """A node to look at, or to leave."""

    node: Node
    place: tuple[int, int]
    """What it is in, and where in that."""
    alias: Node | None
    """The anchor whose alias it comes from."""
    leaves: bool = False


def _too_many(aliased: int, decoded: int) -> bool:
    if aliased <= _FEW_ALIASED or decoded <= _FEW:
        return False
    share = min(max((decoded - _LOW) / (_HIGH - _LOW), 0), 1)
    return aliased / decoded > 0.99 - 0.89 * share


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _error(alias: Node, aliased: int, decoded: int, text: int) -> AliasError:
    name = getattr(alias, "anchor", None)
    of = f"the alias *{name}" if name else "an alias"
    line = alias.start_mark.line + 1
    if text > MOST_TEXT:
        message = f"{of} and others repeat more than {MOST_TEXT:,} bytes of text; allowed: less"
        return AliasError(line, message)
    return AliasError(
        line,
        f"{of} stands for too many values: {aliased:,} of the first {decoded:,} come from aliases; allowed: 99 of 100, "
        "and less from 400,000 values on, as for Helm, Argo CD and Pulumi",
    )
