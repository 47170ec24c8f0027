"""Records the previews of this folder anew, with the real engine on the rehearsal: needs what `make e2e` needs.

    PATH=/where/pulumi/is:$PATH .venv/bin/python -m tests.previews.record

A preview is as `pulumi preview --json --refresh` printed it, but for what nothing here reads: resources that stay as
they are, stack traces, and outputs that no refresh saw changed.
"""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from rehearsal.control_plane import ControlPlane
from rehearsal.sandbox import Sandbox, served_charts, simulating

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
POOL = {"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 5}
SMALL = {"vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 1}
CALM = {"nodePools": [{**POOL, "maxCount": 7}], "ingress": {"replicas": 3}}
CHANGES: dict[str, dict[str, Any]] = {
    "same": {},
    "calm": CALM,
    "calm-later": CALM,
    "pool": {"nodePools": [{**POOL, "vmSize": "Standard_D8ds_v5"}]},
    "pools": {"nodePools": [{**POOL, **SMALL}, *({"name": f"p{n}", **SMALL} for n in range(1, 64))]},
    "rebuild": {"cluster": {"generation": 2}},
    "zone": {"dns": {"zone": "other.example.com"}},
    "mistake": {"nodePools": [{**POOL, "minCount": 9}]},
}


def small(text: str) -> str:
    document = json.loads(text)
    steps = []
    for step in document["steps"]:
        if step["op"] in {"same", "refresh"}:
            continue
        seen = bool((step.get("newState") or {}).get("id"))
        for state in (step.get("oldState"), step.get("newState")):
            for key in ("stackTrace", "sourcePosition", "propertyDependencies", *(() if seen else ("outputs",))):
                if state is not None:
                    state.pop(key, None)
        steps.append(step)
    return json.dumps({**document, "steps": steps}, separators=(",", ":")) + "\n"


def main() -> None:
    with contextlib.ExitStack() as contexts:
        work = Path(contexts.enter_context(tempfile.TemporaryDirectory(prefix="aks-bootstrap-record-")))
        charts = contexts.enter_context(served_charts(work / "charts"))
        plane = ControlPlane(name="record", folder=work / "kwok")
        plane.start()
        contexts.callback(plane.stop)
        contexts.enter_context(simulating([plane]))
        sandbox = Sandbox.create(ROOT, work / "dev", "dev", [plane], charts=charts)
        project = sandbox.project
        project.pulumi("up", "--yes", "--skip-preview")
        file = project.folder / "Pulumi.dev.yaml"
        before = file.read_text()

        def record(name: str, changes: dict[str, Any]) -> None:
            file.write_text(before)
            project.configure(changes)
            done = project.pulumi("preview", "--json", "--refresh", check=False)
            (HERE / f"{name}.json").write_text(small(done.stdout))

        for name, changes in CHANGES.items():
            record(name, changes)
        [pool] = sandbox.cloud.resources("containerservice:AgentPool")
        [cluster] = sandbox.cloud.resources("containerservice:ManagedCluster")
        sandbox.cloud.drift(pool["id"], "count", 4)  # the autoscaler's, and no change
        sandbox.cloud.drift(cluster["id"], "disableLocalAccounts", False)
        record("drifted", {})


if __name__ == "__main__":
    main()
