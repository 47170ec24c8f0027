"""A chart's archive as what an OCI registry holds of it: always the same bytes, so that its digest is known before.

https://helm.sh/docs/topics/registries/#oci-feature-deprecation-and-behavior-changes-with-v380 and
https://github.com/helm/community/blob/main/hips/hip-0006.md#oci-manifest
"""

import hashlib
import io
import json
import tarfile
import zlib
from typing import Any

from bootstrap.errors import BootstrapError
from components.release.yaml_text import YamlTextError, read_yaml

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
ARCHIVE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
"""Media type of a chart's archive."""
_LARGEST_CHART = 1 << 20
"""Bytes of a Chart.yaml that are read; Helm's own has a few hundred."""


def digest_of(content: bytes) -> str:
    """Return the digest of some content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def pack(archive: bytes) -> tuple[bytes, bytes]:
    """Return the manifest and the configuration of a chart.

    Args:
        archive: the .tgz file.

    Raises:
        BootstrapError: it is no chart's.
    """
    try:
        config = json.dumps(_metadata(archive), sort_keys=True, separators=(",", ":"), default=str).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BootstrapError(f"the archive is not a chart's: its Chart.yaml is not JSON: {error}") from None
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": ARCHIVE, "digest": digest_of(archive), "size": len(archive)}],
    }
    return json.dumps(manifest, separators=(",", ":")).encode(), config


def _metadata(archive: bytes) -> dict[str, Any]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            tops = [member for member in files.getmembers() if member.name.count("/") == 1]
            [chart] = [member for member in tops if member.name.endswith("/Chart.yaml")]
            text = (files.extractfile(chart) or io.BytesIO()).read(_LARGEST_CHART + 1)
    except (tarfile.TarError, OSError, EOFError, ValueError, LookupError, zlib.error) as error:
        raise BootstrapError(f"the archive is not a chart's: {type(error).__name__}") from None
    if len(text) > _LARGEST_CHART:
        raise BootstrapError(f"the archive is not a chart's: its Chart.yaml has more than {_LARGEST_CHART >> 20} MiB")
    try:
        found = read_yaml(text)
    except YamlTextError as error:
        raise BootstrapError(f"the archive is not a chart's: its Chart.yaml is not YAML: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in ("name", "version")):
        raise BootstrapError(
            "the archive is not a chart's: its Chart.yaml has no name or version; allowed: a text for each"
        )
    return found
