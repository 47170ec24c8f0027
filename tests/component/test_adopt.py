"""Import files say what the state knew: ids, parents and providers."""

from bootstrap.platform.adopt import adopt, azure_ids
from components.azure.resource_types import RESOURCE_TYPES

SUBSCRIPTION = "b7c40d13-92e6-4b5a-8d21-7e0f3a5c6d84"


def test_every_azure_type_of_the_program_has_an_id(dev, prod):
    used = {r.type.removeprefix("azure-native:") for p in (dev, prod) for r in p.custom if "azure-native:" in r.type}
    assert used <= {known.pulumi_type for known in RESOURCE_TYPES}


def test_ids_are_azures_and_hold_no_placeholder(prod):
    ids = {urn.rsplit("::", 1)[-1]: id_ for urn, id_ in azure_ids(prod.evaluation, SUBSCRIPTION).items()}
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-platform-prod"
    assert ids["zone"] == f"{group}/providers/Microsoft.Network/dnsZones/example.com"
    assert ids["record-apex"] == f"{group}/providers/Microsoft.Network/dnsZones/example.com/A/@"
    role = ids["external-secrets-key-vault-secrets-user-vault"]
    assert role.startswith(f"{ids['vault']}/providers/Microsoft.Authorization/roleAssignments/")
    assert not [id_ for id_ in ids.values() if "<" in id_ or "{" in id_]


def test_files_name_every_resource_its_parent_and_its_provider(prod):
    adoption = adopt(prod.evaluation)
    entries = [*adoption.azure["resources"], *adoption.kubernetes["resources"]]
    imported = [entry for entry in entries if "id" in entry]
    assert len(imported) == len(prod.custom)
    assert {entry.get("provider") for entry in imported} == {"provider-azure-native", "provider-kubernetes"}
    labels = {entry["name"] for entry in entries} | set(adoption.kubernetes["nameTable"])
    assert all(entry["parent"] in labels for entry in imported)
    release = next(entry for entry in imported if entry["type"].endswith("v3:Release"))
    assert release["id"] == "cert-manager/cert-manager"


def test_no_secret_is_written_down(prod):
    adoption = adopt(prod.evaluation)
    assert "secret]" not in str(adoption.azure) + str(adoption.kubernetes)


def test_the_local_stack_has_nothing_to_import_from_azure(local):
    adoption = adopt(local.evaluation)
    assert adoption.azure["resources"] == []
    assert not any("azure" in command for command in adoption.commands(__import__("pathlib").Path()))
