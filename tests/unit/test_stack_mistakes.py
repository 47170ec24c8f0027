"""Mistakes that people make in stack files are told: the place, what was given, what is allowed; two at a time too."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import StackFileError
from bootstrap.stackfile import read_stack
from bootstrap.yamlfile import parse
from settings import read
from settings.report import SettingsError
from tests.stacks.mistakes import ClashError, Mistake, both, edited, mistakes
from tests.stacks.mistakes import base as base_of

ROOT = Path(__file__).resolve().parents[2]
CASES = mistakes()
WHOLE = [case for case in CASES if case.taken or not case.edits or case.encoding != "utf-8"]
"""What is told of the whole file, or not at all: nothing can stand beside it."""
EVERY = int(os.environ.get("AKS_BOOTSTRAP_PAIRS_EVERY", "40"))
"""Of so many pairs, one is tried; ``make fuzz`` tries all."""


RESTS_ON_THE_OTHER = (
    # what the second says is a mistake only beside a value that the first has spoilt or changed
    ("cluster-tenant-is-subscription", "cluster-subscription-path"),
    ("cluster-tenant-is-subscription", "type-guid-unquoted"),
    ("cluster-zones-region-without", "cluster-pool-zones-region-without"),
    ("dns-zone-", "dns-record-fqdn"),
    ("key-homoglyph", "dns-record-fqdn"),
    ("key-blank-in-key", "tag-"),
    ("yaml-no-blank-after-colon", "tag-"),
    ("net-loopback", "net-pod-in-node-subnet"),
    ("net-loopback", "net-service-in-node-subnet"),
    ("net-multicast", "net-pod-in-node-subnet"),
    ("net-multicast", "net-service-in-node-subnet"),
    ("net-vnet-all", "net-pod-in-node-subnet"),
    ("net-vnet-all", "net-service-in-node-subnet"),
    ("type-max-huge", "pool-min-over-max"),
    # both are in one line, which cannot be read, or the second needs the section that is nothing but that line
    ("yaml-bad-indent", "email-"),
    ("yaml-bare-star", "dns-record-"),
    ("yaml-bare-star", "yaml-no-blank-after-colon"),
    ("yaml-tab", "dns-"),
    ("yaml-tab", "tag-"),
    ("yaml-unknown-alias", "dns-"),
    ("yaml-unknown-alias", "tag-"),
    ("yaml-unclosed-bracket", "cluster-zones-"),
    ("yaml-unclosed-bracket", "cluster-pool-zones-"),
)
"""Pairs of which one mistake is enough to tell, by the beginnings of their names."""


def told(folder: Path, stack: str) -> str:
    try:
        config = read_stack(folder, stack)
        read(config.values, stack=stack, secret=config.secret_keys, spelling=config.spelling, folder=folder)
    except (StackFileError, SettingsError) as error:
        return str(error)
    return ""


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_files_that_the_mistakes_are_made_in_are_valid(project, stack):
    (project / f"Pulumi.{stack}.yaml").write_text(base_of(stack))
    assert told(project, stack) == ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_told_with_its_place_what_was_given_and_what_is_allowed(project, case: Mistake):
    (project / f"Pulumi.{case.base}.yaml").write_bytes(case.raw)
    message = told(project, case.base)
    if case.taken:
        assert message == ""
        return
    line = next((line for line in message.split("\n") if case.place in line), None)
    assert line is not None, f"{case.place} is not in: {message}"
    for words in case.says:
        assert words in message
    assert not re.search(r"hunter2|SECRETSECRET|AAABAJ", message), "a secret is repeated"
    assert not re.search(r"ruamel|pydantic|<unicode string>|Input should|valid tuple|Traceback", message)


def test_there_are_as_many_as_were_collected():
    assert len(CASES) >= 160
    assert [case.name for case in CASES if case.taken] == ["type-section-null"]


def data_of(text: str) -> dict[str, Any] | None:
    """Return what the file's config holds, where the file itself is right."""
    document = parse(text)
    right = not document.flaws and isinstance(document.data, dict) and set(document.data) == {"config"}
    return document.data["config"] if right and isinstance(document.data["config"], dict) else None


def apart(one: Mistake, other: Mistake) -> bool:
    places = one.place, other.place
    names = (one.name, other.name), (other.name, one.name)
    resting = any(a.startswith(x) and b.startswith(y) for x, y in RESTS_ON_THE_OTHER for a, b in names)
    return not any(a.startswith(b) for a, b in (places, places[::-1])) and one.base == other.base and not resting


def test_of_two_mistakes_both_are_told(tmp_path):
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    bases = {stack: data_of(base_of(stack)) for stack in ("dev", "prod", "local")}
    datas = {case.name: data_of(case.text) for case in CASES}
    cases = [case for case in CASES if case not in WHOLE]
    pairs = [(one, other) for index, one in enumerate(cases) for other in cases[:index] if apart(one, other)]
    tried, hidden = 0, []
    for one, other in pairs[::EVERY]:
        data = datas[one.name], datas[other.name]
        if None not in data:
            try:
                merged = both(bases[one.base], *data)
            except ClashError:
                continue
            try:
                read({key: "" if value is None else value for key, value in merged.items()}, stack=one.base)
                message = ""
            except SettingsError as error:
                message = str(error)
        else:
            text = edited(one.text, other.edits) or edited(other.text, one.edits)
            if text is None or text.count("aks-bootstrap:argocd:") > 1:
                continue
            (tmp_path / f"Pulumi.{one.base}.yaml").write_text(text)
            message = told(tmp_path, one.base)
        tried += 1
        if one.place not in message or other.place not in message:
            hidden.append((one.name, other.name, message))
    assert tried > 2000 // EVERY
    assert not hidden, f"{len(hidden)} of {tried}: {hidden}"


@pytest.mark.skipif("AKS_BOOTSTRAP_BAD_STACKS" not in os.environ, reason="AKS_BOOTSTRAP_BAD_STACKS names no folder")
def test_the_original_files_are_told(project):
    """Files with ``#! place:`` and ``#! given:`` in front, up to ``#! ---``."""
    wrong = []
    for path in sorted(Path(os.environ["AKS_BOOTSTRAP_BAD_STACKS"]).glob("*.yaml")):
        head, _, body = path.read_text(encoding="utf-8").partition("#! ---\n")
        said = dict(line.removeprefix("#! ").split(": ", 1) for line in head.splitlines() if ": " in line)
        (project / f"Pulumi.{said['base']}.yaml").write_bytes(body.encode(said.get("encoding", "utf-8")))
        message = told(project, said["base"])
        (project / f"Pulumi.{said['base']}.yaml").unlink()
        # the files are older than the rule that somebody has to get into Argo CD
        if (
            said["really"].startswith("takes")
            and re.sub(r".*: nobody gets in: .*|.* 1 mistake; .*|\n", "", message) == ""
        ):
            continue
        if said["place"] not in message or said.get("given", "") not in message:
            wrong.append((path.stem, message))
    assert not wrong
