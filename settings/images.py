"""Where images and charts of the addons come from, for networks that reach nothing else."""

from collections.abc import Iterator
from typing import Annotated

from settings.forms import Form
from settings.report import Section

_HOST = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"


def _mirror_hint(value: str) -> str | None:
    scheme, found, rest = value.partition("://")
    if found:
        return f"without {scheme}://: write {rest.rstrip('/')}"
    return "without a slash at its end" if value.endswith("/") else None


def _no_mirror(value: str) -> str | None:
    """Return why a name that could be a registry's would be read as a path on Docker Hub.

    https://pkg.go.dev/github.com/distribution/reference#ParseNormalizedNamed
    """
    host = value.partition("/")[0]
    if "." not in host and ":" not in host and host != "localhost":
        return "with the registry's whole host name, as a name without a dot is one of Docker Hub"
    return None


MIRROR = Form(
    rf"{_HOST}(?::[0-9]{{1,5}})?(?:/{_PART})*",
    "a registry, and a path in it, such as example.azurecr.io/mirror",
    hints=(_mirror_hint,),
    refused=(_no_mirror,),
)
"""What a mirror is called."""


class Images(Section):
    """The addons' images."""

    mirror: Annotated[str, MIRROR] | None = None
    """A registry that has every image and every chart of the addons, by the same digests; `bootstrap images mirror`
    fills it.

    An image is at ``<mirror>/<its registry>/<its name>``, a chart at ``oci://<mirror>/charts/<its name>``;
    ``charts.mirror`` and the repository of a chart's own override still win for charts. Nodes pull from it as from
    any registry: in Azure their identity needs AcrPull there, which it has on the registry of ``registry.resourceId``.
    """


def warnings_of(images: Images, host: str | None) -> Iterator[str]:
    """Yield a warning for a mirror in Azure that the nodes' identity is given no right to read.

    https://learn.microsoft.com/azure/aks/cluster-container-registry-integration

    Args:
        images: the section.
        host: host name of the existing registry that the stack names; None where it names none.
    """
    mirror = (images.mirror or "").partition("/")[0]
    if mirror.endswith(".azurecr.io") and mirror != host:
        yield (
            f"images.mirror is in {mirror}, and this stack gives nodes AcrPull on {host or 'no existing registry'}: "
            "set registry.mode: existing with the mirror's resourceId, or give the kubelet's identity AcrPull there"
        )
