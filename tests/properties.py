"""Which properties of production's requests Azure has accepted before, in a recording, and which only its types know.

The list is docs/azure-properties.md. It may shrink by itself; a test fails where it would grow unseen.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.options import ROOT
from bootstrap.platform.plan.arm import requests
from bootstrap.platform.plan.evaluate import evaluate
from tests.fidelity import leaves, recordings

PAGE = ROOT / "docs" / "azure-properties.md"
RECORDED = "August 2026"
"""When the recordings were taken from their repository."""

_KEYS_OF_OTHERS = re.compile(r"\b(tags|nodeLabels|userAssignedIdentities)\.(?!\*).*", re.IGNORECASE)
"""Maps whose keys are anybody's."""
_POOL = "Microsoft.ContainerService/managedClusters/agentPools"


def path_of(path: str) -> str:
    """Return a property's path, with ``*`` for keys that anybody may choose."""
    return _KEYS_OF_OTHERS.sub(lambda match: f"{match[1]}.*", path)


def accepted(folder: Path) -> dict[str, set[str]]:
    """Return the properties, in lower case, that Azure accepted in recordings, by type."""
    found: dict[str, set[str]] = defaultdict(set)
    for interactions in recordings(folder).values():
        for each in interactions:
            if each["method"] == "PUT" and each["status"] in {200, 201} and each["body"]:
                found[each["type"].lower()] |= {path_of(path).lower() for path, _ in leaves(each["body"])}
    return found


def sent(stack: str = "prod") -> dict[str, set[str]]:
    """Return the properties that a stack sends, by type; a pool that a template writes is a pool."""
    found: dict[str, set[str]] = defaultdict(set)
    for request in requests(evaluate(ROOT, stack)):
        body = request.body
        if request.type == "Microsoft.Resources/deployments":
            for resource in body["properties"]["template"]["resources"]:
                found[_POOL] |= {path_of(path) for path, _ in leaves({"properties": resource["properties"]})}
            continue
        found[request.type] |= {path_of(path) for path, _ in leaves(body)}
    return found


def typed_only(folder: Path) -> dict[str, list[str]]:
    """Return the properties that production sends and no recording has, by type."""
    known = accepted(folder)
    return {
        type_: lacking
        for type_, paths in sorted(sent().items())
        if (lacking := sorted(path for path in paths if path.lower() not in known.get(type_.lower(), set())))
    }


def page(typed: Mapping[str, Sequence[str]], total: int) -> str:
    """Return the page."""
    number = sum(map(len, typed.values()))
    lines = [
        "# Properties that only Azure's types vouch for",
        "",
        f"Of the {total} properties that `Pulumi.prod.yaml` sends, {total - number} are in requests that",
        f"Azure accepted in recordings of other people's tests ({RECORDED}). For the {number} here,",
        "Azure's type tables are the only witness. Made by",
        "`python -m tests.properties <folder with recordings>`.",
        "",
    ]
    for type_, paths in typed.items():
        lines += [f"## {type_}", "", *(f"* `{path}`" for path in paths), ""]
    return "\n".join(lines)


def listed() -> dict[str, list[str]]:
    """Return what the page has, by type."""
    found: dict[str, list[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found[line.removeprefix("## ")] = []
        elif line.startswith("* `"):
            found[list(found)[-1]].append(line.removeprefix("* `").rstrip("`"))
    return found


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    PAGE.write_text(page(typed_only(folder), sum(map(len, sent().values()))), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
