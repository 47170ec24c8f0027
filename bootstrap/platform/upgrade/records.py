"""What Helm wrote down of a release that is installed."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

from bootstrap.errors import BootstrapError
from bootstrap.platform.verify.cluster import Cluster
from bootstrap.platform.verify.objects import path_of
from components.release.helm_record import UnreadableRecordError, decoded
from components.release.yaml_text import YamlTextError, read_yaml

_DOCUMENTS = re.compile(r"^---.*$", re.MULTILINE)
_VERSION, _KIND = (re.compile(rf"^{key}: *['\"]?([^\s'\"]+)", re.MULTILINE) for key in ("apiVersion", "kind"))


@dataclass(frozen=True, kw_only=True)
class Record:
    """The last revision of a release."""

    name: str
    namespace: str
    version: str
    """The chart's."""
    manifest: str
    """What Helm rendered, from which it upgrades."""

    def unserved(self, served: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """Yield version with group, kind and name of each of its objects that is of a version which is not served.

        Args:
            served: versions with their groups.
        """
        for text in _DOCUMENTS.split(self.manifest):
            version, kind = _VERSION.search(text), _KIND.search(text)
            if version and kind and version[1] not in served:
                # most of a manifest is definitions, which take seconds to parse
                yield version[1], kind[1], _name(text)


def _name(text: str) -> str:
    try:
        metadata = cast("Any", read_yaml(text))["metadata"]
        return str(metadata["name"])
    except (YamlTextError, LookupError, TypeError):
        return "without a name"


def last_record(cluster: Cluster, name: str, namespace: str) -> Record | None:
    """Return the last revision of a release; None where there is none.

    Raises:
        ClusterError: the cluster does not say.
        BootstrapError: the record cannot be read.
    """
    secrets = cluster.items(path_of("", "v1", "secrets", namespace), labelSelector=f"owner=helm,name={name}")
    if not secrets:
        return None
    last = max(secrets, key=lambda secret: int(secret["metadata"]["labels"].get("version", "0")))
    try:
        release: Any = decoded(last["data"]["release"])
        version, manifest = str(release["chart"]["metadata"]["version"]), str(release["manifest"])
    except (UnreadableRecordError, LookupError, TypeError) as error:
        raise BootstrapError(
            f"Secret {namespace}/{last['metadata']['name']} holds no record of Helm's: {type(error).__name__}"
        ) from None
    return Record(name=name, namespace=namespace, version=version, manifest=manifest)
