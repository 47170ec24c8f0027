"""Compares what is rendered with what the cluster has. It reads, and nothing else."""

from startup import on_demand

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bootstrap.delivery.render.compare import identity
from bootstrap.delivery.render.objects import HIDDEN, Object
from bootstrap.delivery.render.render import Rendered
from bootstrap.delivery.render.subset import Difference, differences
from bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from kubernetes import client, config, dynamic
else:  # a third of a second for --live alone
    client = on_demand("kubernetes.client")
    config = on_demand("kubernetes.config")
    dynamic = on_demand("kubernetes.dynamic")

_TIMEOUT_SECONDS = 20


class ClusterError(BootstrapError):
    """The cluster cannot be read; the text says why."""


class State(StrEnum):
    """What an object is like in the cluster."""

    MISSING = "missing"
    DIFFERENT = "different"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One rendered object that the cluster has not, or has otherwise."""

    app: str
    environment: str
    object: Object
    state: State
    fields: Sequence[Difference] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read."""
        return {
            "app": self.app,
            "environment": self.environment,
            "state": self.state.value,
            **identity(self.object),
            "fields": [{"path": f.path, "rendered": f.rendered, "live": f.live} for f in self.fields],
        }


class Cluster:
    """A cluster that a kubeconfig leads to."""

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        """Take the kubeconfig, or the one that KUBECONFIG names.

        ~/.kube/config is not taken by itself: its current context may be anything.

        Raises:
            ClusterError: there is none, it cannot be used, or its API server does not answer.
        """
        named = kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        if not named:
            raise ClusterError("--live compares with a cluster: set KUBECONFIG, or say --kubeconfig")
        try:
            path = Path(named).expanduser()
        except RuntimeError:
            raise ClusterError(f"the kubeconfig {named} cannot be used: there is no home for ~; set HOME") from None
        configuration = client.Configuration()
        try:
            config.load_kube_config(str(path), context=context, client_configuration=configuration)  # type: ignore[no-untyped-call] # not typed
        except (config.ConfigException, OSError) as error:
            raise ClusterError(f"the kubeconfig {path} cannot be used: {error}") from None
        # an answer that does not come is told at once, not after three attempts
        configuration.retries = False
        self.server = str(configuration.host)
        self._errors = dynamic.exceptions
        # the discovered kinds are kept in a file: by default one that all commands of the machine share
        self._folder = tempfile.TemporaryDirectory(prefix="aks-bootstrap-live-")
        self._api = client.ApiClient(configuration)
        try:
            self._client = dynamic.DynamicClient(  # type: ignore[no-untyped-call] # not typed
                self._api, cache_file=str(Path(self._folder.name) / "discovered.json")
            )
        except Exception as error:
            # the client's transport has a dozen kinds of failure, and all of them mean this
            self.__exit__()
            raise self._failed(error) from None

    def __enter__(self) -> Self:
        """Return the cluster."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections, and forget what was discovered."""
        self._api.close()  # type: ignore[no-untyped-call] # not typed
        self._folder.cleanup()

    def get(self, item: Object) -> dict[str, Any] | None:
        """Return the live object; None where there is none, or the cluster has no such kind.

        Raises:
            ClusterError: the API server refuses, or does not answer.
        """
        try:
            resource = self._client.resources.get(api_version=item.api_version, kind=item.kind)
            found = resource.get(name=item.name, namespace=item.namespace or None, _request_timeout=_TIMEOUT_SECONDS)
        except (self._errors.ResourceNotFoundError, self._errors.NotFoundError):
            return None
        except Exception as error:
            raise self._failed(error, item) from None
        return dict(found.to_dict())

    def _failed(self, error: Exception, item: Object | None = None) -> ClusterError:
        status = getattr(error, "status", None)
        why = f"answers {status}" if status else f"does not answer ({type(error).__name__})"
        what = f" to {item.label}" if item else ""
        return ClusterError(f"the API server {self.server} {why}{what}")


def compare_live(rendered: Iterable[Rendered], cluster: Cluster) -> list[Drift]:
    """Return the rendered objects that are missing or different; only rendered fields are looked at.

    Hooks are left out: Argo CD creates and deletes them in a sync, and does not compare them either.

    Raises:
        ClusterError: as for :meth:`Cluster.get`.
    """
    found = []
    for part in rendered:
        for item in part.objects:
            if item.is_hook:
                continue
            live = cluster.get(item)
            fields = [] if live is None else list(differences(item.document, live))
            if live is None or fields:
                found.append(
                    Drift(
                        app=part.app,
                        environment=part.environment,
                        object=item,
                        state=State.MISSING if live is None else State.DIFFERENT,
                        fields=[_hide(field) for field in fields] if item.kind == "Secret" else fields,
                    )
                )
    return found


def _hide(field: Difference) -> Difference:
    if not field.path.startswith(("data", "stringData")):
        return field
    return Difference(path=field.path, rendered=HIDDEN, live=None if field.live is None else HIDDEN)
