"""The network between Pods: a NetworkPolicy denies, and what it leaves open is reached."""

from collections.abc import Iterator
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify import pod
from bootstrap.platform.verify.target import Check, Target

_PORT = 9418
_ROLE = "aks-bootstrap.io/verify-role"
_START_SECONDS, _SECONDS = 45.0, 45.0

_SERVER = f"exec git daemon --reuseaddr --listen=0.0.0.0 --port={_PORT} --base-path=/tmp --export-all"
"""What listens, of an image that has Git."""
_CLIENT = f"""\
reach() {{ timeout 2 bash -c "exec 3<>/dev/tcp/$1/{_PORT}" 2>/dev/null; }}
said=
for round in 1 2 3 4 5 6 7 8; do
  reach "$OPEN" && open=yes || open=no
  reach "$CLOSED" && closed=yes || closed=no
  said="open=$open closed=$closed"
  [ "$said" = "open=yes closed=no" ] && break
  sleep 1
done
echo "$said" > /dev/termination-log
"""
"""Tries both until one answers and one does not; a policy may take seconds to hold for a Pod that has just started."""


def policies(target: Target) -> Iterator[Finding]:
    """Start two servers, one of them behind a policy, and a client that tries both."""
    if not target.image:
        yield unknown("network", "NetworkPolicies", "no image is known to have a server and a client in it")
        return
    target.workspace.make("networking.k8s.io", "v1", "networkpolicies", _policy())
    for role in ("open", "closed"):
        pod.start(target, pod.body(role, target.image, ["sh", "-c", _SERVER], labels={_ROLE: role}))
    addresses = {role: pod.ready(target, role, _START_SECONDS) for role in ("open", "closed")}
    if not all(addresses.values()):
        detail = pod.ended(target, "open", 0).problem
        yield unknown("network", "NetworkPolicies", f"the Pods that would have been asked do not run: {detail}")
        return
    client = pod.body("client", target.image, ["bash", "-c", _CLIENT], labels={_ROLE: "client"})
    client["spec"]["containers"][0]["env"] += [
        {"name": role.upper(), "value": address} for role, address in addresses.items()
    ]
    pod.start(target, client)
    yield _verdict(target, pod.ended(target, "client", _SECONDS))


def _verdict(target: Target, end: pod.End) -> Finding:
    subject = "NetworkPolicies"
    show = target.kube("get", "pods", "-A", "-o", "wide")
    if end.text == "open=yes closed=no":
        return fine("network", subject, "a Pod that one closes is not reached, and its neighbour is")
    if end.text == "open=yes closed=yes":
        return failed(
            "network",
            subject,
            "a Pod is reached that a policy closes",
            cause="nothing enforces NetworkPolicies: the CNI does not, or its agent on the node is down",
            remedy=show if target.local else f"bootstrap drift --stack {target.stack}",
        )
    if end.text.startswith("open=no"):
        return failed(
            "network",
            subject,
            "a Pod without a policy is not reached by its neighbour",
            cause="the Pods' network does not carry traffic, or something denies it in every namespace",
            remedy=target.kube("-n", "kube-system", "get", "pods", "-o", "wide"),
        )
    return unknown("network", subject, f"the client did not come to its end: {end.problem}")


def _policy() -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed"},
        "spec": {"podSelector": {"matchLabels": {_ROLE: "closed"}}, "policyTypes": ["Ingress"], "ingress": []},
    }


CHECK = Check(
    name="network",
    does="starts two servers, one behind a NetworkPolicy, and a client that tries both",
    ask=policies,
    seconds=2 * _START_SECONDS + _SECONDS,
    makes_objects=True,
)
