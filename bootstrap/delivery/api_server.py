"""A cluster's API server, which a kubeconfig leads to. Nothing is changed there."""

from startup import on_demand

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from bootstrap.delivery.render.objects import Object
from bootstrap.errors import BootstrapError
from bootstrap.plain import on_one_line

if TYPE_CHECKING:
    from kubernetes import client, config, dynamic
else:  # a third of a second for --live alone
    client = on_demand("kubernetes.client")
    config = on_demand("kubernetes.config")
    dynamic = on_demand("kubernetes.dynamic")

_TIMEOUT_SECONDS = 20
_MANAGER = "bootstrap-validate"
_REFUSALS = frozenset({400, 403, 413, 422})
"""Answers that are about the object: not decoded, denied by admission, too large, invalid."""
_NOT_ABOUT_THE_OBJECT = re.compile(
    # what k8s.io/apiserver says where there is no right to ask, and of a namespace that is about to be gone
    r'[^"]*(?:"[^"]*" )?is forbidden: (?:User "[^"]*" cannot \w+ resource|unable to create new content in namespace )'
    # of a webhook that would change something by being asked
    r'|admission webhook "[^"]*" does not support dry run'
)
"""How messages of :data:`_REFUSALS` begin that tell nothing of the object."""


class ClusterError(BootstrapError):
    """The cluster cannot be read; the text says why."""


class SilentError(ClusterError):
    """The API server answers nothing that is asked."""


class Refusal(NamedTuple):
    """Why an object would not be taken."""

    path: str
    """The field; empty for the whole."""
    message: str
    """The API server's own words."""


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
            raise ClusterError("--live is about a cluster: set KUBECONFIG, or say --kubeconfig")
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
            raise SilentError(str(self._failed(error))) from None

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
        kind = ClusterError if status else SilentError
        return kind(f"the API server {self.server} {why}{what}")

    def refusals(self, item: Object) -> Sequence[Refusal]:
        """Return why the API server would not take an object; nothing where it would. It is a dry run.

        What is applied is merged with what is there, so that a field that may not be changed is refused too. A hook is
        created: Argo CD removes the one before it.

        Raises:
            ClusterError: the question has no answer; the text says why.
        """
        query = [("fieldValidation", "Strict"), ("fieldManager", _MANAGER)]
        named = "name" in item.document["metadata"]
        more = {"body": item.document, "namespace": item.namespace or None, "dry_run": "All", "query_params": query}
        try:
            resource = self._client.resources.get(api_version=item.api_version, kind=item.kind)
            if item.is_hook or not named:
                resource.create(**more, _request_timeout=_TIMEOUT_SECONDS)
            else:
                # another's field is taken over, as Argo CD does
                resource.server_side_apply(
                    **more, name=item.name, force_conflicts="true", _request_timeout=_TIMEOUT_SECONDS
                )
        except self._errors.ResourceNotFoundError:
            raise ClusterError(f"the cluster has no kind {item.api_version} {item.kind}") from None
        except Exception as error:
            status, answer = getattr(error, "status", None), _answer(error)
            message = str(answer.get("message") or "")
            if status == 409 and answer.get("reason") == "AlreadyExists":
                # looked at when all else was found right
                return []
            if _is_refusal(status, message):
                return list(_refusals(answer, hide=item.kind == "Secret"))
            if status and message and status < 500:
                raise ClusterError(on_one_line(message)) from None
            raise self._failed(error) from None
        return []


def _is_refusal(status: int | None, message: str) -> bool:
    # of a field that there is not, or of another type: a mistake of the object's, whatever the status
    if message.startswith("failed to create typed patch object"):
        return True
    return status in _REFUSALS and message != "" and not _NOT_ABOUT_THE_OBJECT.match(message)


def _answer(error: Exception) -> dict[str, Any]:
    """Return the Status that the API server answered; empty where there is none."""
    try:
        found = json.loads(getattr(error, "body", None) or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusals(answer: dict[str, Any], *, hide: bool) -> Iterator[Refusal]:
    """Yield what a Status says, field by field where it does; without values, which may be a Secret's."""
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    causes = [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
    key = "reason" if hide else "message"
    # a cause that is an admission policy's has no field
    if causes and all(cause.get("field") for cause in causes):
        yield from (Refusal(on_one_line(str(cause["field"])), on_one_line(str(cause.get(key)))) for cause in causes)
    else:
        yield Refusal("", on_one_line(str(answer.get(key))))
