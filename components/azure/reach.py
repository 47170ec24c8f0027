"""Whether an API server answers the machine that runs the program."""

import asyncio
import base64
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException

import pulumi

from settings import LOOKED_AT, PLAN
from settings.types import Exposure

WAIT_SECONDS, PAUSE_SECONDS = 120.0, 5.0
"""A new cluster's name takes its time to reach every name server."""
_CALL_SECONDS = 10.0

_WAYS = {
    Exposure.PRIVATE: "only machines in its network, or in one that is peered with it, reach it: run `pulumi up` again "
    "from there, which goes on where this run ended (docs/runbooks/private-api-server.md)",
    Exposure.AUTHORIZED_RANGES: "add the range of this machine's address (curl https://ifconfig.me) to "
    "cluster.apiServer.authorizedIpRanges",
    Exposure.OPEN: "look at the network between this machine and the Internet",
}
_WAYS[Exposure.VNET_INTEGRATED] = _WAYS[Exposure.PRIVATE]


class NotReachedError(Exception):
    """The API server does not answer; the text says why, and what to do."""


async def reached(kubeconfig: str, exposure: Exposure) -> str:
    """Return a kubeconfig, once its API server has answered.

    The Kubernetes provider leaves everything as it is where the server does not answer, so that a cluster that is gone
    blocks nothing. That must not pass for a run that did its work.

    Args:
        kubeconfig: as JSON.
        exposure: who can reach the server.

    Raises:
        RunError: nothing answers.
    """
    if os.environ.get(LOOKED_AT) != PLAN and not pulumi.runtime.is_dry_run():
        try:
            await asyncio.to_thread(await_answer, kubeconfig)
        except NotReachedError as error:
            raise pulumi.RunError(f"{error}: {_WAYS[exposure]}") from None
    return kubeconfig


def await_answer(
    kubeconfig: str,
    *,
    seconds: float = WAIT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until an API server answers, whatever it answers.

    Args:
        kubeconfig: as JSON.
        seconds: how long to wait.
        sleep: waits for a number of seconds; replaced in tests.
        clock: says the time in seconds; replaced in tests.

    Raises:
        NotReachedError: nothing answered.
    """
    cluster = json.loads(kubeconfig)["clusters"][0]["cluster"]
    server, authority = cluster["server"], base64.b64decode(cluster["certificate-authority-data"]).decode()
    ends, said = clock() + seconds, False
    while True:
        # where a firewall drops what is sent, a call takes all the time that it is given
        why = _why_no_answer(server, authority, max(1.0, min(_CALL_SECONDS, ends - clock())))
        if why is None:
            return
        if clock() + PAUSE_SECONDS > ends:
            raise NotReachedError(f"the API server {server} did not answer within {seconds:.0f} s ({why})")
        if not said:
            pulumi.log.info(f"waiting for the API server {server}: {why}")
            said = True
        sleep(PAUSE_SECONDS)


def _why_no_answer(server: str, authority: str, seconds: float) -> str | None:
    try:
        context = ssl.create_default_context(cadata=authority)
        with urllib.request.urlopen(f"{server}/version", context=context, timeout=seconds):  # noqa: S310 - https
            return None
    except urllib.error.HTTPError:
        return None  # it wants a sign-in
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError, HTTPException) as error:
        return str(error) or type(error).__name__
