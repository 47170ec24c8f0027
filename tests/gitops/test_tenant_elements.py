"""How the ApplicationSet reads a tenant's file, by the template functions that it shares with Helm (Sprig)."""

import pytest

from bootstrap.delivery.manifests import dump, load_all
from bootstrap.delivery.render.helm import Template
from bootstrap.errors import HelmError
from components.addons.application_set import _environments

TENANT = {
    "owner": "team",
    "chart": "web",
    "registries": ["example.azurecr.io"],
    "vaultKeys": ["shop-*"],
    "environments": {"dev": {"hosts": []}},
}


@pytest.fixture
def elements(tmp_path):
    """Render the elements of a tenant's file as Argo CD does, with the file's keys and its name."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    template = "kind: List\nelements:\n{{- with .Values.tenant }}\n" + _environments() + "{{- end }}\n"
    (tmp_path / "templates/x.yaml").write_text(template)

    def render(tenant):
        file = tmp_path / "given.yaml"
        file.write_text(dump({"tenant": {**tenant, "file": {"path": {"filename": "shop.yaml"}}}}))
        text = Template(
            root=tmp_path, chart=tmp_path, release="x", namespace="x", kube_version="1.35.0", values=[file]
        ).render()
        [document] = load_all(text, "text")
        return document["elements"]

    return render


def test_each_environment_is_an_element(elements):
    assert sorted(
        element["environment"] for element in elements({**TENANT, "environments": {"dev": {}, "prod": {}}})
    ) == [
        "dev",
        "prod",
    ]


def test_a_tenant_may_leave_out_what_is_not_required(elements):
    needed = {key: TENANT[key] for key in ("chart", "environments")}
    assert {"environment": "dev"} in elements(needed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "root"}, "shop.yaml: name is unknown"),
        ({"metadata": {}}, "shop.yaml: metadata is unknown"),
        ({"chart": ""}, "shop.yaml: chart: allowed: a folder of gitops/charts"),
        ({"chart": 7}, "shop.yaml: chart: allowed: a folder of gitops/charts"),
        ({"environments": {}}, "shop.yaml: environments is missing, or no mapping"),
        ({"environments": ["dev"]}, "shop.yaml: environments is missing, or no mapping"),
        ({"environments": "dev"}, "shop.yaml: environments is missing, or no mapping"),
    ],
)
def test_what_would_silently_be_no_environment_fails(elements, change, told):
    with pytest.raises(HelmError, match=told):
        elements({**TENANT, **change})


@pytest.mark.parametrize("key", ["chart", "environments"])
def test_what_is_missing_fails(elements, key):
    with pytest.raises(HelmError, match=f"shop.yaml: {key} is missing"):
        elements({name: value for name, value in TENANT.items() if name != key})
