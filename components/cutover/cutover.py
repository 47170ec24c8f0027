"""Hooks of the records that lead to ingress: what happens before one moves to a new cluster, and after it has moved."""

from startup import on_demand

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.access import ClusterAccess
from components.addons.ingress import DEFAULT_CERTIFICATE, NAMESPACE
from components.cutover.applications import Applications, compare
from components.cutover.https import refusal
from components.release.guard import sign_in
from conventions import ARGO_CD_NAMESPACE, ROOT_APPLICATION

if TYPE_CHECKING:
    from components.release import cluster_api
else:
    cluster_api = on_demand("components.release.cluster_api")

SECONDS = 1800.0
"""How long the new side may take to serve: a certificate of Let's Encrypt takes minutes, and so may an application."""
SECONDS_OVERRIDE = "AKS_BOOTSTRAP_CUTOVER_SECONDS"
"""Environment variable with other seconds."""
ADDRESS_OVERRIDE = "AKS_BOOTSTRAP_CUTOVER_ADDRESS"
"""Environment variable with ``address:port``, which is asked in the place of the record's address."""
_POLL_SECONDS = 5.0

OldSide = Callable[[Mapping[str, str]], Awaitable["cluster_api.ClusterApi | None"]]
"""Signs in to the cluster that a record's metadata names; None where no cluster answers."""


@dataclass(frozen=True, kw_only=True)
class CutoverArgs:
    """What the new side has to serve, and how the old one is asked."""

    access: ClusterAccess
    """The new cluster."""
    old_side: OldSide
    host: str
    """Argo CD's host, whose page has to be there."""
    zone: str
    default_certificate: bool
    """Whether the proxies have a certificate of the zone."""
    ttl_seconds: int
    """How long resolvers keep a record; the old side is kept as long, at most as the new one may take to serve."""


class Cutover:
    """Lets records move once the new side serves, and the old side go once resolvers have forgotten it.

    The new side serves when its default certificate is issued and served, Argo CD's page answers over its address, the
    root Application is there, and no application, root included, is worse than on the old side. Deletions come last in
    an update, so that nothing of the old side is touched before, nor when the time is over.
    """

    hooks: pulumi.ResourceHookBinding
    """Of every record."""

    def __init__(self, name: str, args: CutoverArgs) -> None:
        """Bind the hooks, whose names begin with ``name``."""
        self._args = args
        self._turn = threading.Lock()
        self._refused: str | None = None
        """Why names may not move: empty where they may, None while nobody has asked."""
        self.hooks = pulumi.ResourceHookBinding(
            before_update=[pulumi.ResourceHook(f"{name}-before", self._before)],
            after_update=[pulumi.ResourceHook(f"{name}-after", self._after)],
        )

    async def _before(self, hook: pulumi.ResourceHookArgs) -> None:
        if not (address := _moves_to(hook)) or (new := await sign_in(self._args.access)) is None:
            return
        metadata = (hook.old_inputs or {}).get("metadata") or {}
        old = await self._args.old_side(metadata)
        await asyncio.to_thread(self._await_turn, address, new, old)

    async def _after(self, hook: pulumi.ResourceHookArgs) -> None:
        if _moves_to(hook):
            seconds = min(self._args.ttl_seconds, _seconds())
            pulumi.log.info(
                f"{hook.name} has moved; keeping the old cluster for {seconds:.0f} s, until resolver caches expire"
            )
            await asyncio.sleep(seconds)

    def _await_turn(self, address: str, new: "cluster_api.ClusterApi", old: "cluster_api.ClusterApi | None") -> None:
        """Wait once for all records, which the engine moves side by side: they move together, or none does."""
        with self._turn:
            if self._refused is None:
                self._refused = self._await_serving(address, new, old)
        if self._refused:
            raise pulumi.RunError(self._refused)

    def _await_serving(self, address: str, new: "cluster_api.ClusterApi", old: "cluster_api.ClusterApi | None") -> str:
        """Wait until the new side serves; return why names may not move, empty where they may."""
        before = _applications_of(old)
        if before is None:
            pulumi.log.warn(
                "the cluster that names lead to cannot be asked: applications have nothing to be compared with, and "
                "none is waited for; if it is gone for good, dns.cutover: immediate waits for nothing"
            )
        deadline, reported = time.monotonic() + _seconds(), ""
        while waits := self._waits_for(address, new, before):
            if time.monotonic() >= deadline:
                return (
                    f"names still lead to the old side, of which nothing was touched: after {_seconds():.0f} s the new "
                    f"one does not serve: {waits}. Mend it and run `pulumi up` again, or set dns.cutover: immediate, "
                    "which moves names all the same"
                )
            if waits != reported:
                pulumi.log.info(f"DNS stays on the old cluster until the new one serves: {waits}")
                reported = waits
            time.sleep(_POLL_SECONDS)
            # what was well before counts, should the old side go meanwhile
            before = _applications_of(old) or before
        return ""

    def _waits_for(self, address: str, new: "cluster_api.ClusterApi", before: Applications | None) -> str:
        """Return what is missing on the new side; nothing where it serves."""
        try:
            missing = self._ingress_lacks(address, new)
            objects = new.argo_cd_objects("applications", ARGO_CD_NAMESPACE)
        except cluster_api.UNREACHABLE as error:
            return f"its API server does not answer ({type(error).__name__})"
        applications = Applications.of(objects)
        if ROOT_APPLICATION not in applications.states:
            missing.append("there is no root Application yet")
        found = compare(applications, before)
        missing += [f"{application}, which is healthy on the old cluster" for application in found.worse]
        if not missing and found.unhealthy:
            names = ", ".join(found.unhealthy)
            pulumi.log.warn(f"DNS moves although these are unhealthy, as they are on the old cluster too: {names}")
        return "; ".join(missing)

    def _ingress_lacks(self, address: str, new: "cluster_api.ClusterApi") -> list[str]:
        certificate = None
        if self._args.default_certificate:
            if why := new.certificate_refusal(DEFAULT_CERTIFICATE, NAMESPACE):
                return [f"certificate {NAMESPACE}/{DEFAULT_CERTIFICATE} is not issued: {why}"]
            certificate = new.tls_certificate(DEFAULT_CERTIFICATE, NAMESPACE)
        place, _, port = os.environ.get(ADDRESS_OVERRIDE, f"{address}:443").rpartition(":")
        why = refusal(place, int(port), zone=self._args.zone, host=self._args.host, certificate=certificate)
        return [why] if why else []


def _applications_of(old: "cluster_api.ClusterApi | None") -> Applications | None:
    try:
        return None if old is None else Applications.of(old.argo_cd_objects("applications", ARGO_CD_NAMESPACE))
    except cluster_api.UNREACHABLE:
        return None


def _moves_to(hook: pulumi.ResourceHookArgs) -> str | None:
    """Return where a record is about to lead, or leads since; None where it leads to the same place."""
    old, new = _addresses(hook.old_inputs), _addresses(hook.new_inputs)
    return new[0] if new and old != new else None


def _addresses(inputs: Mapping[str, Any] | None) -> list[str]:
    return [str(record["ipv4Address"]) for record in (inputs or {}).get("aRecords") or ()]


def _seconds() -> float:
    return float(os.environ.get(SECONDS_OVERRIDE) or SECONDS)
