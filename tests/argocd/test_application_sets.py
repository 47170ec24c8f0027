"""What Argo CD makes of an ApplicationSet whose tenants are files in Git, and when it deletes their Applications."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conventions import IN_CLUSTER
from tests.argocd.argo_cd import API_VERSION, ArgoCD
from tests.argocd.generator import APPLICATION_SETS, APPLICATIONS, Generator, is_being_deleted, start_generator
from tests.argocd.git_repository import GitRepository
from tests.argocd.tenants import FILES, FINALIZER, TENANT, ZONE, Tenants, cluster


@pytest.fixture(scope="module")
def generator(argo: ArgoCD) -> Generator:
    return start_generator(argo, "shop", "blog", "deep", "wiki")


@pytest.fixture
def tenants(generator: Generator, repository: GitRepository) -> Iterator[Tenants]:
    """Two tenants whose Applications have been generated: shop and blog."""
    repository.commit("main", {"gitops/charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    made = Tenants(generator, repository)
    generated = made.commit(FILES)
    assert (generated.kept, generated.error) == (["blog", "shop"], "")
    yield made
    generator.clear()


def test_a_tenant_has_an_application_in_the_cluster_of_each_of_its_environments(tenants: Tenants) -> None:
    generated = tenants.commit(
        {"tenants/blog.yaml": None, "tenants/wiki.yaml": "chart: web\nenvironments: {dev: {}}\n"}
    )
    assert (generated.kept, generated.deleted, generated.error) == (["shop"], ["blog"], "")
    written = generated.application("shop")
    assert written["metadata"]["finalizers"] == [FINALIZER]
    assert written["spec"] == {
        "project": "shop",
        "source": {
            "repoURL": tenants.repository.url,
            "targetRevision": "main",
            "path": "gitops/charts/web",
            "helm": {
                "releaseName": "shop",
                "ignoreMissingValueFiles": True,
                "valueFiles": ["../../apps/shop/values.yaml", "../../apps/shop/prod.yaml"],
                "valuesObject": {"global": {"platform": {"dnsZone": "prod.example.com"}}},
            },
        },
        "destination": {"server": IN_CLUSTER, "namespace": "app-shop"},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["ServerSideApply=true"]},
    }
    [owner] = written["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ApplicationSet", "tenants", True)


class TestPatterns:
    def test_braces_are_no_pattern(self, tenants: Tenants) -> None:
        tenants.git["files"][1:] = [{"path": "tenants/{Chart,values}.yaml", "exclude": True}]
        assert 'map has no entry for key "environments"' in tenants.generate().error

    def test_a_star_crosses_folders_unless_git_is_asked_for_a_glob(self, tenants: Tenants) -> None:
        assert tenants.commit({"tenants/of/others/deep.yaml": TENANT}).kept == ["blog", "deep", "shop"]
        tenants.git["files"][0]["path"] = ":(glob)tenants/*.yaml"
        generated = tenants.generate()
        assert (generated.kept, generated.deleted) == (["blog", "shop"], ["deep"])

    def test_a_link_out_of_the_repository_is_followed(self, tenants: Tenants, tmp_path: Path) -> None:
        (tmp_path / "outside.yaml").write_text("chart: elsewhere\nenvironments: {prod: {}}\n")
        (tenants.repository.folder / "tenants/wiki.yaml").symlink_to(tmp_path / "outside.yaml")
        assert tenants.commit({}).application("wiki")["spec"]["source"]["path"] == "gitops/charts/elsewhere"


BROKEN = {
    "broken YAML": ("chart: [web\n", "unable to process file 'tenants/blog.yaml': unable to parse file"),
    "text": ("hello\n", "unable to process file 'tenants/blog.yaml': unable to parse file"),
    "nothing": ("# nothing\n", 'map has no entry for key "environments"'),
    "no chart": ("environments: {prod: {}}\n", 'map has no entry for key "chart"'),
    "an environment that is no label": (
        'chart: web\nenvironments: {"a b": {}}\n',
        "error converting label selector: values[0][environment]: Invalid value",
    ),
    "a text where the cluster has a mapping": (f"{TENANT}metadata: text\n", "can't evaluate field annotations"),
}


class TestFiles:
    @pytest.mark.parametrize(("text", "error"), BROKEN.values(), ids=list(BROKEN))
    def test_one_that_cannot_be_used_stops_every_change_and_deletes_nothing(
        self, tenants: Tenants, text: str, error: str
    ) -> None:
        generated = tenants.commit({"tenants/blog.yaml": text, "tenants/shop.yaml": None, "tenants/wiki.yaml": TENANT})
        assert error in generated.error
        assert (generated.kept, generated.deleted) == (["blog", "shop"], [])

    @pytest.mark.parametrize("environments", ["[prod]", "{}", "", "{dev: {}}"])
    def test_one_that_names_no_environment_of_a_cluster_deletes_its_application(
        self, tenants: Tenants, environments: str
    ) -> None:
        generated = tenants.commit({"tenants/blog.yaml": f"chart: web\nenvironments: {environments}\n"})
        assert (generated.kept, generated.deleted, generated.error) == (["shop"], ["blog"], "")

    def test_null_is_no_missing_key(self, tenants: Tenants) -> None:
        generated = tenants.commit({"tenants/blog.yaml": "chart:\nenvironments: {prod: {}}\n"})
        assert generated.error == ""
        assert generated.application("blog")["spec"]["source"]["path"] == "gitops/charts/<no value>"

    def test_a_second_document_is_ignored_and_the_last_of_two_keys_wins(self, tenants: Tenants) -> None:
        text = "chart: one\nchart: two\nenvironments: {prod: {}}\n---\nchart: three\n"
        generated = tenants.commit({"tenants/blog.yaml": text})
        assert generated.error == ""
        assert generated.application("blog")["spec"]["source"]["path"] == "gitops/charts/two"

    def test_one_that_disappears_takes_its_application_and_all_that_is_in_it(self, tenants: Tenants) -> None:
        generated = tenants.commit({"tenants/blog.yaml": None})
        assert (generated.kept, generated.deleted, generated.error) == (["shop"], ["blog"], "")
        assert generated.application("blog")["metadata"]["finalizers"] == [FINALIZER]

    def test_all_that_disappear_take_every_application(self, tenants: Tenants) -> None:
        generated = tenants.commit({"tenants/blog.yaml": None, "tenants/shop.yaml": None})
        assert (generated.kept, generated.deleted, generated.error) == ([], ["blog", "shop"], "")

    def test_a_branch_that_disappears_takes_nothing(self, tenants: Tenants) -> None:
        tenants.git["revision"] = "nowhere"
        generated = tenants.generate()
        assert "unable to resolve 'nowhere' to a commit SHA" in generated.error
        assert (generated.kept, generated.deleted) == (["blog", "shop"], [])


class TestParameters:
    def test_a_tenant_wins_over_the_list_and_so_loses_its_application(self, tenants: Tenants) -> None:
        generated = tenants.commit({"tenants/blog.yaml": f"{TENANT}environment: dev\n"})
        assert (generated.kept, generated.deleted, generated.error) == (["shop"], ["blog"], "")

    def test_a_tenant_wins_over_the_cluster(self, tenants: Tenants) -> None:
        tenants.values.update(name="{{ .name }}", server="{{ .server }}")
        generated = tenants.commit({"tenants/blog.yaml": f"{TENANT}name: mine\nserver: https://mine\nfile: ignored\n"})
        values = generated.application("blog")["spec"]["source"]["helm"]["valuesObject"]
        assert (values["name"], values["server"]) == ("mine", "https://mine")

    def test_a_tenant_with_annotations_of_its_own_ends_in_a_panic_that_no_condition_reports(
        self, tenants: Tenants
    ) -> None:
        text = f"{TENANT}metadata: {{annotations: {{{ZONE}: mine.example.com}}}}\n"
        tenants.repository.commit("platform", {"tenants/blog.yaml": text})
        tenants.generator.apply(tenants.document, tenants.cluster)
        log = tenants.argo_cd.processes.log
        panic = "Recovered from panic"
        tenants.generator.wait(lambda: panic in log("applicationset-controller") or None, "a panic")
        [application_set] = tenants.argo_cd.list(APPLICATION_SETS)
        assert application_set["status"]["conditions"] == []

    def test_a_templated_value_is_text_and_a_literal_keeps_its_type(self, tenants: Tenants) -> None:
        templated = {
            "port": "{{ .port }}",
            "integer": "{{ .port | int }}",
            "is_there": '{{ hasKey . "absent" }}',
            "mapping": "{{ .mapping }}",
            "json": "{{ .mapping | toJson }}",
            "nothing": "{{ .nothing }}",
            "commit": "{{ .commit }}",
            "version": "{{ .version }}",
        }
        literal = {"yes": True, "three": 3, "one": "1.20", "mode": "0644", "mapping": {}, "list": []}
        tenants.values.update(templated=templated, literal={**literal, "nothing": None})
        keys = "port: 8080\nmapping: {b: 1, a: x}\nnothing:\ncommit: 1234567\nversion: 1.20\n"
        values = tenants.commit({"tenants/blog.yaml": TENANT + keys, "tenants/shop.yaml": None}).application("blog")
        found = values["spec"]["source"]["helm"]["valuesObject"]
        assert found["literal"] == literal, "null is dropped"
        assert found["templated"] == {
            "port": "8080",
            "integer": "8080",
            "is_there": "false",
            "mapping": "map[a:x b:1]",
            "json": '{"a":"x","b":1}',
            "nothing": "<no value>",
            "commit": "1.234567e+06",
            "version": "1.2",
        }

    def test_a_template_in_a_tenants_value_stays_text(self, tenants: Tenants) -> None:
        tenants.values["text"] = "{{ .text }}"
        generated = tenants.commit(
            {"tenants/blog.yaml": f"{TENANT}text: '{{{{ .chart }}}}'\n", "tenants/shop.yaml": None}
        )
        assert generated.application("blog")["spec"]["source"]["helm"]["valuesObject"]["text"] == "{{ .chart }}"

    def test_an_annotation_that_the_cluster_lacks_is_no_error_if_it_has_others(self, tenants: Tenants) -> None:
        tenants.cluster = cluster(other="annotation")
        generated = tenants.generate()
        zone = generated.application("shop")["spec"]["source"]["helm"]["valuesObject"]["global"]["platform"]["dnsZone"]
        assert (zone, generated.error) == ("", "")


class TestGuardBeforeTheEnvironments:
    """The template of the list sees the tenant's keys alone, before the cluster's come in."""

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            (f"{TENANT}metadata: {{annotations: {{a: b}}}}\n", "blog.yaml: unknown key metadata"),
            (f"{TENANT}environment: dev\n", "blog.yaml: unknown key environment"),
            ("chart: web\nenvironments: [prod]\n", "blog.yaml: environments has to be a mapping"),
            ("chart: web\nenvironments:\n", "blog.yaml: environments has to be a mapping"),
            ("chart:\nenvironments: {prod: {}}\n", "blog.yaml: chart has to be text"),
        ],
        ids=["metadata", "environment", "list", "null", "no-chart"],
    )
    def test_names_the_file_and_nothing_is_deleted(self, tenants: Tenants, text: str, error: str) -> None:
        tenants.guard()
        generated = tenants.commit({"tenants/blog.yaml": text})
        assert generated.error.endswith(error)
        assert (generated.kept, generated.deleted) == (["blog", "shop"], [])

    def test_lets_everything_else_pass(self, tenants: Tenants) -> None:
        tenants.guard()
        assert tenants.commit({"tenants/wiki.yaml": TENANT}).kept == ["blog", "shop", "wiki"]


class TestApplications:
    def test_one_without_an_owner_is_adopted_with_all_that_it_says(self, tenants: Tenants) -> None:
        tenants.argo_cd.apply(
            APPLICATIONS,
            {
                "apiVersion": API_VERSION,
                "kind": "Application",
                "metadata": {
                    "name": "wiki",
                    "labels": {"team": "a"},
                    "annotations": {"team": "a", "argocd.argoproj.io/refresh": "normal"},
                },
                "spec": {
                    "project": "default",
                    "source": {"repoURL": "https://example.com/other.git", "path": "elsewhere"},
                    "destination": {"server": IN_CLUSTER, "namespace": "elsewhere"},
                },
            },
        )
        before = tenants.application("wiki")
        adopted = tenants.commit({"tenants/wiki.yaml": TENANT}).application("wiki")
        assert adopted["metadata"]["uid"] == before["metadata"]["uid"]
        assert [owner["name"] for owner in adopted["metadata"]["ownerReferences"]] == ["tenants"]
        assert adopted["spec"]["source"]["path"] == "gitops/charts/web"
        assert "labels" not in adopted["metadata"]
        assert adopted["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}

    def test_one_is_written_without_the_fields_of_its_template_that_are_empty(self, tenants: Tenants) -> None:
        tenants.spec["info"], tenants.spec["syncPolicy"]["syncOptions"] = [], []
        tenants.spec["destination"]["name"] = ""
        tenants.spec["syncPolicy"]["automated"] = {"prune": True, "selfHeal": False}
        tenants.spec["syncPolicy"]["retry"] = {"limit": 0}
        written = tenants.generate().application("shop")["spec"]
        assert "info" not in written
        assert written["destination"] == {"server": IN_CLUSTER, "namespace": "app-shop"}
        assert written["syncPolicy"] == {"automated": {"prune": True, "selfHeal": False}, "retry": {}}

    def test_one_of_another_application_set_is_left_alone(self, tenants: Tenants) -> None:
        tenants.document["metadata"]["name"] = "second"
        tenants.spec["source"]["targetRevision"] = "second"
        generated = tenants.generate()
        assert "already owned by another ApplicationSet controller tenants" in generated.error
        assert generated.application("shop")["spec"]["source"]["targetRevision"] == "main"

    def test_one_whose_project_is_not_there_is_left_out_and_the_others_are_not(self, tenants: Tenants) -> None:
        generated = tenants.commit({"tenants/lost.yaml": TENANT, "tenants/wiki.yaml": TENANT})
        assert generated.error == "application references project lost which does not exist"
        assert generated.kept == ["blog", "shop", "wiki"]

    def test_one_that_somebody_edits_is_set_back(self, tenants: Tenants) -> None:
        edited = {"metadata": {"labels": {"by": "hand"}}, "spec": {"syncPolicy": None}}
        tenants.argo_cd.patch(APPLICATIONS, "shop", edited)

        def look() -> bool | None:
            found = tenants.application("shop")
            return True if "syncPolicy" in found["spec"] and "labels" not in found["metadata"] else None

        assert tenants.generator.wait(look, "the edited Application")

    def test_two_clusters_of_an_environment_clash_and_nothing_is_deleted(self, tenants: Tenants) -> None:
        tenants.argo_cd.apply_secret(cluster("second"))
        generated = tenants.generate()
        tenants.argo_cd.delete_secret("cluster-second")
        assert "contains applications with duplicate name: " in generated.error
        assert (generated.kept, generated.deleted) == (["blog", "shop"], [])

    def test_those_of_a_cluster_that_loses_its_label_are_deleted(self, tenants: Tenants) -> None:
        tenants.cluster = cluster(environment="stage")
        generated = tenants.generate()
        assert (generated.kept, generated.deleted, generated.error) == ([], ["blog", "shop"], "")


class TestDeletionOfTheApplicationSet:
    @pytest.mark.parametrize("policy", ["sync", "create-update"])
    def test_deletes_every_application_whatever_the_policy(self, tenants: Tenants, policy: str) -> None:
        tenants.document["spec"]["syncPolicy"] = {"applicationsSync": policy}
        tenants.generate()
        tenants.argo_cd.delete(APPLICATION_SETS, "tenants")
        found = tenants.generator.wait(
            lambda: all(map(is_being_deleted, tenants.generator.applications())) or None, "the Applications' deletion"
        )
        assert found

    def test_leaves_them_without_an_owner_if_they_are_orphaned(self, tenants: Tenants) -> None:
        tenants.argo_cd.delete(APPLICATION_SETS, "tenants", orphan=True)
        tenants.generator.wait(lambda: True if not tenants.argo_cd.list(APPLICATION_SETS) else None, "an end")
        applications = tenants.generator.applications()
        assert [item["metadata"]["name"] for item in applications] == ["blog", "shop"]
        assert not any("ownerReferences" in item["metadata"] or is_being_deleted(item) for item in applications)

    def test_leaves_them_if_it_has_a_finalizer_and_its_policy_is_not_to_delete(self, tenants: Tenants) -> None:
        tenants.document["spec"]["syncPolicy"] = {"applicationsSync": "create-update"}
        tenants.document["metadata"]["finalizers"] = [FINALIZER]
        tenants.generate()
        tenants.argo_cd.delete(APPLICATION_SETS, "tenants")
        tenants.generator.wait(lambda: True if not tenants.argo_cd.list(APPLICATION_SETS) else None, "an end")
        applications = tenants.generator.applications()
        assert [item["metadata"]["name"] for item in applications] == ["blog", "shop"]
        assert not any("ownerReferences" in item["metadata"] or is_being_deleted(item) for item in applications)

    def test_a_policy_not_to_delete_keeps_the_application_of_a_tenant_that_disappears(self, tenants: Tenants) -> None:
        tenants.document["spec"]["syncPolicy"] = {"applicationsSync": "create-update"}
        generated = tenants.commit({"tenants/blog.yaml": None})
        assert (generated.kept, generated.deleted, generated.error) == (["blog", "shop"], [], "")
