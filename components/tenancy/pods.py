"""What a Pod may ask of the cluster, besides what Pod Security ``restricted`` refuses.

Three fields look dangerous and are free. ``azure.workload.identity/use`` only mounts a token, which a projected volume
gets without the label: what it opens is decided by a federated credential, which names one service account of one
namespace. ``schedulerName`` and ``runtimeClassName`` name what the platform installs, or keep the Pod pending.
``hostUsers: false`` takes rights away, and ``true`` is the default.
"""

from components.tenancy.pod_shapes import PODS, SHAPES, Shape
from components.tenancy.policy import Policy, check, listed, literal, policy

SYSTEM_POOL_TAINT = "CriticalAddonsOnly"
"""Key of the taint that keeps the system pool for the platform."""


def policies() -> list[Policy]:
    """Return the policies of Pods: their priority, where they may run, and what is mounted into them."""
    return [_policy(shape) for shape in SHAPES]


def _policy(shape: Shape) -> Policy:
    spec = f"object.{shape.spec}"
    # the scheduler writes it into a Pod, whose later updates carry it
    chosen = "request.operation == 'CREATE' && " if shape is PODS else ""
    return policy(
        f"{shape.name}-placement",
        shape.resources,
        judged=[spec],
        variables={
            "priority": f"{spec}.?priorityClassName.orValue('')",
            "tolerated": f"{spec}.?tolerations.orValue([]).map(it, it.?key.orValue(''))"
            f".filter(key, key in {literal(['', SYSTEM_POOL_TAINT])})",
            "node": f"{spec}.?nodeName.orValue('')",
            "mounted": f"{spec}.?volumes.orValue([]).filter(it, has(it.csi)).map(it, it.name)",
        },
        validations=[
            check(
                "!variables.priority.startsWith('system-')",
                f"'{shape.spec}.priorityClassName: got ' + variables.priority"
                " + '; allowed: a class that does not begin with system-'",
            ),
            check(
                "size(variables.tolerated) == 0",
                f"'{shape.spec}.tolerations: got ' + (variables.tolerated[0] == '' ? 'no key, which is every taint'"
                f" : variables.tolerated[0]) + '; allowed: tolerations that name a key other than {SYSTEM_POOL_TAINT},"
                " the taint of the system pool'",
            ),
            check(
                f"!({chosen}variables.node != '')",
                f"'{shape.spec}.nodeName: got ' + variables.node + '; allowed: none, as the scheduler chooses'",
            ),
            check(
                # a driver may sign in as the node, with attributes that the application writes: inline volumes of
                # Azure Files take any storage account. https://learn.microsoft.com/azure/aks/azure-csi-files-storage-provision
                "size(variables.mounted) == 0",
                f"'{shape.spec}.volumes: got csi in ' + {listed('variables.mounted')}"
                " + '; allowed: volumes of a PersistentVolumeClaim'",
            ),
        ],
    )
