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
from urllib.parse import urljoin

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_SECONDS = 30
_LIMIT = 64 << 20
"""Bytes of an index or an archive that are read; the largest here is a few megabytes."""


class ArchiveError(Exception):
    """An archive cannot be had, or is another one; the text says which."""


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
        index = YAML(typ="safe").load(_got(index_url))
        urls = next(entry["urls"] for entry in index["entries"][name] if entry["version"] == version)
        url = urljoin(index_url, str(urls[0]))
    except (YAMLError, UnicodeDecodeError, KeyError, IndexError, TypeError, StopIteration) as error:
        raise ArchiveError(f"{index_url} has no {name} {version} ({type(error).__name__})") from None
    return _got(url)


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
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
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
