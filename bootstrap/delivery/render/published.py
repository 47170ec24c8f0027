"""Charts that others publish: fetched once, and kept in a folder of the user's cache.

What is fetched is a chart's exact version, which its publisher does not change; Argo CD's repo-server keeps it as long.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from application_sources import OCI
from bootstrap.delivery.gitops import OVERRIDES
from bootstrap.delivery.manifests import load_mapping
from bootstrap.delivery.render.helm import said
from bootstrap.errors import ChartFetchError, GitOpsError
from bootstrap.helm import find_helm
from bootstrap.plain import without_credentials
from conventions import NAMESPACE

_SECONDS = 120
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1)(:[0-9]+)?(/|$)")
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class PublishedChart:
    """One version of a chart in a repository."""

    url: str
    """The repository as Argo CD spells it: that of a registry has no scheme."""
    name: str
    version: str

    @property
    def repository(self) -> str:
        """The repository as Helm spells it."""
        return self.url if "://" in self.url else OCI + self.url

    @property
    def label(self) -> str:
        """How people name it."""
        return f"{self.name} {self.version} of {self.repository}"

    def folder(self) -> Path:
        """Return the folder that holds the chart, which is fetched if this user has not had it yet.

        Raises:
            MissingToolError: Helm is not on PATH.
            ChartFetchError: the repository cannot be reached, or does not have it; or what is kept is something else.
        """
        key = hashlib.sha256(json.dumps([self.repository, self.name, self.version]).encode()).hexdigest()
        kept = _cache() / key[:32]
        with _ONE_AT_A_TIME:
            if not kept.is_dir():
                self._fetch(kept)
        if wrong := self._mistake(kept / self.name):
            raise ChartFetchError(f"{kept} has to hold {self.label}, and {wrong}: remove it, and it is fetched again")
        return kept / self.name

    def _fetch(self, kept: Path) -> None:
        """Fetch the chart to a folder beside its place, and rename that when it is whole."""
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetched-") as temporary:
                fetched = Path(temporary) / "chart"
                self._pull(fetched, Path(temporary))
                if wrong := self._mistake(fetched / self.name):
                    raise ChartFetchError(f"{self.label} cannot be used: {wrong}")
                # another process may have been faster
                with contextlib.suppress(FileExistsError):
                    _rename(fetched, kept)
        except OSError as error:
            raise ChartFetchError(f"{self.label} cannot be kept in {kept.parent}: {error.strerror}") from None

    def _pull(self, target: Path, home: Path) -> None:
        helm = find_helm()
        try:
            for command in self._commands(helm, target, home):
                done = _run(command, home)
                if done.returncode != 0:
                    # a URL in it may have been written with a password
                    reason = without_credentials(said(done.stderr), "[hidden]@")
                    raise ChartFetchError(f"{self.label} cannot be fetched: {reason}")
        except subprocess.TimeoutExpired:
            raise ChartFetchError(f"{self.label} cannot be fetched: no answer within {_SECONDS} s") from None

    def _commands(self, helm: str, target: Path, home: Path) -> Iterator[list[str]]:
        options = ["--version", self.version, "--untar", "--untardir", str(target)]
        if "://" not in self.url:
            # as Docker and crane do: what listens on this machine has no certificate
            plain = ["--plain-http"] if _LOOPBACK.match(self.url) else []
            yield [helm, "pull", f"{self.repository}/{self.name}", *options, *plain]
        elif known := _name_of(helm, self.repository, home):
            # the user's own entry, with its credentials
            yield [helm, "repo", "update", known]
            yield [helm, "pull", f"{known}/{self.name}", *options]
        else:
            yield [helm, "pull", self.name, "--repo", self.repository, *options]

    def _mistake(self, folder: Path) -> str | None:
        """Return why a folder is not this chart."""
        try:
            found = load_mapping(folder / "Chart.yaml", "Chart.yaml")
        except GitOpsError as error:
            return str(error)
        if (found.get("name"), found.get("version")) != (self.name, self.version):
            return f"its Chart.yaml says {found.get('name')} {found.get('version')}"
        if overriding := sorted(folder.glob(OVERRIDES)):
            return f"it has {overriding[0].name}, which would override the Application"
        return None


def _cache() -> Path:
    """Return the folder of all charts. https://specifications.freedesktop.org/basedir-spec/latest/#variables."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        # a relative path is to be ignored
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        raise ChartFetchError("there is no home to keep charts in: set XDG_CACHE_HOME") from None
    return base / NAMESPACE / "charts"


def _name_of(helm: str, repository: str, home: Path) -> str | None:
    """Return what the user calls a repository, by `helm repo add`; None where it has no name."""
    done = _run([helm, "repo", "list", "--output", "json"], home)
    try:
        known = json.loads(done.stdout) if done.returncode == 0 else []
    except ValueError:
        return None
    return next((entry["name"] for entry in known if entry.get("url", "").rstrip("/") == repository), None)


def _run(command: list[str], home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_SECONDS,
        # the user's sign-ins count, and neither plugins nor what is cached of an index
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("KUBECONFIG")},
            "HELM_CACHE_HOME": str(home / "cache"),
            "HELM_REPOSITORY_CACHE": str(home / "cache" / "repository"),
            "HELM_PLUGINS": str(home / "plugins"),
        },
    )


def _rename(folder: Path, target: Path) -> None:
    """Rename a folder.

    Raises:
        FileExistsError: there is one of the new name.
    """
    try:
        folder.rename(target)
    except OSError:
        if target.is_dir():
            raise FileExistsError(target) from None
        raise
