"""Where Pulumi keeps the state, found as its CLI finds it, and where production's must not be."""

from startup import on_demand

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from settings.report import Problem
from settings.words import redact

if TYPE_CHECKING:
    from ruamel import yaml
else:  # only a deployment reads the project's file, and only where nothing else names the backend
    yaml = on_demand("ruamel.yaml")


class Backend(NamedTuple):
    """What keeps the state."""

    url: str
    named_by: str
    """Who names it, as it is printed."""


def configured_backend(folder: Path, environment: Mapping[str, str]) -> Backend | None:
    """Return the backend that the Pulumi CLI would use; None where it would ask for one.

    The environment comes first, then the project, then the login.
    https://www.pulumi.com/docs/iac/concepts/state-and-backends/

    Args:
        folder: with ``Pulumi.yaml``.
        environment: the CLI's environment variables.
    """
    if url := environment.get("PULUMI_BACKEND_URL"):
        return Backend(url, "from PULUMI_BACKEND_URL")
    project = yaml.YAML(typ="safe").load(folder / "Pulumi.yaml")
    named = project.get("backend") if isinstance(project, dict) else None
    if isinstance(named, dict) and named.get("url"):
        return Backend(str(named["url"]), "from Pulumi.yaml")
    home = Path(environment.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    try:
        current = json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current")
    except (OSError, ValueError):
        return None
    return Backend(str(current), "where Pulumi is logged in") if current else None


def why_not_for_production(url: str) -> Problem | None:
    """Say why production's state must not be at a URL; None where it may.

    A folder is neither shared nor versioned, and whoever reads it reads what the state knows of production.
    https://www.pulumi.com/docs/iac/concepts/state-and-backends/
    """
    if urlsplit(url).scheme != "file":
        return None
    return Problem(
        ("production",),
        f"got true with the state in {redact(url)}, on this machine's disk; allowed in production: a backend that is "
        "shared and versioned, such as azblob://<container>?storage_account=<account> (docs/azure.md)",
    )
