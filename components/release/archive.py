"""The archive of a chart in a plain repository, compared with its digest before Helm installs its release.

Helm compares what it pulls from an OCI registry with the digest that it was asked for. Of an archive in a plain
repository it checks signatures alone, which few publishers make: https://helm.sh/docs/topics/provenance/.

It fetches the archive again after this, so that a repository that answers two requests differently is not caught. CRDs
that are applied beside the release (crds.py) come before this, and are not held back by it.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import IO
from urllib.parse import urljoin, urlsplit

from components.release.yaml_text import YamlTextError, read_yaml

_SECONDS = 30
_LIMIT = 64 << 20
"""Bytes of an index or an archive that are read; the largest here is a few megabytes."""


class ArchiveError(Exception):
    """An archive cannot be had, or is another one; the text says which."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where what comes back is as good as from the repository itself."""

    def redirect_request(  # noqa: PLR0917 - the library's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request for where a redirect leads.

        Raises:
            ArchiveError: it leads out of TLS, or to something else than a web server.
        """
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and not (scheme == "http" and req.type == "http"):
            raise ArchiveError(f"{req.full_url} leads to {newurl}; allowed: https://")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch_archive(repository: str, name: str, version: str) -> bytes:
    """Return the archive of a chart.

    https://helm.sh/docs/topics/chart_repository/#the-index-file

    Args:
        repository: URL of the repository.
        name: the chart.
        version: its version.

    Raises:
        ArchiveError: it is not there, or the repository does not answer.
    """
    index_url = f"{repository.rstrip('/')}/index.yaml"
    try:
        index = read_yaml(_got(index_url))
    except YamlTextError as error:
        raise ArchiveError(f"{index_url} is not YAML: {error}") from None
    place = next(_places(index, name, version), None)
    if place is None:
        raise ArchiveError(f"{index_url} has no {name} {version}; allowed: entries with a version and its urls")
    try:
        url = urljoin(index_url, place)
    except ValueError:
        raise ArchiveError(f"{index_url} names an archive of {name} {version} at no address: {place!r}") from None
    if index_url.startswith("https://") and not url.startswith("https://"):
        raise ArchiveError(f"{index_url} names the archive {url}; allowed: https://")
    return _got(url)


def _places(index: object, name: str, version: str) -> Iterator[str]:
    """Yield where an index says that a version of a chart is."""
    entries = index.get("entries") if isinstance(index, Mapping) else None
    versions = entries.get(name) if isinstance(entries, Mapping) else None
    for entry in versions if isinstance(versions, list) else ():
        if isinstance(entry, Mapping) and entry.get("version") == version:
            urls = entry.get("urls")
            yield from (url for url in (urls if isinstance(urls, list) else ()) if isinstance(url, str))


def compare_archive(repository: str, name: str, version: str, digest: str) -> None:
    """Return when a repository's archive of a chart is the one that is locked.

    Args:
        repository: URL of the repository.
        name: the chart.
        version: its version.
        digest: what is locked.

    Raises:
        ArchiveError: it is another one, or cannot be had.
    """
    got = f"sha256:{hashlib.sha256(fetch_archive(repository, name, version)).hexdigest()}"
    if got != digest:
        raise ArchiveError(
            f"{repository} has another {name} {version} than supply.lock.yaml: got {got}, locked {digest}; its "
            "release was left alone. If its publisher confirms the change, run `bootstrap images lock`"
        )


def _got(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise ArchiveError(f"got the URL {url!r}; allowed: https:// or http://")
    request = urllib.request.Request(url, headers={"User-Agent": "aks-bootstrap"})  # noqa: S310 - as above
    try:
        with urllib.request.build_opener(Redirects).open(request, timeout=_SECONDS) as answer:
            content: bytes = answer.read(_LIMIT + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise ArchiveError(f"{url}: the server answers {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ArchiveError(f"{url} cannot be reached: {reason}") from None
    if len(content) > _LIMIT:
        raise ArchiveError(f"{url} has more than {_LIMIT >> 20} MiB")
    return content
