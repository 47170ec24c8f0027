"""The CRDs that are judged, field by field, as the charts bring them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.admission.control_plane import archives, crds, missing

FIELDS: dict[str, dict[str, list[str]]] = YAML(typ="safe").load(
    (Path(__file__).resolve().parent / "fields.yaml").read_text(encoding="utf-8")
)


def fields(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of every field below which nothing is named."""
    while "items" in schema:
        schema = schema["items"]
    if not schema.get("properties"):
        yield path
    for key, below in schema.get("properties", {}).items():
        yield from fields(below, f"{path}.{key}" if path else key)


@pytest.mark.skipif(
    archives() is None or "helm" in missing(), reason="needs helm, and the charts' archives in AKS_BOOTSTRAP_CHARTS"
)
@pytest.mark.parametrize("kind", FIELDS)
def test_every_field_of_the_crd_is_judged_or_free(kind: str) -> None:
    [crd] = [crd for crd in crds() if crd["spec"]["names"]["kind"] == kind]
    listed = [*FIELDS[kind]["judged"], *FIELDS[kind]["free"]]
    used: Counter[str] = Counter()
    for version in crd["spec"]["versions"]:
        if version["served"]:
            for path in fields(version["schema"]["openAPIV3Schema"]["properties"]["spec"]):
                covering = [entry for entry in listed if path == entry or path.startswith(f"{entry}.")]
                assert len(covering) == 1, f"{kind}: spec.{path} is in {covering or 'no list'}"
                used.update(covering)
    assert set(listed) == set(used), "a field that is gone"
