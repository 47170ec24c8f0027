"""``bootstrap overlay``: each rule on the example with one mistake, and a fix that changes nothing that is rendered."""

import pytest

from bootstrap.delivery.overlay import fix as mending
from bootstrap.delivery.overlay import unread as searching
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.overlay.findings import Rule, common, redundant, unexpected
from bootstrap.delivery.overlay.fix import fix
from bootstrap.delivery.overlay.history import never_ran
from bootstrap.delivery.overlay.paths import spell
from bootstrap.delivery.overlay.rules import read_rules
from bootstrap.delivery.overlay.unread import other_than, unread
from bootstrap.delivery.overlay.values import read_values
from bootstrap.delivery.render.helm import Template
from bootstrap.errors import GitOpsError, RevisionError
from tests.gitops.conftest import SHA

APPS = "gitops/apps/hello"


def found(project, rule=None, **options):
    """Return what is found; with a rule only by that one, which saves the others' time."""
    values, rules = read_values(project.root, "hello"), read_rules(project.root, "hello")
    by_rule = {
        Rule.REDUNDANT: lambda: redundant(values, rules),
        Rule.COMMON: lambda: common(values, rules),
        Rule.UNEXPECTED: lambda: unexpected(values, rules),
        Rule.UNREAD: lambda: unread(values, elsewhere=rules.read_elsewhere),
        Rule.NEVER_RAN: lambda: never_ran(project.root, values, rules, options.get("history", "HEAD")),
    }
    findings = list(by_rule[rule]()) if rule else check(project.root, **options).findings
    return [(finding.rule.value, finding.environments, spell(finding.path)) for finding in findings]


def append(project, environment, text):
    file = f"{APPS}/{environment}.yaml"
    project.write(file, project.read(file) + text)


def test_the_example_is_clean(project):
    assert found(project) == []


def test_what_repeats_the_base_is_redundant(project):
    append(project, "dev", "\nport: 9898\n")
    assert found(project) == [("redundant", ("dev",), "port")]


def test_what_repeats_the_charts_default_is_redundant(project):
    append(project, "prod", "  enabled: true\n")
    assert found(project) == [("redundant", ("prod",), "ingress.enabled")]


def test_a_list_is_redundant_only_as_a_whole(project):
    append(project, "dev", "\nwritable: [/data, /tmp]\n")
    assert found(project, Rule.REDUNDANT) == [("redundant", ("dev",), "writable")]
    project.edit(f"{APPS}/dev.yaml", "[/data, /tmp]", "[/data]")
    assert found(project, Rule.REDUNDANT) == []


def test_another_type_is_no_repetition(project):
    project.edit("gitops/charts/web/values.schema.json", '"port": { "type": "integer", ', '"port": { ')
    append(project, "dev", '\nport: "9898"\n')
    assert found(project, Rule.REDUNDANT) == []
    assert found(project, Rule.UNEXPECTED) == [("unexpected", ("dev",), "port")]


def test_what_all_environments_say_belongs_in_the_base(project):
    for environment in ("dev", "prod", "local"):
        append(project, environment, "\ndrainSeconds: 7\n")
    assert found(project) == [("common", ("dev", "local", "prod"), "drainSeconds")]


def test_what_dev_and_prod_say_belongs_in_the_base_whatever_local_does(project):
    for environment in ("dev", "prod"):
        append(project, environment, "\ndrainSeconds: 7\n")
    report = check(project.root)
    [common] = [finding for finding in report.findings if finding.rule is Rule.COMMON]
    assert common.environments == ("dev", "prod") and "local would get it too" in common.message
    assert not common.fixable


def test_dev_and_local_alone_may_say_the_same(project):
    for environment in ("dev", "local"):
        append(project, environment, "\nterminationGracePeriodSeconds: 10\n")
    assert found(project, Rule.COMMON) == []


def test_tags_stand_in_every_environment_even_when_all_are_the_same(project):
    assert project.read(f"{APPS}/dev.yaml").count(SHA) == project.read(f"{APPS}/prod.yaml").count(SHA) == 1
    assert found(project) == []
    project.edit("gitops/overlay.yaml", "  - image.tag\n", "")
    assert found(project, Rule.COMMON) == [("common", ("dev", "prod"), "image.tag")]


def test_what_stands_in_every_environment_can_be_said_for_one_application(project):
    append(project, "dev", "\nport: 9898\n")
    project.edit("gitops/overlay.yaml", "  hello:\n", "  hello:\n    perEnvironment: [port]\n")
    assert found(project) == []


def test_what_differs_outside_the_list_is_unexpected(project):
    append(project, "prod", "\nterminationGracePeriodSeconds: 60\n")
    report = check(project.root)
    [finding] = report.findings
    assert (finding.rule, spell(finding.path)) == (Rule.UNEXPECTED, "terminationGracePeriodSeconds")
    assert finding.message == "differs: dev 30, local 30, prod 60"


def test_the_list_can_allow_it_for_one_application(project):
    append(project, "prod", "\nterminationGracePeriodSeconds: 60\n")
    project.edit("gitops/overlay.yaml", "    differs:\n", "    differs:\n      - terminationGracePeriodSeconds\n")
    assert found(project) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("differs:\n  - replicas", "difers:\n  - replicas", "overlay.yaml: difers: Extra inputs"),
        (
            "differs:\n  - replicas",
            "differs: 3\nx:\n  - replicas",
            "overlay.yaml: differs: Input should be",
        ),
    ],
)
def test_a_mistake_in_the_list_is_told(project, before, after, told):
    project.edit("gitops/overlay.yaml", before, after)
    with pytest.raises(GitOpsError, match=told):
        check(project.root)


# --- values that nothing reads ---------------------------------------------------------------------------------------


def loosen(project):
    """Take the schema's word that it knows every key: then only the templates tell."""
    (project.root / "gitops/charts/web/values.schema.json").unlink()


def test_a_key_that_no_template_reads_is_unread(project):
    loosen(project)
    for environment in ("dev", "prod", "local"):
        append(project, environment, f"\nworkers: {len(environment)}\n")
    assert found(project, Rule.UNREAD) == [("unread", ("dev", "local", "prod"), "workers")]


def test_a_key_that_only_the_schema_knows_is_unread(project):
    schema = "gitops/charts/web/values.schema.json"
    project.edit(schema, '"replicas": {', '"workers": { "type": "integer" },\n    "replicas": {')
    project.write(f"{APPS}/values.yaml", project.read(f"{APPS}/values.yaml") + "\nworkers: 2\n")
    assert found(project) == [("unread", (), "workers")]


def test_what_is_printed_whole_is_read(project):
    append(project, "prod", '\nserviceAccount: {annotations: {"azure.workload.identity/client-id": abc}}\n')
    append(project, "prod", "networkPolicy:\n  egress:\n    - to:\n        - ipBlock: {cidr: 192.0.2.0/24}\n")
    assert found(project, Rule.UNREAD) == []


def test_beside_what_is_read_of_a_mapping_the_rest_is_unread(project):
    loosen(project)
    append(project, "prod", "  path: /shop\n")
    assert found(project, Rule.UNREAD) == [("unread", ("prod",), "ingress.path")]


def test_in_a_list_of_mappings_only_what_is_read_is(project):
    project.write(
        "gitops/charts/web/templates/hosts.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hosts}\ndata:\n"
        "  {{- range .Values.hosts }}\n  {{ .name }}: {{ .address | quote }}\n  {{- end }}\n",
    )
    loosen(project)
    append(project, "prod", "\nhosts:\n  - {name: a, address: x, note: nobody reads it}\n")
    assert found(project, Rule.UNREAD) == [("unread", ("prod",), "hosts.0.note")]


def test_what_is_read_only_while_something_is_on_is_read(project):
    project.write(f"{APPS}/values.yaml", project.read(f"{APPS}/values.yaml") + "\nautoscaling:\n  cpuPercent: 60\n")
    project.edit(f"{APPS}/prod.yaml", "  enabled: true", "  enabled: false")
    assert found(project, Rule.UNREAD) == []


def test_what_stands_only_in_a_comment_of_a_template_is_unread(project):
    loosen(project)
    project.edit("gitops/charts/web/templates/service.yaml", "spec:", "{{- /* .Values.workers */}}\nspec:")
    append(project, "dev", "\nworkers: 3\n")
    assert found(project, Rule.UNREAD) == [("unread", ("dev",), "workers")]


CM = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: many}\ndata:\n"


@pytest.fixture
def counted(project, monkeypatch):
    """How often Helm is asked."""
    asked = []
    real = Template.render

    def render(self):
        asked.append(1)
        return real(self)

    monkeypatch.setattr(Template, "render", render)
    loosen(project)
    return asked


def many(project, template, values):
    project.write("gitops/charts/web/templates/many.yaml", template)
    append(project, "values", "\nmany:\n" + "".join(f"  {key}: {value}\n" for key, value in values.items()))


def test_of_many_values_that_nothing_reads_a_few_renderings_tell(project, counted):
    kinds = ["text", "7", "true", "false", "[a, b]", "1.5"]
    values = {f"k{number}": kinds[number % len(kinds)] for number in range(300)}
    many(project, CM, values)
    assert [path for _, _, path in found(project, Rule.UNREAD)] == [f"many.{key}" for key in values]
    assert len(counted) < 200, "two for each value and environment would be 1,800"


def test_of_many_values_those_that_nothing_reads_are_found_whatever_the_others_do(project, counted):
    """Printed, asked for, compared with each other, and one that the chart refuses any other value of."""
    values = {f"k{number}": "true" if number % 4 == 2 else str(number) for number in range(48)}
    lines = [
        f"  k{number}: {{{{ .Values.many.k{number} }}}}"
        if number % 4 != 2
        else f"  k{number}: {{{{ ternary 1 2 .Values.many.k{number} }}}}"
        for number in range(48)
        if number % 16 != 5
    ]
    lines.append('  refused: {{ if gt (int .Values.many.k1) 100 }}{{ fail "too many" }}{{ end }}x')
    many(project, CM + "\n".join(lines), values)
    assert [path for _, _, path in found(project, Rule.UNREAD)] == ["many.k5", "many.k21", "many.k37"]


def test_two_truth_values_that_are_compared_are_read(project, counted):
    """Turned over at once they are still alike."""
    many(project, CM + "  same: {{ if eq .Values.many.a .Values.many.b }}yes{{ end }}x", {"a": "true", "b": "true"})
    assert found(project, Rule.UNREAD) == []


def test_what_is_read_while_one_of_many_switches_is_on_is_read(project, counted):
    values = {f"s{number}": "false" for number in range(24)} | {"port": "80", "nothing": "81"}
    lines = [f"  s{number}: {{{{ ternary 1 2 .Values.many.s{number} }}}}" for number in range(24)]
    lines.append("  port: {{ if and .Values.many.s7 (not .Values.many.s8) }}{{ .Values.many.port }}{{ end }}x")
    many(project, CM + "\n".join(lines), values)
    assert [path for _, _, path in found(project, Rule.UNREAD)] == ["many.nothing"]


def test_a_number_that_go_prints_with_an_exponent_shows_itself():
    assert other_than(1, 0) == (7390000, ("7390000", "7.39e+06"))
    assert other_than(1, 121) == (7390121, ("7390121", "7.390121e+06"))


def test_a_long_search_says_how_far_it_is(project, counted, monkeypatch):
    monkeypatch.setattr(searching, "SECONDS_BETWEEN", -1)
    many(project, CM, {f"k{number}": "text" for number in range(20)})
    said: list[str] = []
    list(unread(read_values(project.root, "hello"), said.append))
    assert said[0].startswith("20 values of dev are still to be told apart, after ")


# --- images that never ran -------------------------------------------------------------------------------------------


def test_an_image_that_dev_never_ran_is_found(project):
    project.edit(f"{APPS}/prod.yaml", SHA, "c" * 40)
    assert found(project, Rule.NEVER_RAN) == [("never-ran", ("prod",), "image.tag")]


def test_an_image_that_dev_ran_once_may_be_in_prod(project):
    for tag in ("c" * 40, "d" * 40):
        text = project.read(f"{APPS}/dev.yaml")
        project.write(f"{APPS}/dev.yaml", text.replace(text.split("tag: ")[1][:40], tag))
        project.commit(tag)
    assert found(project, Rule.NEVER_RAN) == [], "prod still has the first"
    project.edit(f"{APPS}/prod.yaml", SHA, "c" * 40)
    assert found(project, Rule.NEVER_RAN) == []


def test_dev_and_prod_at_once_is_not_dev_before_prod(project):
    for environment in ("dev", "prod"):
        project.edit(f"{APPS}/{environment}.yaml", SHA, "c" * 40)
    project.git("switch", "-qc", "topic")
    project.commit()
    assert found(project, Rule.NEVER_RAN, history="main") == [("never-ran", ("prod",), "image.tag")]


def test_a_tag_that_only_a_comment_of_devs_file_names_never_ran(project):
    project.edit(f"{APPS}/dev.yaml", "# What dev", f"# once {'c' * 40}\n# What dev")
    project.commit()
    project.edit(f"{APPS}/prod.yaml", SHA, "c" * 40)
    assert found(project, Rule.NEVER_RAN) == [("never-ran", ("prod",), "image.tag")]


def test_a_digest_counts_before_a_tag(project):
    project.edit(f"{APPS}/prod.yaml", "image:\n", f"image:\n  digest: sha256:{'a' * 64}\n")
    assert found(project, Rule.NEVER_RAN) == [("never-ran", ("prod",), "image.digest")]


def test_without_its_history_a_clone_cannot_tell(project, tmp_path):
    project.git("commit", "-qm", "one more", "--allow-empty")
    project.git("clone", "-q", "--depth", "1", f"file://{project.root}", str(tmp_path / "shallow"))
    with pytest.raises(RevisionError, match="fetch-depth: 0"):
        check((tmp_path / "shallow").resolve())


def test_a_revision_that_is_none_is_told(project):
    with pytest.raises(RevisionError, match="'nowhere' is not a revision"):
        check(project.root, history="nowhere")


# --- the fix ---------------------------------------------------------------------------------------------------------

DEV = """# What dev differs in.
image:
  tag: "4f2a9c17be0d5386a1c7e94f80b2d6351a9ce07d" # bootstrap promote hello dev <sha>

# one is enough here
replicas: 1

# as in the base, by mistake
port: 9898 # twice

env:
  PODINFO_LEVEL: debug # more words
  # said everywhere
  PODINFO_UI_COLOR: "#336699" # ours

resources:
  limits: { memory: 64Mi }

ingress:
  host: hello.dev.example.com
  issuer: letsencrypt-staging
  # the default
  enabled: true
"""


@pytest.fixture
def diverged(project):
    """The example with redundancy put in on purpose."""
    project.write(f"{APPS}/dev.yaml", DEV)
    project.edit(f"{APPS}/prod.yaml", "PODINFO_LEVEL: info", "PODINFO_LEVEL: info\n  PODINFO_UI_COLOR: '#336699'")
    project.edit(f"{APPS}/local.yaml", "PODINFO_LEVEL: debug", "PODINFO_UI_COLOR: '#336699'\n  PODINFO_LEVEL: debug")
    append(project, "local", "\ndisruptionBudget:\n  maxUnavailable: 1\n")
    project.commit("diverged")
    return project


def test_after_a_fix_every_environment_renders_the_same_bytes(diverged):
    before = diverged.texts()
    report = check(diverged.root, mend=True)
    assert diverged.texts() == before
    assert sorted(spell(step.finding.path) for step in report.steps if step.done) == [
        "disruptionBudget.maxUnavailable",
        "env.PODINFO_UI_COLOR",
        "ingress.enabled",
        "port",
    ]
    assert report.findings == []
    assert sorted(report.written) == [f"{APPS}/{name}.yaml" for name in ("dev", "local", "prod", "values")]


def test_a_fix_leaves_every_other_line_as_it_was(diverged):
    before = {name: diverged.read(f"{APPS}/{name}.yaml") for name in ("values", "local")}
    check(diverged.root, mend=True)
    gone = DEV
    for lines in (
        "# as in the base, by mistake\nport: 9898 # twice\n\n",
        '  # said everywhere\n  PODINFO_UI_COLOR: "#336699" # ours\n',
        "  # the default\n  enabled: true\n",
    ):
        gone = gone.replace(lines, "")
    assert diverged.read(f"{APPS}/dev.yaml") == gone
    message = "  PODINFO_UI_MESSAGE: Hello from aks-bootstrap\n"
    assert diverged.read(f"{APPS}/values.yaml") == before["values"].replace(
        message, message + '  # said everywhere\n  PODINFO_UI_COLOR: "#336699" # ours\n'
    )
    for added in ("    PODINFO_UI_COLOR: '#336699'\n", "\ndisruptionBudget:\n  maxUnavailable: 1\n"):
        before["local"] = before["local"].replace(added.removeprefix("  "), "")
    assert diverged.read(f"{APPS}/local.yaml") == before["local"]


def test_a_second_fix_has_nothing_to_do(diverged):
    check(diverged.root, mend=True)
    diverged.commit("fixed")
    report = check(diverged.root, mend=True)
    assert (report.steps, report.written) == ([], [])
    assert diverged.git("status", "--porcelain") == ""


def test_a_clean_application_is_not_touched(project):
    before = project.texts()
    assert check(project.root, mend=True).written == []
    assert project.git("status", "--porcelain") == "" and project.texts() == before


def test_what_cannot_be_done_line_by_line_is_left_and_said(project):
    project.edit(
        f"{APPS}/dev.yaml",
        "resources:\n  limits:\n    memory: 64Mi\n",
        "resources: { requests: { cpu: 50m }, limits: { memory: 64Mi } }\n",
    )
    text = project.read(f"{APPS}/dev.yaml")
    report = check(project.root, mend=True)
    [step] = report.steps
    assert not step.done and "stands in braces" in step.why_not
    assert project.read(f"{APPS}/dev.yaml") == text
    assert [finding.rule for finding in report.findings] == [Rule.REDUNDANT]


def test_what_would_change_an_environment_is_rolled_back(project, monkeypatch):
    """Helm that renders prod otherwise once the base says more: the files alone would not tell."""
    for environment in ("dev", "prod", "local"):
        append(project, environment, "\ndrainSeconds: 7\n")
    append(project, "dev", "port: 9898\n")
    project.commit()
    rendered = mending._render

    def render_otherwise(values, environment):
        moved = environment == "prod" and "drainSeconds" in values.base.data
        return rendered(values, environment) + ("# other" if moved else "")

    monkeypatch.setattr(mending, "_render", render_otherwise)
    report = check(project.root, mend=True)
    assert [(spell(step.finding.path), step.done, step.why_not) for step in report.steps] == [
        ("drainSeconds", False, "prod would not render the same"),
        ("port", True, ""),
    ]
    assert report.written == [f"{APPS}/dev.yaml"], "what is left does not keep the rest from being mended"
    assert [finding.rule for finding in report.findings] == [Rule.COMMON]


def test_nothing_is_written_when_the_chart_does_not_render(diverged):
    diverged.write("gitops/charts/web/templates/broken.yaml", '{{ fail "broken" }}\n')
    with pytest.raises(Exception, match="broken"):
        check(diverged.root, mend=True)
    assert diverged.read(f"{APPS}/dev.yaml") == DEV


def test_a_fix_is_decided_before_anything_is_written(diverged):
    values = read_values(diverged.root, "hello")
    fix(values, read_rules(diverged.root, "hello"))
    assert diverged.git("status", "--porcelain") == ""


def test_line_ends_of_another_world_stay(diverged):
    for name in ("dev", "prod", "local", "values"):
        path = diverged.root / APPS / f"{name}.yaml"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = diverged.texts()
    report = check(diverged.root, mend=True)
    assert report.findings == [] and diverged.texts() == before
    for name in ("dev", "prod", "local", "values"):
        data = (diverged.root / APPS / f"{name}.yaml").read_bytes()
        assert data.count(b"\n") == data.count(b"\r\n") > 0


# --- what cannot be checked ------------------------------------------------------------------------------------------


def test_an_unknown_application_is_told(project):
    with pytest.raises(GitOpsError, match=r"no application 'helo' in gitops/apps; there are: hello"):
        check(project.root, ["helo"])


def test_a_file_that_no_application_reads_is_told(project):
    project.write(f"{APPS}/stage.yaml", "replicas: 1\n")
    with pytest.raises(
        GitOpsError, match=r"hello/stage\.yaml: no cluster reads it, by tenants/hello\.yaml and the stack"
    ):
        check(project.root)


def test_a_file_of_an_environment_that_the_application_is_not_in_is_told(project):
    project.edit("tenants/hello.yaml", "  local:\n    hosts: [hello.local.example.com]\n", "")
    with pytest.raises(GitOpsError, match=r"hello/local\.yaml: no cluster reads it"):
        check(project.root)


def test_a_key_that_stands_twice_is_told(project):
    append(project, "dev", "\nreplicas: 2\n")
    with pytest.raises(GitOpsError, match=r"dev\.yaml is not YAML: line \d+: found duplicate key"):
        check(project.root)
