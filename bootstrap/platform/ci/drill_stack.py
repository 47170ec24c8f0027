"""Writes the stack file of a real drill: a stack of another name that shares no name of a resource with it."""

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bootstrap.errors import BootstrapError
from bootstrap.platform.run import settings_of
from settings.azure_facts import REGIONS_WITHOUT_ZONES
from settings.merge import merge
from settings.production import PRODUCTION_DEFAULTS
from settings.types import Target

NAME = "drill"
_OF_A_STATE = ("secretsprovider", "encryptedkey", "encryptionsalt")
_ITS_OWN = {
    "keyVault": ("name", "recover", "softDeleteRetentionDays"),
    "registry": ("name",),
    "gitops": ("environment",),
    "backup": ("restore",),
    "observability": ("alerts",),
    "argocd": ("notifications",),
}
"""Keys that name what the drilled stack has, deploy its applications, tell people of them, or are of its history."""
_LASTING = {"keyVault": ("softDeleteRetentionDays",), "certificates": ("issuer",)}
"""Production's defaults that would keep something after the drill, or order certificates that count."""


def drill_stack(root: Path, stack: str, *, region: str, zone: str, zone_group: str) -> Path:
    """Write ``Pulumi.drill.yaml`` from a stack's file, and return it.

    What production turns on by itself is turned on, but for its protection, so that the drill can be destroyed. No
    application is deployed, as a second copy of one would work on the first one's data, and nobody is mailed.

    Args:
        root: the project.
        stack: the stack that is drilled.
        region: where it is built.
        zone: a DNS zone that is there already, and delegated.
        zone_group: its resource group.

    Raises:
        BootstrapError: the stack is not in Azure, the file is there already, or what would be in it is invalid; nothing
            was written.
    """
    settings = settings_of(root, stack)
    if settings.target is not Target.AZURE:
        raise BootstrapError(f"stack {stack} is not in Azure: `make up STACK={stack}` is its drill")
    if NAME in (settings.environment, stack):
        raise BootstrapError(f"--stack: got {stack!r}, the name of the drill's own stack; allowed: any other stack")
    file = root / f"Pulumi.{NAME}.yaml"
    if file.exists():
        raise BootstrapError(f"{file.name} is there: destroy what it built (`make down STACK={NAME}`), then remove it")
    for other in sorted(root.glob("Pulumi.*.yaml")):
        if settings_of(root, other.stem.removeprefix("Pulumi.")).dns.zone == zone.lower():
            raise BootstrapError(f"--zone: got {zone!r}, which {other.name} uses; allowed: one that nobody uses")
    yaml = YAML()
    document = yaml.load((root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    for key in _OF_A_STATE:
        document.pop(key, None)
    config = document["config"]
    for section, below in PRODUCTION_DEFAULTS.items() if settings.production else ():
        default = {key: value for key, value in below.items() if key not in _LASTING.get(section, ())}
        config[f"aks-bootstrap:{section}"] = merge(default, dict(_section(config, section) or {}))
    for section, keys in _ITS_OWN.items():
        if (found := _section(config, section)) is not None:
            config[f"aks-bootstrap:{section}"] = {key: value for key, value in found.items() if key not in keys}
    if region in REGIONS_WITHOUT_ZONES:
        config["aks-bootstrap:cluster"] = {**(_section(config, "cluster") or {}), "zones": []}
    changes: dict[str, Any] = {
        "environment": NAME,
        "production": False,
        "azure": {"location": region},
        "cluster": {"generation": 1, "location": region},
        "keyVault": {"purgeProtection": False},
        "dns": {"mode": "existing", "zone": zone, "resourceGroup": zone_group},
        "certificates": {"issuer": "letsencrypt-staging"},
    }
    for section, change in changes.items():
        there = _section(config, section) if isinstance(change, Mapping) else None
        config[f"aks-bootstrap:{section}"] = merge(dict(there), change) if there is not None else change
    written = StringIO()
    yaml.dump(document, written)
    file.write_text(written.getvalue(), encoding="utf-8")
    try:
        settings_of(root, NAME)
    except BootstrapError:
        file.unlink()
        raise
    return file


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found = config.get(f"aks-bootstrap:{name}")
    # `pulumi config set` writes a section as JSON
    found = json.loads(found) if isinstance(found, str) and found.startswith("{") else found
    return found if isinstance(found, Mapping) else None
