"""How closely the stand-in answers as Azure does: recorded requests of others, put to it.

A recording says in which order requests were answered, and not when. So the replay lets time pass where the recording
can only be explained by it: before a request that the stand-in refuses for the moment and Azure did not, and before a
question that Azure answered with a finished operation. What stood around a recording is told to the stand-in too:
resources that were there before it began, resources of types that it leaves out, and principals of other kinds.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.azure.resource_types import ResourceType
from rehearsal.azure.cloud import Behaviour, Cloud, ControlPlaneAddress
from rehearsal.azure.resource_manager import CREATED_WITH_200, Answer, ResourceManager, type_of

Interaction = Mapping[str, Any]
Cell = tuple[str, str, int]
"""Type, method and the status that Azure gave."""

STATUSES, PROPERTIES = 0.98, 0.90
"""What is promised of statuses and of properties."""

APART = "Microsoft.Resources/resourceGroups"
"""Answered so often, and so alike, that it would hide the rest."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID = re.compile(r"/subscriptions/[^\s\"']+?(?=[\s\"',]|\.\s|\.$|$)")
_HOUR, _DAY = 3600.0, 24 * 3600.0


@dataclass
class Figures:
    """What agreed."""

    statuses: dict[Cell, list[bool]] = field(default_factory=lambda: defaultdict(list))
    properties: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By type: the share of the properties that Azure added and the stand-in adds too, one figure an answer."""
    codes: dict[tuple[str, str], list[bool]] = field(default_factory=lambda: defaultdict(list))
    """By type and error code."""
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Properties that Azure adds and the stand-in does not, by type."""
    differences: list[str] = field(default_factory=list)

    @property
    def status_share(self) -> float:
        """Mean over (type, method, status), resource groups apart."""
        return _mean([_mean(found) for (type_, _, _), found in self.statuses.items() if type_ != APART])

    @property
    def property_share(self) -> float:
        """Mean over types."""
        return _mean([_mean(found) for found in self.properties.values()])

    @property
    def is_close(self) -> bool:
        """Whether the figures are what `docs/azure.md` promises."""
        return self.status_share >= STATUSES and self.property_share >= PROPERTIES

    @classmethod
    def of(cls, parts: Iterable["Figures"]) -> "Figures":
        """Return the figures of several parts together."""
        whole = cls()
        for part in parts:
            for cell, agreed in part.statuses.items():
                whole.statuses[cell].extend(agreed)
            for type_, shares in part.properties.items():
                whole.properties[type_].extend(shares)
            for code, given in part.codes.items():
                whole.codes[code].extend(given)
            whole.missing.update(part.missing)
            whole.differences.extend(part.differences)
        return whole

    def frequent_codes(self, number: int = 12) -> list[tuple[tuple[str, str], list[bool]]]:
        """Return the codes that Azure gives most often, resource groups apart."""
        found = [item for item in self.codes.items() if item[0][0] != APART]
        return sorted(found, key=lambda item: -len(item[1]))[:number]


def _mean(values: Sequence[float | bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def recordings(folder: Path) -> dict[str, list[Interaction]]:
    """Return the interactions of each recording, in order."""
    found: dict[str, list[Interaction]] = defaultdict(list)
    with gzip.open(folder / "recordings.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            interaction = json.loads(line)
            found[interaction["recording"]].append(interaction)
    return found


def is_set_aside(recording: str) -> bool:
    """Tell whether a recording is of the third that nobody looked at when the stand-in was written."""
    return int(hashlib.sha256(recording.encode()).hexdigest(), 16) % 3 == 0


def known_type(path: str) -> ResourceType | None:
    """Return the type of a resource; None for one that the program does not use, and for an operation's state."""
    try:
        return type_of(path)
    except KeyError:
        return None


class Replay:
    """One recording, put to a stand-in of its own."""

    def __init__(self, folder: Path, interactions: Sequence[Interaction], figures: Figures) -> None:
        self.now = 1_000_000_000.0
        planes = tuple(
            ControlPlaneAddress(name=str(number), server="https://127.0.0.1:1", certificate_authority="Y2E=")
            for number in range(20)
        )
        self.cloud = Cloud.create(
            folder / "cloud.json", behaviour=Behaviour(), control_planes=planes, clock=lambda: self.now
        )
        self.manager = ResourceManager(self.cloud, "00000000-0000-0000-0000-000000000000")
        self.deleted_vaults = {
            found["path"].rpartition("/")[2]
            for found in interactions
            if found["type"].endswith("/deletedVaults") and found["status"] == 200
        }
        self.interactions = [found for found in interactions if known_type(found["path"])]
        self.figures = figures
        self.ours: dict[str, str] = {}
        """Identifiers that Azure made up, and the stand-in's in their place."""
        self.written: set[str] = set()
        """Ids that the recording has written or deleted so far."""

    def run(self) -> None:
        self._set_the_scene()
        for number, interaction in enumerate(self.interactions):
            self._replay(number, interaction)

    def _set_the_scene(self) -> None:
        for interaction in self.interactions:
            error = _error(interaction)
            if error is not None and error["code"].endswith("CannotBeDeleted"):
                self._hold(interaction["path"], error["message"])

    def _hold(self, path: str, message: str) -> None:
        for holder in _ID.findall(message):
            if not holder.lower().startswith(path.lower()):
                self.cloud.hold(holder, path)

    def _replay(self, number: int, interaction: Interaction) -> None:
        method, path, wanted = interaction["method"], interaction["path"], interaction["status"]
        type_ = known_type(path)
        assert type_ is not None
        if wanted < 300 and method != "DELETE" and path.lower() not in self.written:
            self._remember(interaction, type_)
        body = _replaced(interaction["body"], self.ours) if interaction["body"] else None
        if principal := ((body or {}).get("properties") or {}).get("principalId"):
            self.cloud.meet(principal)
        error = _error(interaction)
        if error is not None and error["code"] == "RetryableError":
            for occupied in _ID.findall(error["message"]):
                self.cloud.occupy(occupied, 1)
        answer = self._ask(interaction, body)
        if answer.status < 300 <= wanted and method == "PUT":
            self.cloud.remove(path)  # what follows was asked of what Azure had
        if method in {"PUT", "DELETE"} and wanted < 300:
            self.written.add(path.lower())
        cell = (type_.arm_type, method, wanted)
        self.figures.statuses[cell].append(answer.status == wanted)
        if answer.status != wanted:
            azure, ours = (
                f"{wanted} {_code(interaction) or ''}".strip(),
                f"{answer.status} {answer.error or ''}".strip(),
            )
            where = f"{interaction['recording']} {number}: {method} {path.rpartition('/providers/')[2]}"
            self.figures.differences.append(f"{where}: Azure {azure}, stand-in {ours}")
        if error is not None:
            self.figures.codes[type_.arm_type, error["code"]].append(answer.error == error["code"])
        elif wanted in {200, 201} and answer.status in {200, 201} and interaction["response"]:
            self._compare(interaction, body, answer, type_.arm_type)

    def _remember(self, interaction: Interaction, type_: ResourceType) -> None:
        """Put in what must have been there before the recording began."""
        path = interaction["path"]
        if self.cloud.get(path) is not None:
            return
        if (
            interaction["method"] != "PUT"
            or interaction["status"] < _creation_status(type_)
            or path.rpartition("/")[2] in self.deleted_vaults
        ):
            body = interaction["response"] or interaction["body"] or {}
            self.manager.request("PUT", path, _replaced(body, self.ours))
            self.now += _HOUR
        if path.rpartition("/")[2] in self.deleted_vaults:
            self.manager.request("DELETE", path)

    def _ask(self, interaction: Interaction, body: Mapping[str, Any] | None) -> Answer:
        method, path, version = interaction["method"], interaction["path"], interaction["apiVersion"]
        if method == "GET" and _state(interaction["response"]) in {"Succeeded", "Failed"}:
            self.now += _HOUR
        answer = self.manager.request(method, path, body, version)
        if (answer.error or "").endswith("CannotBeDeleted") and interaction["status"] < 300:
            self.cloud.release(path)
            answer = self.manager.request(method, path, body, version)
        for pause in (_HOUR, _DAY):
            without_effect = answer.status >= 400 or answer.status == 204 or method == "GET"
            if without_effect and (answer.status, answer.error) != (interaction["status"], _code(interaction)):
                self.now += pause
                answer = self.manager.request(method, path, body, version)
        return answer

    def _compare(self, interaction: Interaction, body: Mapping[str, Any] | None, answer: Answer, type_: str) -> None:
        asked = {path.lower() for path, _ in leaves(body or {})}
        azure = {path: value for path, value in leaves(interaction["response"]) if path.lower() not in asked}
        ours = {path.lower(): value for path, value in leaves(answer.body or {})}
        for path, value in azure.items():
            mine = ours.get(path.lower())
            if isinstance(value, str) and isinstance(mine, str) and _GUID.fullmatch(value) and "[]" not in path:
                self.ours[value] = mine
        if interaction["method"] != "PUT":
            return
        added = {path for path, value in azure.items() if value is not None}
        if type_ != APART and added:
            lacking = {path for path in added if path.lower() not in ours}
            self.figures.properties[type_].append(1 - len(lacking) / len(added))
            self.figures.missing.update((type_, path) for path in lacking)


def _creation_status(type_: ResourceType) -> int:
    return 200 if type_.pulumi_type in CREATED_WITH_200 else 201


def _error(interaction: Interaction) -> dict[str, str] | None:
    response = interaction["response"]
    found = response.get("error") if isinstance(response, Mapping) else None
    return {"code": str(found.get("code")), "message": json.dumps(found)} if isinstance(found, Mapping) else None


def _code(interaction: Interaction) -> str | None:
    error = _error(interaction)
    return error["code"] if error else None


def _state(response: object) -> str | None:
    properties = response.get("properties") if isinstance(response, Mapping) else None
    return properties.get("provisioningState") if isinstance(properties, Mapping) else None


def _replaced(value: Any, by: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {by.get(key, key): _replaced(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, by) for item in value]
    return by.get(value, value) if isinstance(value, str) else value


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path of every leaf, with its value; an empty mapping or list is one."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for item in value:
            yield from leaves(item, f"{path}[]")
    else:
        yield path, value


def measure(folder: Path, *, aside: bool | None = None) -> Figures:
    """Replay recordings.

    Args:
        folder: what holds ``recordings.jsonl.gz``.
        aside: only the third that was set aside, or only the others; None for all.
    """
    figures = Figures()
    for name, interactions in recordings(folder).items():
        if aside is None or is_set_aside(name) == aside:
            with tempfile.TemporaryDirectory() as scratch:
                Replay(Path(scratch), interactions, figures).run()
    return figures


def report(parts: Mapping[str, Figures]) -> Iterator[str]:
    """Yield the lines of a report: totals of each part, then everything that differs in any of them."""
    yield f"{'':14}{'answers':>9}{'statuses':>10}{'properties':>12}{'codes':>8}"
    for name, found in parts.items():
        answers = sum(len(results) for results in found.statuses.values())
        codes = sum(all(results) for _, results in found.frequent_codes())
        shares = f"{found.status_share:>10.1%}{found.property_share:>12.1%}"
        yield f"{name:14}{answers:>9}{shares}{codes:>5}/{len(found.frequent_codes())}"
    yield ""
    yield "statuses: agreement, mean over (type, method, status), resource groups apart"
    yield "properties: share of what Azure adds to a PUT that the stand-in adds, mean over types"
    yield "codes: the most frequent error codes of a type that the stand-in always gives, too"
    whole = Figures.of(parts.values())
    yield from _section("statuses that differ", whole.differences)
    yield from _section(
        "properties that the stand-in does not add (answers)",
        [f"{number:4} {type_}: {path}" for (type_, path), number in whole.missing.most_common()],
    )
    rarely = [(key, results) for key, results in whole.codes.items() if not all(results)]
    yield from _section(
        "codes that differ (agreement)",
        [f"{_mean(results):5.0%} of {len(results):3} {type_}: {code}" for (type_, code), results in sorted(rarely)],
    )


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Print how closely the stand-in answers as Azure does; 1 where it is less close than it was held to be."""
    parser = argparse.ArgumentParser(prog="make fidelity", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with recordings.jsonl.gz, one recorded request a line")
    folder = parser.parse_args(arguments).folder
    if not (folder / "recordings.jsonl.gz").is_file():
        sys.stderr.write(f"make fidelity: {folder} has no recordings.jsonl.gz; name its folder, as in ARM=../arm\n")
        return 2
    parts = {"looked at": measure(folder, aside=False), "set aside": measure(folder, aside=True)}
    sys.stdout.write("\n".join(report(parts)) + "\n")
    return 0 if all(found.is_close for found in parts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
