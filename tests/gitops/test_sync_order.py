"""The order of what is rendered, held to the sort of Argo CD's own engine."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.live import compare_live
from bootstrap.delivery.render.objects import Object, parse_documents
from bootstrap.delivery.render.order import Item, Phase, phases, steps
from bootstrap.delivery.render.output import View, print_view, to_markdown
from bootstrap.delivery.render.render import render
from bootstrap.options import result_console
from tests.gitops.conftest import ROOT

# what `syncPhases` and `syncTasks.Sort` of gitops-engine/pkg/sync give for these objects; the file names the version
RECORDED = json.loads((Path(__file__).parent / "argocd_order.json").read_text())
DELETION = (Phase.PRE_DELETE, Phase.POST_DELETE)
HOOK, HELM = "argocd.argoproj.io/hook", "helm.sh/hook"


@pytest.mark.parametrize("case", RECORDED["cases"])
def test_objects_are_applied_in_the_engines_order(case):
    documents = RECORDED["cases"][case]["objects"]
    # rendered in the opposite order, so that none is right by chance
    items = [_item(Object(document=document)) for document in reversed(documents)]
    found = [step for step in steps(items, "app-shop") if step.phase not in DELETION]
    told = [f"{step.phase} {step.wave} {items[step.index].kind} {items[step.index].name}" for step in found]
    assert told == RECORDED["cases"][case]["steps"]


def _item(item):
    names = item.document.get("spec", {}).get("names")
    return Item(
        group=item.key[0],
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        wave=item.wave,
        phases=phases(item.annotations),
        defines=f"{item.document['spec']['group']}/{names['kind']}" if names else "",
    )


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({HOOK: "PreDelete"}, [Phase.PRE_DELETE]),
        ({HELM: "pre-delete"}, [Phase.PRE_DELETE]),
        ({HELM: "post-delete,post-install"}, [Phase.POST_SYNC, Phase.POST_DELETE]),
        ({HOOK: "PreSync", HELM: "post-delete"}, [Phase.PRE_SYNC, Phase.POST_DELETE]),
        ({HOOK: "Skip", HELM: "post-delete"}, [Phase.POST_DELETE]),
        ({HOOK: "Skip"}, []),
        ({HELM: "test"}, []),
    ],
)
def test_hooks_of_deletion_are_those_of_argo_cds_controller(annotations, expected):
    """``isHookOfType`` of controller/hook.go looks at both annotations, whatever the engine makes of them."""
    assert list(phases(annotations)) == expected


JOB = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{{annotation}}}\n---\n"
TEMPLATES = "".join(
    JOB.format(name=name, annotation=annotation)
    for name, annotation in (
        ("smoke", "helm.sh/hook: test"),
        ("migrate", 'helm.sh/hook: pre-upgrade, helm.sh/hook-weight: "-3"'),
        ("warm-up", "argocd.argoproj.io/hook: PostSync"),
        ("goodbye", "helm.sh/hook: post-delete"),
    )
)


@pytest.fixture
def rendered(project):
    project.write("gitops/charts/web/templates/hooks.yaml", TEMPLATES)
    return render(project.root, "hello", "dev")


def test_hooks_stand_where_argo_cd_runs_them_and_tests_last(rendered):
    names = [item.name for item in rendered.objects]
    assert names[0] == "migrate" and names[-3:] == ["warm-up", "goodbye", "smoke"]


def test_the_phase_is_told_in_every_form(rendered, capsys):
    view = View(rendered=[rendered])
    print_view(view, result_console())
    printed, markdown = capsys.readouterr().out, to_markdown(view)
    for when in (
        "PreSync, wave -3\n",
        "Sync, wave 0\n",
        "PostSync, wave 0\n",
        "PostDelete, wave 0\n",
        "never applied (helm.sh/hook: test)\n",
    ):
        assert f"# hello in dev, {when}" in printed
        assert f"# {when}" in markdown
    order = {item["name"]: item["steps"] for item in view.to_json()["applications"][0]["order"]}
    assert order["migrate"] == [{"phase": "PreSync", "wave": -3}]
    assert order["smoke"] == []


def test_hooks_are_not_compared_with_the_cluster(rendered):
    class Cluster:
        asked: list[str] = []

        def get(self, item):
            self.asked.append(item.name)
            return item.document

    cluster: Any = Cluster()
    assert compare_live([rendered], cluster) == []
    assert "hello" in Cluster.asked and not {"migrate", "smoke", "warm-up"} & set(Cluster.asked)


def test_a_custom_resource_comes_after_its_definition_whatever_their_waves():
    documents = [{"kind": "List", "items": RECORDED["cases"]["dependencies"]["objects"]}]
    found = parse_documents(documents, source="s", namespace="app-shop", kinds=Kinds(ROOT))
    names = [item.name for item in found]
    assert names.index("widgets.example.com") + 1 == names.index("w")
    assert found[names.index("widgets.example.com")].steps[0].wave == 2
