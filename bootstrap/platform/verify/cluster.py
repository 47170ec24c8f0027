"""What the checks ask of the API server: objects as JSON, by path, each request bounded."""

import datetime as dt
import email.utils
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from kubernetes import client
from urllib3.exceptions import HTTPError

_CALL_SECONDS = (5, 20)
"""To connect, and to answer: a dry run may wait for a webhook, for ten seconds by default."""
_FORBIDDEN_TO_US = re.compile(r'User "[^"]*" cannot ')
"""How the API server begins to say that a role is missing; admission refuses with the same status.

https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/endpoints/handlers/responsewriters/errors.go
"""
_POLL_SECONDS = 1.0

_JSON = "application/json"
_Query: TypeAlias = Mapping[str, str]
_Body: TypeAlias = Mapping[str, Any] | None
_Answer: TypeAlias = Any
"""A ``RESTResponse`` of the client's, whose annotations are wrong."""
T = TypeVar("T")


class ClusterError(Exception):
    """The API server answered something else than the object; the text is its own."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the answer.

        Args:
            status: of HTTP; 0 where there was no answer.
            message: the API server's own.
        """
        super().__init__(message)
        self.status = status

    @property
    def no_right(self) -> bool:
        """Whether whoever is signed in may not ask this."""
        return self.status == 401 or (self.status == 403 and bool(_FORBIDDEN_TO_US.search(str(self))))


class EndedError(Exception):
    """The run ends, and with it every wait."""


class Cluster:
    """The API server of the stack's cluster. Its methods may be called from several threads."""

    def __init__(self, api: client.ApiClient, *, pace: float = 1.0) -> None:
        """Ask through a client that is signed in.

        Args:
            api: the client.
            pace: how long a second of waiting lasts.
        """
        self.api, self._pace = api, pace
        self.ended = threading.Event()
        """Ends every wait when it is set."""

    def apart(self) -> "Cluster":
        """Return the same API server for whoever cleans up: the end of the run ends none of its waits."""
        return Cluster(self.api, pace=self._pace)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return an object.

        Raises:
            ClusterError: there is none, or it may not be read.
        """
        return self._send("GET", path, query)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return an object, or None where there is none.

        Raises:
            ClusterError: it may not be read.
        """
        try:
            return self.get(path)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Return the objects of a kind.

        Raises:
            ClusterError: they may not be listed, or the cluster has no such kind.
        """
        found: list[dict[str, Any]] = self.get(path, **query)["items"]
        return found

    def text(self, path: str) -> str:
        """Return what stands at a path that holds no object, such as ``/metrics``.

        Raises:
            ClusterError: there is nothing, or it may not be read.
        """
        answer = self._request("GET", path, {})
        found: str = answer.data.decode(errors="replace")
        if answer.status >= 400:
            raise ClusterError(answer.status, found[:500] or str(answer.reason))
        return found

    def create(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object.

        Args:
            path: of its kind.
            body: the object.
            dry_run: whether it is only judged, by admission and webhooks too, and not kept.

        Raises:
            ClusterError: it is refused.
        """
        return self._send("POST", path, {"dryRun": "All"} if dry_run else {}, body)

    def refusal(self, path: str, body: Mapping[str, Any]) -> str | None:
        """Return why an object would be refused, or None where it would be taken; nothing is kept.

        Raises:
            ClusterError: whoever is signed in may not create it, or there was no answer.
        """
        try:
            self.create(path, body, dry_run=True)
        except ClusterError as error:
            if error.no_right or not error.status:
                raise
            return str(error)
        return None

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Merge into an object.

        Raises:
            ClusterError: it is refused.
        """
        self._send("PATCH", path, {}, body, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object; one that is gone is no error.

        Raises:
            ClusterError: it may not be deleted.
        """
        try:
            self._send("DELETE", path, {}, {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
        except ClusterError as error:
            if error.status != 404:
                raise

    def now(self) -> dt.datetime:
        """Return the API server's own time, to the second: this machine's clock may differ from its controllers'.

        Raises:
            ClusterError: there was no answer.
        """
        date = self._request("GET", "/version", {}).headers.get("Date")
        return email.utils.parsedate_to_datetime(date) if date else dt.datetime.now(dt.UTC)

    def until(self, look: Callable[[], T | None], seconds: float, *, every: float = _POLL_SECONDS) -> T | None:
        """Look again and again until something is seen, or the time is over.

        Args:
            look: returns what is waited for, or None.
            seconds: how long to wait.
            every: seconds between looks.

        Raises:
            EndedError: the run ends meanwhile.
        """
        deadline = time.monotonic() + seconds * self._pace
        while True:
            if (found := look()) is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if self.ended.wait(min(every * self._pace, left)):
                raise EndedError

    def _send(self, method: str, path: str, query: _Query, body: _Body = None, kind: str = _JSON) -> dict[str, Any]:
        answer = self._request(method, path, query, body, kind)
        try:
            found: dict[str, Any] = json.loads(answer.data)
        except ValueError:
            found = {"message": answer.data.decode(errors="replace")[:500]}
        if answer.status >= 400:
            raise ClusterError(answer.status, str(found.get("message") or answer.reason))
        return found

    def _request(self, method: str, path: str, query: _Query, body: _Body = None, kind: str = _JSON) -> _Answer:
        request = self.api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON, "Content-Type": kind},
            body=dict(body) if body is not None else None,
            auth_settings=["BearerToken"],
        )
        try:
            answer: _Answer = self.api.call_api(*request, _request_timeout=_CALL_SECONDS)
            answer.read()
        except client.ApiException as error:
            raise ClusterError(error.status or 0, str(error.reason or "no answer").splitlines()[0]) from None
        except (HTTPError, OSError) as error:
            raise ClusterError(0, f"the API server does not answer ({type(error).__name__})") from None
        return answer
