"""Runs ``helm template`` as Argo CD's repository server does.

https://github.com/argoproj/argo-cd/blob/v3.4.0/util/helm/cmd.go
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.delivery.links import refuse_links_of_chart
from bootstrap.errors import HelmError
from bootstrap.helm import find_helm

_TIMEOUT_SECONDS = 60
_KEPT = ("PATH", "TMPDIR", "LANG", "LC_ALL", "TZ", "GODEBUG", "GOMAXPROCS", "GOMEMLIMIT")
"""Variables that a program which reads files and writes text has a use for."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A chart with what is rendered into it."""

    root: Path
    """The repository, which nothing of the chart may lead out of."""
    chart: Path
    release: str
    namespace: str
    kube_version: str
    api_versions: Sequence[str] = field(default=(), repr=False)
    values: Sequence[Path] = ()
    inline: Mapping[str, Any] = field(default_factory=dict)
    """Values that win over those of files."""
    schema: bool = True
    """Whether the chart's schema may refuse the values, as it does in Argo CD."""

    def render(self) -> str:
        """Return what Helm writes.

        Raises:
            MissingToolError: Helm is not on PATH.
            HelmError: Helm refuses; the text is its own.
            GitOpsError: a link leads out of the repository, which Helm would follow.
        """
        refuse_links_of_chart(self.root, self.chart)
        helm = find_helm()
        try:
            with tempfile.TemporaryDirectory(prefix="aks-bootstrap-helm-") as home:
                done = self._run(helm, Path(home))
        except subprocess.TimeoutExpired:
            raise HelmError(f"{self.chart.name}: Helm did not end within {_TIMEOUT_SECONDS} s") from None
        if done.returncode != 0:
            raise HelmError(said(done.stderr))
        return done.stdout

    def _run(self, helm: str, home: Path) -> "subprocess.CompletedProcess[str]":
        values = list(self.values)
        if self.inline:
            values.append(home / "inline.json")
            values[-1].write_text(json.dumps(self.inline), encoding="utf-8")
        command = [
            helm,
            "template",
            str(self.chart),
            "--name-template",
            self.release,
            "--namespace",
            self.namespace,
            "--kube-version",
            self.kube_version,
            "--include-crds",
            *(part for file in values for part in ("--values", str(file))),
            *(part for version in self.api_versions for part in ("--api-versions", version)),
            *([] if self.schema else ["--skip-schema-validation"]),
        ]
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            # whatever the terminal takes
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            env=_environment(str(home)),
        )


def _environment(home: str) -> dict[str, str]:
    # plugins, repositories and HELM_ settings of the user are not Argo CD's, and a pipeline's tokens are none of Helm's
    kept = {name: text for name in _KEPT if (text := os.environ.get(name)) is not None}
    return kept | {"HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}


def said(stderr: str) -> str:
    """Return the reason that Helm gives."""
    lines = [line for line in stderr.strip().splitlines() if line and "--debug" not in line]
    return "\n".join(lines).removeprefix("Error: ") or "Helm failed and said nothing"
