"""The rehearsal's charts check values as the real ones do: a key that no chart has fails there, and so here."""

import json
from pathlib import Path

import jsonschema
import pytest

CHARTS = Path(__file__).resolve().parents[2] / "rehearsal" / "charts"
NAMES = ["cert-manager", "traefik", "external-secrets", "argo-cd"]


def schema(chart):
    return json.loads((CHARTS / chart / "values.schema.json").read_text())


@pytest.mark.parametrize("chart", NAMES)
@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_every_value_that_the_program_sets_has_a_key_in_the_chart(program, stack, chart):
    jsonschema.validate(program(stack).release(chart).inputs["values"], schema(chart))


def test_what_is_set_on_request_has_a_key_too(program):
    p = program("dev", ingress={"gatewayApi": True})
    for chart in ("traefik", "cert-manager"):
        jsonschema.validate(p.release(chart).inputs["values"], schema(chart))


@pytest.mark.parametrize(
    ("chart", "wrong"),
    [
        ("cert-manager", {"replicas": 2}),
        ("cert-manager", {"webhook": {"replicas": 2}}),
        ("cert-manager", {"crds": {"install": True}}),
        ("traefik", {"replicas": 2}),
        ("traefik", {"ports": {"web": {"redirections": {}}}}),
        ("traefik", {"providers": {"kubernetesIngress": {"publishService": {}}}}),
        ("external-secrets", {"replicas": 2}),
        ("external-secrets", {"certController": {"replicas": 2}}),
        ("argo-cd", {"reposerver": {}}),
        ("argo-cd", {"server": {"replicaCount": 2}}),
        ("argo-cd", {"configs": {"config": {}}}),
    ],
)
def test_a_wrong_key_is_refused(chart, wrong):
    with pytest.raises(jsonschema.ValidationError, match="Additional properties are not allowed"):
        jsonschema.validate(wrong, schema(chart))
