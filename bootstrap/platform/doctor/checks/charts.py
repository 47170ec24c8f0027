"""Charts of the releases: whether they can be fetched from here."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from urllib.parse import urlencode

from bootstrap.platform.doctor.needs import Chart
from bootstrap.platform.findings import Finding, blocked, fine, unknown

_SECONDS = 8
_MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


def chart(found: Chart) -> Iterator[Finding]:
    """Ask whether the chart of a release is there in its version."""
    name, _, digest = found.name.partition("@")
    subject = f"chart {name.rpartition('/')[2]} {found.version}"
    if name.startswith("oci://"):
        registry, _, repository = name.removeprefix("oci://").partition("/")
        url, wanted = f"https://{registry}/v2/{repository}/manifests/{digest or found.version}", b""
    else:
        url = f"{found.repository.rstrip('/')}/index.yaml"
        wanted = f"{found.name}-{found.version}.tgz".encode()
    try:
        there = wanted in _fetch(url)
    except urllib.error.HTTPError as error:
        if error.code in {401, 403}:
            yield unknown("charts", subject, f"{url} wants a sign-in (HTTP {error.code})", f"curl -I {url}")
        elif error.code in {404, 410}:
            yield blocked(
                "charts", subject, f"{url}: HTTP {error.code}", f"curl -I {url} (then set charts.*.repository)"
            )
        else:
            yield unknown("charts", subject, f"{url}: HTTP {error.code}", f"curl -I {url} (again, in a while)")
        return
    except HTTPException as error:
        yield unknown("charts", subject, f"{url}: {type(error).__name__}", f"curl -I {url} (again, in a while)")
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        yield blocked("charts", subject, f"{url}: {reason}", f"curl -I {url} (a proxy, or charts.*.repository)")
        return
    if there:
        yield fine("charts", subject, url)
    else:
        yield blocked("charts", subject, f"{url} does not have it", f"helm search repo {found.name} --versions")


def _fetch(url: str, token: str = "") -> bytes:
    headers = {"Accept": f"{_MANIFEST}, */*", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the stack file's own repositories
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        anonymous = "" if token else _anonymous(error.headers.get("WWW-Authenticate", ""))
        if error.code != 401 or not anonymous:
            raise
    return _fetch(url, anonymous)


def _anonymous(challenge: str) -> str:
    """Return the token that a registry gives to everybody; empty where it gives none.

    https://distribution.github.io/distribution/spec/auth/token/
    """
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = asked.pop("realm", "")
    if not challenge.lower().startswith("bearer") or not realm.startswith("https://"):
        return ""
    given = json.loads(_fetch(f"{realm}?{urlencode(asked)}", token=""))
    return str(given.get("token") or given.get("access_token") or "")
