"""``bootstrap validate --live`` against an API server that is played on loopback; the real one: tests/admission."""

import json

import pytest
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.delivery.api_server import Cluster, ClusterError, Refusal
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.render.render import render
from bootstrap.delivery.validate.live import Live
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import BootstrapError
from tests.gitops.conftest import ROOT
from tests.gitops.test_live import PLURALS, ApiServer

KINDS = {"Namespace": "namespaces", "RoleBinding": "rolebindings", "Job": "jobs"}
RULE = {
    "field": "spec.rules[0].host",
    "reason": "FieldValueInvalid",
    "message": 'Invalid value: "x": a rule of the server\'s own',
}


class Judge(ApiServer):
    """Takes every object that it is asked about, or answers something else."""

    def __init__(self):
        super().__init__()
        self.says: dict[str, tuple[int, object]] = {}
        """Answers to questions, by how the path of the object's collection, or its own, ends."""

    def answer(self, path):
        if self.requests[-1][0] == "GET":
            return super().answer(path)
        for end, said in self.says.items():
            if path.endswith(end):
                return said
        return 200, {"apiVersion": "v1", "kind": "Taken"}


def status(code, message, reason="", causes=None):
    details = {} if causes is None else {"details": {"causes": causes}}
    return code, {"kind": "Status", "status": "Failure", "code": code, "message": message, "reason": reason, **details}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("tests.gitops.test_live.PLURALS", PLURALS | KINDS)
    played = Judge()
    for item in render(ROOT, "hello", "prod").objects:
        played.put(item.document)
    yield played
    played.stop()


@pytest.fixture
def kubeconfig(server, tmp_path):
    return server.kubeconfig(tmp_path)


def ask(kubeconfig, document):
    with Cluster(kubeconfig, None) as cluster:
        return cluster.refusals(Object(document=document))


def ingress(**more):
    metadata = {"name": "hello", "namespace": "app-hello", **more}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata}


def test_every_question_is_a_strict_dry_run(server, kubeconfig):
    report = validate(ROOT, Live(environment="prod", kubeconfig=kubeconfig, context=None))
    questions = [(method, path) for method, path in server.requests if method != "GET"]
    assert report.findings == []
    assert questions
    assert len(questions) == report.asked
    for method, path in questions:
        assert method == "PATCH"
        assert {"dryRun=All", "fieldValidation=Strict", "fieldManager=bootstrap-validate", "force=true"} <= {
            *path.partition("?")[2].split("&")
        }


def test_what_the_server_refuses_is_found_with_its_application_and_its_own_words(server, kubeconfig):
    server.says["/ingresses/hello"] = status(422, "Ingress is invalid", "Invalid", [RULE])
    report = validate(ROOT, Live(environment="prod", kubeconfig=kubeconfig, context=None))
    [finding] = report.findings
    assert (finding.where, finding.path) == ("hello in prod: Ingress app-hello/hello", "spec.rules[0].host")
    assert finding.message.endswith('refuses it: Invalid value: "x": a rule of the server\'s own')


def test_kinds_that_the_cluster_does_not_have_are_not_asked(server, kubeconfig):
    report = validate(ROOT, Live(environment="prod", kubeconfig=kubeconfig, context=None))
    reasons = {item.where: item.reason for item in report.not_asked}
    assert reasons["tenants in prod: AppProject hello"] == "the cluster has no kind argoproj.io/v1alpha1 AppProject"


def test_a_policys_refusal_has_its_message(server, kubeconfig):
    text = (
        "ingresses \"hello\" is forbidden: ValidatingAdmissionPolicy 'hosts' with binding 'b' denied request: no host"
    )
    server.says["/ingresses/hello"] = status(403, text, "Forbidden", [{"message": "no host"}])
    assert ask(kubeconfig, ingress()) == [Refusal("", text)]


@pytest.mark.parametrize(
    "said",
    [
        status(403, 'ingresses.networking.k8s.io "hello" is forbidden: User "me" cannot patch resource "ingresses"'),
        status(403, 'ingresses "hello" is forbidden: unable to create new content in namespace a because it is gone'),
        status(404, 'namespaces "app-hello" not found', "NotFound"),
        status(400, 'admission webhook "w.example.com" does not support dry run'),
        status(401, "Unauthorized"),
        status(409, "the object has been modified", "Conflict"),
        status(429, "too many requests"),
        status(500, 'failed calling webhook "w.example.com"'),
        (502, "no Status"),
    ],
    ids=lambda said: str(said[0]),
)
def test_what_has_no_answer_is_not_asked(server, kubeconfig, said):
    server.says["/ingresses/hello"] = said
    with pytest.raises(ClusterError):
        ask(kubeconfig, ingress())


def test_words_of_a_value_do_not_turn_a_refusal_into_no_answer(server, kubeconfig):
    text = 'Ingress "hello" is invalid: x is forbidden: User "me" cannot patch resource "y"'
    server.says["/ingresses/hello"] = status(422, text, "Invalid")
    assert ask(kubeconfig, ingress()) == [Refusal("", text)]


def test_a_field_that_there_is_not_is_refused_though_the_status_is_500(server, kubeconfig):
    text = (
        "failed to create typed patch object (app-hello/hello; /v1, Kind=A): .spec.prots: field not declared in schema"
    )
    server.says["/ingresses/hello"] = status(500, text)
    assert ask(kubeconfig, ingress()) == [Refusal("", text)]


def test_a_hook_and_what_the_server_names_are_created(server, kubeconfig):
    server.says["/ingresses"] = status(409, "already exists", "AlreadyExists")
    assert ask(kubeconfig, ingress(annotations={"argocd.argoproj.io/hook": "PreSync"})) == []
    assert server.requests[-1][0] == "POST"
    assert "dryRun=All" in server.requests[-1][1]


def test_the_text_of_a_secret_is_not_told(server, kubeconfig):
    server.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "app-hello"}})
    cause = {"field": "data[a]", "reason": "FieldValueInvalid", "message": 'Invalid value: "hunter2"'}
    server.says["/secrets/s"] = status(422, 'Secret is invalid: "hunter2"', "Invalid", [cause])
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "app-hello"}}
    assert ask(kubeconfig, document) == [Refusal("data[a]", "FieldValueInvalid")]


def run(*words):
    return CliRunner().invoke(app, ["validate", *map(str, words)], catch_exceptions=False)


def test_a_server_that_is_not_there_leaves_everything_unasked(server, kubeconfig):
    server.stop()
    done = run("--live", "prod", "--kubeconfig", kubeconfig, "--format", "json")
    report = json.loads(done.stdout)
    assert done.exit_code == 3
    assert report["asked"] == 0
    assert len(report["notAsked"]) > 7
    assert all("does not answer" in item["reason"] for item in report["notAsked"])


def test_what_is_not_asked_is_said(kubeconfig):
    done = run("--live", "prod", "--kubeconfig", kubeconfig)
    assert done.exit_code == 3
    assert "AppProject hello: not asked: the cluster has no kind" in done.stdout
    assert "the API server was asked about" in done.stdout


def test_a_finding_comes_before_what_is_not_asked(server, kubeconfig):
    server.says["/ingresses/hello"] = status(422, "Ingress is invalid", "Invalid", [RULE])
    assert run("--live", "prod", "--kubeconfig", kubeconfig).exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--live", "nowhere"], "--live: got 'nowhere'; allowed: dev, local, prod"),
        (["--live", "prod"], "set KUBECONFIG"),
        (["--context", "c"], "are for --live"),
    ],
)
def test_mistakes_of_the_command_line_are_told(monkeypatch, words, told):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(BootstrapError, match=told):
        CliRunner().invoke(app, ["validate", *words], catch_exceptions=False)
