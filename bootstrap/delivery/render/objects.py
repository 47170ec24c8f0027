"""Objects of Kubernetes as they come out of Helm, and what tells one from another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bootstrap.delivery.manifests import dump, load_all
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.errors import GitOpsError

WAVE = "argocd.argoproj.io/sync-wave"
HIDDEN = "[secret]"


@dataclass(frozen=True, kw_only=True)
class Object:
    """One object, as it would be applied."""

    document: dict[str, Any]

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
        """Its name."""
        return str(self.document["metadata"]["name"])

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
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def wave(self) -> int:
        """When Argo CD applies it: lower first."""
        given = (self.document["metadata"].get("annotations") or {}).get(WAVE, 0)
        try:
            return int(given)
        except (TypeError, ValueError, OverflowError):
            raise GitOpsError(f"{self.label}: {WAVE} is {given!r}; allowed: a number in quotes") from None

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


def parse_objects(text: str, *, source: str, namespace: str, kinds: Kinds) -> list[Object]:
    """Read what Helm rendered, in the order in which Argo CD applies it.

    An object with no namespace gets the Application's, where its kind has one: so does Argo CD.

    Raises:
        GitOpsError: something rendered is no object.
    """
    found = []
    for document in load_all(text, source):
        for item in _items(document):
            found.append(_object(item, source=source, namespace=namespace, kinds=kinds))
    return sorted(found, key=lambda item: item.wave)


def _items(document: object) -> list[Any]:
    """A List is what it lists."""
    if isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        return list(document["items"])
    return [document]


def _object(document: object, *, source: str, namespace: str, kinds: Kinds) -> Object:
    if not isinstance(document, dict):
        raise GitOpsError(f"{source}: rendered something that is no object: {str(document)[:60]!r}")
    given = document.get("metadata")
    metadata: dict[str, Any] = given if isinstance(given, dict) else {}
    for key, value in (
        ("apiVersion", document.get("apiVersion")),
        ("kind", document.get("kind")),
        ("metadata.name", metadata.get("name")),
    ):
        if not isinstance(value, str) or not value:
            kind = document.get("kind") or "an object"
            raise GitOpsError(f"{source}: rendered {kind} without {key}")
    if not isinstance(metadata.get("annotations") or {}, dict):
        raise GitOpsError(f"{source}: {document['kind']} {metadata['name']}: metadata.annotations has to be a mapping")
    if not metadata.get("namespace") and kinds.namespaced(document["apiVersion"], document["kind"]):
        # behind the name, where people look for it
        metadata = {"name": metadata["name"], "namespace": namespace} | {**metadata, "namespace": namespace}
        document = {**document, "metadata": metadata}
    return Object(document=document)


def images(document: object) -> Iterator[str]:
    """Yield the images of every container in an object."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in {"containers", "initContainers", "ephemeralContainers"} and isinstance(value, list):
                yield from (str(item["image"]) for item in value if isinstance(item, dict) and item.get("image"))
            else:
                yield from images(value)
    elif isinstance(document, list):
        for item in document:
            yield from images(item)
