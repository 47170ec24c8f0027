"""What the addons ask of the nodes: requests and memory limits of every container, their sum, and the room for it.

Requests come from a measurement: on an idle cluster all addons together use about 15 m of CPU and 490 MiB. Each request
is well above its container's idle use, so that the scheduler and the cluster autoscaler count with it; a memory limit
stops a leak before it reaches the node. CPU has no limit: it would only throttle.
https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from typing import NamedTuple


class Request(NamedTuple):
    """What one container asks for."""

    cpu_millis: int
    memory_mib: int
    limit_mib: int
    """Most memory that it may use."""

    @property
    def resources(self) -> dict[str, dict[str, str]]:
        """The container's ``resources``."""
        return {
            "requests": {"cpu": f"{self.cpu_millis}m", "memory": f"{self.memory_mib}Mi"},
            "limits": {"memory": f"{self.limit_mib}Mi"},
        }


SMALL = Request(cpu_millis=10, memory_mib=32, limit_mib=128)
"""Webhooks, init containers and jobs."""
WATCHER = Request(cpu_millis=10, memory_mib=64, limit_mib=512)
"""Controllers whose memory follows the number of objects that they watch."""
TRAEFIK = Request(cpu_millis=100, memory_mib=128, limit_mib=1024)
ARGO_CD_CONTROLLER = Request(cpu_millis=100, memory_mib=256, limit_mib=2048)
ARGO_CD_SERVER = Request(cpu_millis=50, memory_mib=96, limit_mib=512)
ARGO_CD_REPO_SERVER = Request(cpu_millis=50, memory_mib=128, limit_mib=1024)
REDIS = Request(cpu_millis=20, memory_mib=64, limit_mib=512)
HAPROXY = Request(cpu_millis=20, memory_mib=64, limit_mib=256)


class Total(NamedTuple):
    """What all addons ask for together."""

    cpu_millis: int
    memory_mib: int


def total(
    *, production: bool, ingress_replicas: int, high_availability: bool, image_updater: bool, notifications: bool
) -> Total:
    """Return the sum of the requests of all addons that run permanently; jobs come and go.

    Args:
        production: two of each controller and webhook of cert-manager and External Secrets Operator.
        ingress_replicas: proxies of the ingress controller.
        high_availability: Argo CD with two of each server, and Redis in a quorum of three behind three proxies.
        image_updater: whether Argo CD Image Updater is installed.
        notifications: whether Argo CD's notifications controller runs.
    """
    pairs, servers = (2 if production else 1), (2 if high_availability else 1)
    count = {
        WATCHER: pairs * 4 + servers,  # cert-manager and its cainjector, ESO and its cert-controller, ApplicationSets
        SMALL: pairs * 2,
        TRAEFIK: ingress_replicas,
        ARGO_CD_CONTROLLER: 1,
        ARGO_CD_SERVER: servers,
        ARGO_CD_REPO_SERVER: servers,
        REDIS: 3 if high_availability else 1,
    }
    if high_availability:
        count[HAPROXY] = 3
        count[SMALL] += 3 * 2  # Sentinel, and the watch for a split brain
    count[WATCHER] += image_updater + notifications
    return Total(
        sum(request.cpu_millis * number for request, number in count.items()),
        sum(request.memory_mib * number for request, number in count.items()),
    )


_SHARE = 0.5
"""Share of a system node that the addons may request; AKS does not document what its own pods there request."""


def room(vcpus: int) -> int:
    """Return how much CPU, in thousandths, the addons may request on a system node, which has two vCPUs or more.

    AKS reserves 100 m of the first two, 20 m of each of the next two, and 10 m of each beyond.
    https://learn.microsoft.com/azure/aks/node-resource-reservations#cpu-reservations
    """
    reserved = 100 + 20 * min(max(vcpus - 2, 0), 2) + 10 * max(vcpus - 4, 0)
    return int((vcpus * 1000 - reserved) * _SHARE)
