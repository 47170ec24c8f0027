"""URLs of repositories as Argo CD reads them: which are the same, which credential fits, which host key is asked for.

Read off the code of Argo CD 3.4.4, the version that the pinned chart installs.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

_OVER_SSH = re.compile(r"(?:ssh://)?[^/:]*?@[^@]+")

KNOWN_HOSTS = frozenset(
    {
        "bitbucket.org",
        "github.com",
        "gitlab.com",
        "ssh.dev.azure.com",
        "vs-ssh.visualstudio.com",
        "[ssh.github.com]:443",
    }
)
"""SSH servers whose keys the chart brings, as known_hosts names them.

https://github.com/argoproj/argo-helm/blob/argo-cd-10.1.1/charts/argo-cd/values.yaml (configs.ssh.knownHosts)
"""

GITHUB_API = "https://api.github.com"
"""The API of github.com."""
_NOT_GITHUB = ("bitbucket.org", "gitlab.com", "dev.azure.com", "visualstudio.com", "codeberg.org", "gitea.com")
"""Domains of hosted Git services other than GitHub."""


class Credential(Protocol):
    """What has the URL of a repository, or the prefix of several."""

    @property
    def url(self) -> str:
        """That URL."""


Found = TypeVar("Found", bound=Credential)


def over_ssh(url: str) -> bool:
    """Tell whether Argo CD takes a URL for one over SSH: ``ssh://git@host/path`` or ``git@host:path``.

    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/git/git.go (IsSSHURL): without a user it is none.
    """
    return _OVER_SSH.fullmatch(url) is not None


def normalized(url: str) -> str:
    """Return a URL in the form that Argo CD compares: both ways of writing SSH are the same, and case is not told.

    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/git/git.go (NormalizeGitURL)
    """
    url = url.strip().lower()
    if over_ssh(url) and not url.startswith("ssh://"):
        url = url.replace(":", "/", 1)
    return url.removesuffix(".git").removeprefix("ssh://")


def fitting(url: str, credentials: Iterable[Found]) -> Found | None:
    """Return the credential that Argo CD takes for a repository: of those whose URL it begins with, the longest.

    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/db/repository_secrets.go (getRepositoryCredentialIndex)
    """
    wanted = normalized(url)
    found = [credential for credential in credentials if wanted.startswith(normalized(credential.url))]
    return max(found, key=lambda credential: len(normalized(credential.url)), default=None)


def github_api(url: str) -> str | None:
    """Return where the GitHub API of a repository's host is; None where the host is known to be another product's.

    A host that is not known is taken for GitHub Enterprise Server.
    https://docs.github.com/en/enterprise-cloud@latest/rest/using-the-rest-api/getting-started-with-the-rest-api
    """
    scheme = "http" if url.startswith("http://") else "https"
    host = server(url).strip("[").partition("]")[0] if over_ssh(url) else without_scheme(url).partition("/")[0]
    host = host.lower()
    if host in ("github.com", "ssh.github.com"):
        return GITHUB_API
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    if any(host == name or host.endswith(f".{name}") for name in _NOT_GITHUB):
        return None
    return f"{scheme}://{host}/api/v3"


def without_scheme(url: str) -> str:
    """Return what is behind ``https://``."""
    return re.sub("^https?://", "", url)


def server(url: str) -> str:
    """Return what known_hosts calls the server of a URL over SSH: its host, with the port where it is not 22.

    https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT
    """
    if "://" not in url:
        return url.partition("@")[2].partition(":")[0]
    host, _, port = url.partition("@")[2].partition("/")[0].partition(":")
    return f"[{host}]:{port}" if port not in ("", "22") else host


def unknown_server(url: str, known_hosts: Sequence[str]) -> str | None:
    """Return the server of a URL over SSH where no key of it is known: Argo CD does not connect to it.

    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/git/creds.go (StrictHostKeyChecking=yes)
    """
    known = {*KNOWN_HOSTS, *(line.partition(" ")[0] for line in known_hosts)}
    return server(url) if over_ssh(url) and server(url) not in known else None


def why_no_host_key(line: str) -> str | None:
    """Say what is wrong with a line of known_hosts whose form is right; None where nothing is.

    RFC 4253 6.6: a key is a list of fields, each behind its length, of which the first is the type.
    """
    _, kind, key = line.split(" ")
    try:
        rest = base64.b64decode(key, validate=True)
    except ValueError:
        return "the key is not whole"
    fields = []
    while rest:
        length = int.from_bytes(rest[:4], "big")
        field, rest = rest[4 : 4 + length], rest[4 + length :]
        if len(field) < max(length, 1):
            return "the key is not whole"
        fields.append(field)
    if not fields or fields[0] != kind.encode():
        return f"the key is of another type than {kind}"
    return "the key is not whole" if len(fields) < 2 else None
