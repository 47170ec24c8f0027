"""The rehearsal's Azure, held against recorded answers of the real one, and the measure that does so."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests import fidelity, properties

ARM = os.environ.get("AKS_BOOTSTRAP_ARM")
GROUP = "/subscriptions/0/resourceGroups/g"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"


@pytest.mark.skipif(not ARM, reason="AKS_BOOTSTRAP_ARM names no folder with recorded answers of Azure")
@pytest.mark.parametrize("aside", [False, True])
def test_the_stand_in_answers_as_azure_does(aside: bool) -> None:
    found = fidelity.measure(Path(str(ARM)), aside=aside)
    assert found.statuses
    assert found.status_share >= fidelity.STATUSES, found.differences
    assert found.property_share >= fidelity.PROPERTIES, found.missing
    rare = [key for key, given in found.frequent_codes() if sum(given) < 0.8 * len(given)]
    assert rare == []


def interaction(method: str, path: str, status: int, response: Any = None, body: Any = None) -> dict[str, Any]:
    return {
        "recording": "one",
        "method": method,
        "type": "",
        "apiVersion": "2024-05-01",
        "path": path,
        "body": body,
        "status": status,
        "response": response,
    }


def written(folder: Path, *interactions: dict[str, Any]) -> Path:
    with gzip.open(folder / "recordings.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(found) + "\n" for found in interactions)
    return folder


def test_a_status_a_code_and_a_property_that_differ_are_counted_and_named(tmp_path: Path) -> None:
    made = {"properties": {"resourceGuid": "7a1d0c6e-3f0b-4c56-9a2e-5d0e6f0b9c11", "neverHeardOf": 1}}
    folder = written(
        tmp_path,
        interaction("PUT", GROUP, 201, {"properties": {"provisioningState": "Succeeded"}}, {"location": "x"}),
        interaction("GET", NETWORK, 404, {"error": {"code": "Unheard", "message": ""}}),
        interaction("PUT", NETWORK, 202, None, {"location": "x"}),
        interaction("PUT", f"{NETWORK}2", 201, made, {"location": "x"}),
    )
    found = fidelity.measure(folder)
    network = "Microsoft.Network/virtualNetworks"
    assert found.statuses[network, "GET", 404] == [True]
    assert found.statuses[network, "PUT", 202] == [False]
    assert found.status_share == pytest.approx(2 / 3), "groups are apart"
    assert found.codes == {(network, "Unheard"): [False]}
    assert found.properties == {network: [0.5]}
    assert found.differences == [f"one 2: PUT {network}/v: Azure 202, stand-in 201"]
    text = "\n".join(fidelity.report({"all": found}))
    assert "neverHeardOf" in text and "Unheard" in text and "66.7%" in text


def test_what_was_there_before_a_recording_is_no_difference(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        interaction("PUT", GROUP, 200, {"location": "x"}, {"location": "x"}),
        interaction("GET", NETWORK, 200, {"location": "x", "properties": {"provisioningState": "Succeeded"}}),
        interaction("DELETE", NETWORK, 202),
        interaction("GET", NETWORK, 404, {"error": {"code": "ResourceNotFound", "message": ""}}),
    )
    assert fidelity.measure(folder).differences == []


def test_a_folder_without_recordings_is_an_error_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fidelity.main([str(tmp_path)]) == 2
    assert f"{tmp_path} has no recordings.jsonl.gz" in capsys.readouterr().err


@pytest.mark.skipif(not ARM, reason="AKS_BOOTSTRAP_ARM names no folder with recorded answers of Azure")
def test_no_property_that_only_types_know_is_sent_unseen() -> None:
    found = properties.typed_only(Path(str(ARM)))
    grown = {type_: sorted(set(paths) - set(properties.listed().get(type_, []))) for type_, paths in found.items()}
    assert {type_: paths for type_, paths in grown.items() if paths} == {}, "python -m tests.properties writes the page"


def test_everything_on_the_page_is_still_sent() -> None:
    sent = properties.sent()
    assert properties.listed()
    for type_, paths in properties.listed().items():
        assert set(paths) <= sent[type_], type_


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tags.owner", "tags.*"),
        ("properties.nodeLabels.kubernetes.azure.com/x", "properties.nodeLabels.*"),
        ("identity.userAssignedIdentities./subscriptions/a/b", "identity.userAssignedIdentities.*"),
        ("properties.tagsOfAll", "properties.tagsOfAll"),
    ],
)
def test_keys_that_anybody_chooses_are_one_property(path: str, expected: str) -> None:
    assert properties.path_of(path) == expected
