"""Objects of Kubernetes as they are rendered, and what tells one from another."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bootstrap.delivery.manifests import dump, section
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.order import HELM_HOOK, HOOK, Item, Step, is_hook, phases, steps
from bootstrap.errors import GitOpsError
from bootstrap.plain import on_one_line

WAVE = "argocd.argoproj.io/sync-wave"
_HELM_WEIGHT = "helm.sh/hook-weight"
_NUMBER = re.compile(r"[+-]?[0-9]+")
HIDDEN = "[secret]"


@dataclass(frozen=True, kw_only=True)
class Object:
    """One object, as it would be applied."""

    document: dict[str, Any]
    steps: Sequence[Step] = field(default=(), compare=False)
    """Each time that Argo CD applies it."""

    @property
    def api_version(self) -> str:
        """Its group and version."""
        return str(self.document["apiVersion"])

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """Its name; one that the API server completes ends with an asterisk."""
        metadata = self.document["metadata"]
        # of a hook that the API server names
        return str(metadata["name"]) if "name" in metadata else f"{metadata['generateName']}*"

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it has none."""
        return str(self.document["metadata"].get("namespace") or "")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same object in two versions of it: everything but the API's version."""
        return self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name

    @property
    def label(self) -> str:
        """How people name it: ``Deployment app-hello/hello``."""
        where = f"{self.namespace}/" if self.namespace else ""
        return on_one_line(f"{self.kind} {where}{self.name}")

    @property
    def annotations(self) -> Mapping[str, object]:
        """Its annotations."""
        return self.document["metadata"].get("annotations") or {}

    @property
    def wave(self) -> int:
        """When Argo CD applies it within a phase, lower first, as far as its annotations tell."""
        given = self.annotations.get(WAVE)
        if given is None:
            # as the engine does, for an object that is no hook too; what is no number counts as 0
            weight = str(self.annotations.get(_HELM_WEIGHT, "0"))
            return int(weight) if _NUMBER.fullmatch(weight) else 0
        if not _NUMBER.fullmatch(str(given)):
            raise GitOpsError(f"{self.label}: {WAVE} is {given!r}; allowed: a number in quotes")
        return int(str(given))

    @property
    def is_hook(self) -> bool:
        """Whether Argo CD runs it, or leaves it out, by an annotation, and does not compare it with the cluster."""
        return is_hook(self.annotations)

    @property
    def when(self) -> str:
        """When it is applied, for people: ``PreSync, wave 0``."""
        if self.steps:
            return " and ".join(f"{step.phase}, wave {step.wave}" for step in self.steps)
        given = next(f"{key}: {self.annotations[key]}" for key in (HOOK, HELM_HOOK) if key in self.annotations)
        return on_one_line(f"never applied ({given})")

    def shown(self) -> dict[str, Any]:
        """Return what may be printed: a Secret without its text."""
        if self.kind != "Secret":
            return self.document
        hidden: dict[str, Any] = {
            key: dict.fromkeys(self.document[key] or {}, HIDDEN)
            if isinstance(self.document[key] or {}, dict)
            else HIDDEN
            for key in ("data", "stringData")
            if key in self.document
        }
        return {**self.document, **hidden}

    def text(self) -> str:
        """Return it as YAML."""
        return dump(self.shown())


def parse_documents(documents: Iterable[object], *, source: str, namespace: str, kinds: Kinds) -> list[Object]:
    """Read what was rendered, in the order in which Argo CD applies it.

    An object with no namespace gets the Application's, where its kind has one: so does Argo CD.

    Raises:
        GitOpsError: something rendered is no object.
    """
    found = []
    for document in documents:
        for item in _items(document):
            found.append(_object(item, source=source, namespace=namespace, kinds=kinds))
    return in_order(found, namespace)


def in_order(found: Sequence[Object], namespace: str) -> list[Object]:
    """Return objects in the order in which Argo CD first applies them; those that it never applies come last.

    Args:
        found: the objects.
        namespace: the Application's.
    """
    made: dict[int, list[Step]] = {}
    for step in steps([_item(item) for item in found], namespace):
        made.setdefault(step.index, []).append(step)
    applied = [replace(found[index], steps=tuple(times)) for index, times in made.items()]
    return applied + [replace(item, steps=()) for index, item in enumerate(found) if index not in made]


def _item(item: Object) -> Item:
    group, kind, namespace, name = item.key
    spec = section(item.document, "spec") if kind == "CustomResourceDefinition" else {}
    return Item(
        group=group,
        kind=kind,
        namespace=namespace,
        name=name,
        wave=item.wave,
        phases=phases(item.annotations),
        defines=f"{spec.get('group')}/{section(spec, 'names').get('kind')}" if spec else "",
    )


def _items(document: object) -> list[Any]:
    """A list of objects is what it lists, whatever its kind."""
    if isinstance(document, dict) and isinstance(document.get("items"), list):
        return list(document["items"])
    if isinstance(document, dict) and "items" in document and document["items"] is None:
        # as Argo CD does: an object may have a field of that name, which is null
        return [] if not {"spec", "status"} & set(document) else [document]
    return [document]


def _object(document: object, *, source: str, namespace: str, kinds: Kinds) -> Object:
    if not isinstance(document, dict):
        raise GitOpsError(f"{source}: rendered something that is not an object: {str(document)[:60]!r}")
    given = document.get("metadata")
    metadata: dict[str, Any] = given if isinstance(given, dict) else {}
    # whatever is no hook is applied, which needs a name
    generated = "name" not in metadata and is_hook(section(metadata, "annotations"))
    name = metadata.get("generateName" if generated else "name")
    for key, value in (
        ("apiVersion", document.get("apiVersion")),
        ("kind", document.get("kind")),
        ("metadata.name", name),
    ):
        if not isinstance(value, str) or not value:
            kind = document.get("kind") or "an object"
            raise GitOpsError(f"{source}: rendered {kind} without {key}")
    if not isinstance(metadata.get("annotations") or {}, dict):
        raise GitOpsError(f"{source}: {document['kind']} {name}: metadata.annotations has to be a mapping")
    namespaced = kinds.namespaced(document["apiVersion"], document["kind"])
    if namespaced is False and "namespace" in metadata:
        metadata = {key: value for key, value in metadata.items() if key != "namespace"}
        document = {**document, "metadata": metadata}
    if namespaced and not metadata.get("namespace"):
        # behind the name, where people look for it
        metadata = {"generateName" if generated else "name": name, "namespace": namespace} | {
            **metadata,
            "namespace": namespace,
        }
        document = {**document, "metadata": metadata}
    return Object(document=document)


def images(document: object) -> Iterator[str]:
    """Yield the images of every container in an object, and those that it mounts as volumes."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in {"containers", "initContainers", "ephemeralContainers"} and isinstance(value, list):
                yield from (str(item["image"]) for item in value if isinstance(item, dict) and item.get("image"))
            elif key == "volumes" and isinstance(value, list):
                mounted = (section(item, "image").get("reference") for item in value if isinstance(item, dict))
                yield from (str(reference) for reference in mounted if reference)
            else:
                yield from images(value)
    elif isinstance(document, list):
        for item in document:
            yield from images(item)


def image_repository(image: str) -> str:
    """Return an image's name in its registry, without tag and digest; one without a registry is Docker Hub's.

    https://github.com/distribution/reference/blob/main/normalize.go, as the container runtime completes it; admission
    policies do the same (``components/tenancy/images.py``).
    """
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    name = folder + slash + last.partition(":")[0]
    head = name.partition("/")[0]
    if not (slash and ("." in head or ":" in head or head == "localhost" or head != head.lower())):
        name = f"docker.io/{name}"
    name = name.removeprefix("index.") if name.startswith("index.docker.io/") else name
    head, _, rest = name.partition("/")
    return f"docker.io/library/{rest}" if head == "docker.io" and "/" not in rest else name
