"""Finds references of images in rendered objects: in containers, and in what is handed to programs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.registry import parse_image
from bootstrap.registry_credentials import DOCKER_HUB
from components.release.lock import ImageName

_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
# with a registry and a tag or digest, as nothing else tells an image from a path
_WHOLE = re.compile(
    rf"(?:[a-z0-9-]+\.)*[a-z0-9-]+[.:][a-z0-9-]+/{_PATH}(?::{_TAG}(?:@sha256:[0-9a-f]{{64}})?|@sha256:[0-9a-f]{{64}})"
)
# settings=value, and keys of files that are called after an image: solverImage: quay.io/…
_NAMED = re.compile(r"(?im)^[ \t-]*[\w.-]*image[\w.-]*[ \t]*[:=][ \t]*[\"']?([^\s\"']+)")


def references(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield every image that an object names, as it names it.

    Containers of every kind, wherever their pod's template is: of workloads, hooks and tests. Arguments, commands and
    variables of containers, such as the solver that cert-manager starts. Texts of ConfigMaps, below keys called after
    an image. CRDs are left out: what they describe is no image.

    Args:
        item: an object that Helm rendered.
    """
    if item.get("kind") == "CustomResourceDefinition":
        return
    if item.get("kind") == "ConfigMap" and isinstance(data := item.get("data"), Mapping):
        for text in data.values():
            yield from (found for found in _NAMED.findall(str(text)) if _WHOLE.fullmatch(found))
    yield from _below(item)


def normal(reference: str) -> str:
    """Return a reference with its registry, and with a tag or digest.

    https://pkg.go.dev/github.com/distribution/reference#ParseNormalizedNamed

    Raises:
        RefusedError: it is none.
    """
    given = ImageName.of(reference)
    host, name = parse_image(given.name, where=f"the image {reference!r}")
    tag = f":{given.tag}" if given.tag else "" if given.digest else ":latest"
    return f"{'docker.io' if host == DOCKER_HUB else host}/{name}{tag}{f'@{given.digest}' if given.digest else ''}"


def _below(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if "name" in value and isinstance(image := value.get("image"), str) and image:
            yield image
        for key, item in value.items():
            if key in ("args", "command") and isinstance(item, list):
                yield from _in_texts(item)
            elif key == "env" and isinstance(item, list):
                yield from _in_texts(entry.get("value") for entry in item if isinstance(entry, Mapping))
            yield from _below(item)
    elif isinstance(value, list):
        for item in value:
            yield from _below(item)


def _in_texts(texts: Iterator[object] | list[object]) -> Iterator[str]:
    for text in texts:
        given = str(text or "")
        for part in (given, given.partition("=")[2]):
            if _WHOLE.fullmatch(part):
                yield part
