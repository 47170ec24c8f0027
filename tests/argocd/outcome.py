"""What becomes of an Application's source: objects, or an error."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Objects by what tells one from another, or the reason why there are none."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is rendered and no part of the comparison with the cluster."""
    conditions: list[str] = field(default_factory=list)
    """The types of other conditions of the Application, such as RepeatedResourceWarning."""
    applied: list[str] | None = None
    """Which of them a sync applied; None where there was none."""
    error: str = ""

    @classmethod
    def of(
        cls,
        objects: Iterable[dict[str, Any]],
        *,
        hooks: Iterable[dict[str, Any]] = (),
        namespace: str = "",
        conditions: Iterable[str] = (),
        applied: list[str] | None = None,
    ) -> "Outcome":
        """Return the outcome of documents; ``namespace`` is that of hooks that name none."""
        found: dict[str, dict[str, Any]] = {}
        for document in objects:
            name = key_of(document)
            found[f"{name} once more" if name in found else name] = _without_secrets(document)
        others = [{**hook, "metadata": {"namespace": namespace, **hook["metadata"]}} for hook in hooks]
        return cls(
            objects=found,
            hooks={key_of(hook): hook for hook in others if key_of(hook) not in found},
            conditions=list(conditions),
            applied=applied,
        )

    def to_record(self) -> dict[str, Any]:
        """Return what is written into a file of recorded outcomes."""
        defaults = Outcome()
        return {name: value for name, value in vars(self).items() if value != getattr(defaults, name)}


def differences(real: Outcome, ours: Outcome) -> Iterator[str]:
    """Yield how an outcome differs from Argo CD's; that both are refused is none."""
    if real.error or ours.error:
        if not ours.error:
            yield f"not refused: {', '.join(ours.objects) or 'nothing'}"
        elif not real.error:
            yield f"refused: {ours.error}"
        return
    expected = real.objects | real.hooks
    if real.applied is not None:
        expected = {name: expected[name] for name in real.applied}
    for name in sorted(expected.keys() | ours.objects.keys()):
        if name not in ours.objects:
            yield f"missing: {name}"
        elif name not in expected:
            yield f"too many: {name}"
        elif expected[name] != ours.objects[name]:
            yield f"different: {name}"


def key(*, group: str, kind: str, namespace: str, name: str) -> str:
    """Return what tells an object from another, for people."""
    full_kind = f"{kind}.{group}" if group else kind
    return f"{full_kind} {namespace}/{name}" if namespace else f"{full_kind} {name}"


def key_of(document: dict[str, Any]) -> str:
    """Return what tells an object from another; a generated name ends with an asterisk."""
    metadata = document["metadata"]
    return key(
        group=str(document.get("apiVersion", "")).rpartition("/")[0],
        kind=str(document["kind"]),
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata["name"]) if "name" in metadata else f"{metadata.get('generateName', '')}*",
    )


def _without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """Argo CD shows no Secret's text."""
    if document["kind"] != "Secret":
        return document
    return {name: value for name, value in document.items() if name not in ("data", "stringData")}
