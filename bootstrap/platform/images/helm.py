"""Renders the releases of a stack with Helm, as the program would install them."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import HelmError
from bootstrap.helm import find_helm
from components.release.yaml_text import YamlTextError, read_yaml

_SECONDS = 120
_DOCUMENTS = re.compile(r"^---\s*$", re.MULTILINE)
_CRD = re.compile(r"^kind: CustomResourceDefinition\s*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A release of the program, and where Helm takes its chart from."""

    inputs: Mapping[str, Any]
    """Inputs of the Helm release."""
    charts: Path | None = None
    """A folder with archives, ``<name>-<version>.tgz``, which are taken instead."""

    @property
    def _chart(self) -> list[str]:
        given = self.inputs
        if self.charts is not None:
            archive = self.charts / f"{given['name']}-{given['version']}.tgz"
            if not archive.exists():
                raise HelmError(f"there is no {archive.name} in {self.charts}: `helm pull` it, or leave --charts out")
            return [str(archive)]
        repository = (given.get("repositoryOpts") or {}).get("repo")
        return [given["chart"], "--version", given["version"], *(["--repo", repository] if repository else [])]

    def objects(self, kube_version: str) -> Iterator[dict[str, Any]]:
        """Yield what Helm renders: hooks and tests too, but no CRDs, which take most of the time and name no images.

        Args:
            kube_version: the cluster's.

        Raises:
            MissingToolError: Helm is not on PATH.
            HelmError: Helm does not get the chart, or refuses the values, or renders what is not YAML.
        """
        yield from self._rendered(kube_version, definitions=False)

    def definitions(self, kube_version: str) -> Iterator[dict[str, Any]]:
        """Yield the CRDs alone, of the chart's ``crds/`` folder too.

        Args:
            kube_version: the cluster's.

        Raises:
            MissingToolError: Helm is not on PATH.
            HelmError: as for :meth:`objects`.
        """
        yield from self._rendered(kube_version, definitions=True)

    def _rendered(self, kube_version: str, *, definitions: bool) -> Iterator[dict[str, Any]]:
        helm = find_helm()
        name = str(self.inputs["name"])
        command = [helm, "template", name, *self._chart, "--namespace", str(self.inputs["namespace"])]
        command += ["--kube-version", kube_version, "--values", "-"]
        command += ["--include-crds"] if definitions else []
        try:
            done = subprocess.run(
                command,
                input=json.dumps(self.inputs["values"]),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HelmError(f"{name}: Helm did not end within {_SECONDS} s") from None
        if done.returncode != 0:
            raise HelmError(f"{name}: {_refusal(done.stderr) or 'Helm failed and said nothing'}")
        for text in _DOCUMENTS.split(done.stdout):
            if bool(_CRD.search(text)) is not definitions:
                continue
            try:
                document = read_yaml(text)
            except YamlTextError as error:
                raise HelmError(f"{name}: Helm renders what is not YAML: {error}") from None
            if isinstance(document, dict):
                yield document


def _refusal(printed: str) -> str:
    """Return what Helm says is wrong: its error with what follows it, such as the keys that a schema does not have."""
    lines = [line.strip() for line in printed.splitlines() if line.strip() and not line.startswith("Use --debug")]
    errors = [number for number, line in enumerate(lines) if line.startswith("Error:")]
    return " ".join(lines[errors[-1] :] if errors else lines[-1:]).removeprefix("Error: ")
