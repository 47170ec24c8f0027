"""Raises a stack file's generation, as somebody would who rebuilds its cluster."""

from collections.abc import MutableMapping
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from bootstrap.errors import BootstrapError
from bootstrap.platform.run import settings_of

_CLUSTER = "aks-bootstrap:cluster"


def next_generation(root: Path, stack: str, region: str = "") -> int:
    """Write the next generation into a stack file, and the region if it moves, and return the generation.

    Args:
        root: the project.
        stack: the stack's name.
        region: where the cluster is to be; empty for the region that it is in.

    Raises:
        BootstrapError: the stack has no cluster of its own, or a setting is invalid; the file is as it was.
    """
    settings = settings_of(root, stack)
    if settings.cluster is None:
        raise BootstrapError(f"stack {stack} uses a cluster that is there: nothing of it can be rebuilt")
    file = root / f"Pulumi.{stack}.yaml"
    before = file.read_bytes().decode()
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(before)
    section = document["config"].setdefault(_CLUSTER, {})
    if not isinstance(section, MutableMapping):
        raise BootstrapError(f"{file}: {_CLUSTER}: its value is on one line; allowed: a mapping, one key a line")
    section["generation"] = settings.cluster.generation + 1
    if region:
        section["location"] = region
    written = StringIO()
    yaml.dump(document, written)
    ends = "\r\n" if "\r\n" in before else "\n"
    file.write_text(written.getvalue(), encoding="utf-8", newline=ends)
    try:
        settings_of(root, stack)
    except BootstrapError:
        file.write_bytes(before.encode())
        raise
    return int(section["generation"])
