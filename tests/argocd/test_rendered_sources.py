"""What Argo CD would apply of small sources, as recorded from Argo CD itself, and what ``bootstrap`` renders."""

import shutil
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import pytest
from kubernetes import config, dynamic

from bootstrap.delivery.render.application import Manifest, parse_application
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.render import render_application
from bootstrap.errors import GitOpsError, RenderError
from tests.argocd.argo_cd import ArgoCD
from tests.argocd.git_repository import GitRepository
from tests.argocd.outcome import Outcome, differences
from tests.argocd.record import recorded
from tests.argocd.renderer import Renderer
from tests.argocd.sources import Case, all_cases, applications

ROOT = Path(__file__).resolve().parents[2]
CASES = pytest.mark.parametrize("case", all_cases(), ids=lambda case: str(case.name))


@pytest.fixture(scope="module")
def real(argo: ArgoCD, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Outcome]:
    """Return Argo CD's outcome of a case; it deals with all of them at the same time."""
    renderer = Renderer.start(argo)
    made = applications(tmp_path_factory.mktemp("sources"))
    for application in made.values():
        renderer.create(application)

    def outcome(case: Case) -> Outcome:
        return renderer.outcome(made[case.name])

    return outcome


def ours(case: Case, folder: Path) -> Outcome:
    """Return what ``bootstrap`` renders of a case, or why it refuses."""
    root = folder.resolve() / "repository"
    case.write(root)
    application = case.application(GitRepository(folder=root))
    for file in ("Pulumi.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / file, root)
    try:
        read = parse_application(root, "prod", Manifest(file=root / "application.yaml", document=application))
        objects = render_application(root, read, Kinds(root))
    except (GitOpsError, RenderError) as error:
        return Outcome(error=str(error))
    return Outcome.of(item.document for item in objects)


@CASES
def test_argo_cd_still_makes_of_it_what_is_recorded(case: Case, real: Callable[[Case], Outcome]) -> None:
    assert real(case) == recorded()[case.name]


@pytest.mark.skipif(shutil.which("helm") is None, reason="rendering needs Helm on PATH")
@CASES
def test_bootstrap_renders_the_same_or_refuses_both_but_for_what_is_listed(case: Case, tmp_path: Path) -> None:
    found = differences(recorded()[case.name], ours(case, tmp_path))
    pairs = zip_longest(found, case.differs, fillvalue="")
    assert [pair for pair in pairs if not pair[1] or not pair[0].startswith(pair[1])] == []
    assert bool(case.differs) == bool(case.because), "what is listed has a reason"


def test_helm_is_told_of_kinds_that_a_cluster_has(argo: ArgoCD, tmp_path: Path) -> None:
    resources = dynamic.DynamicClient(config.new_client_from_config(str(argo.kubeconfig))).resources.search()
    served = {(found.group_version, found.kind) for found in resources if "list" in (found.verbs or [])}
    told = {tuple(name.rsplit("/", 1)) for name in Kinds(tmp_path).api_versions if name.rpartition("/")[2][0].isupper()}
    assert ("apps/v1", "Deployment") in told and told <= served


def test_every_case_is_recorded_and_nothing_else() -> None:
    assert set(recorded()) == {case.name for case in all_cases()}
