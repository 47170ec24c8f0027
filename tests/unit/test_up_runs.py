"""``up``, ``down`` and ``recover`` from end to end: Pulumi and kind are scripts on PATH, the cluster is on loopback."""

import inspect
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from bootstrap.errors import BootstrapError, NotServingError, UpError
from bootstrap.platform.doctor import doctor
from bootstrap.platform.doctor.findings import Diagnosis
from bootstrap.platform.findings import blocked, failed, fine
from bootstrap.platform.recover import Recovered
from bootstrap.platform.rehearse import rehearse
from bootstrap.platform.run import Run
from bootstrap.platform.up import down, drift, recover_stack, up
from bootstrap.platform.verify import verify
from bootstrap.platform.verify.report import Report
from tests.unit.loopback_api import SYSTEM, ApiServer, serve

STACK_FILES = {
    "local": """\
config:
  aks-bootstrap:environment: local
  aks-bootstrap:target: local
  aks-bootstrap:dns: {zone: local.example.com}
  aks-bootstrap:certificates: {issuer: self-signed}
  aks-bootstrap:argocd: {adminEnabled: true}
  aks-bootstrap:gitops: {repoUrl: "https://github.com/acme/repo.git"}
""",
    "dev": """\
config:
  aks-bootstrap:environment: dev
  aks-bootstrap:tags: {owner: o, costCentre: c}
  aks-bootstrap:azure:
    subscriptionId: 5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51
    tenantId: 0a6c9be4-41d7-4f0c-8f52-9d3e7b6a2c10
    location: swedencentral
  aks-bootstrap:cluster:
    adminGroupObjectIds: [9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12]
    apiServer: {exposure: private}
  aks-bootstrap:keyVault: {softDeleteRetentionDays: 33}
  aks-bootstrap:dns: {zone: dev.example.com}
  aks-bootstrap:certificates: {email: o@example.com}
  aks-bootstrap:argocd: {adminEnabled: true}
  aks-bootstrap:gitops: {repoUrl: "https://github.com/acme/repo.git"}
""",
}

STACK_FILES["prod"] = (
    STACK_FILES["dev"]
    .replace("environment: dev\n", "environment: prod\n  aks-bootstrap:production: true\n")
    .replace("{adminEnabled: true}", "{signIn: {applicationClientId: c3e5a7f9-1b2d-4c6e-8f0a-5d7b9c1e3f46, %s}}")
    % "adminGroups: [9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12]"
)

PULUMI = """\
#!/bin/sh
echo "$@" >> @/asked
echo "$PULUMI_BACKEND_URL|$PULUMI_CONFIG_PASSPHRASE_FILE|$KUBECONFIG|$PULUMI_SKIP_UPDATE_CHECK|$PWD" >> @/environments
case "$*" in
  version) echo v3.260.0 ;;
  "stack ls --json") test ! -e @/unreadable || { echo "no bucket" >&2; exit 9; }; /bin/cat @/stacks ;;
  "stack init "*) echo "[{\\"name\\": \\"organization/p/$3\\"}]" > @/stacks; echo "encryptionsalt: v1:$3" >> Pulumi.$3.yaml ;;
  "stack rm "*) echo "[]" > @/stacks ;;
  *"stack export"*) test ! -e @/broken || { echo "cannot export"; exit 4; }; echo '{"deployment": {}}' ;;
  up*|destroy*)
    test ! -e @/repairing || { rm @/repairing; touch "$AKS_BOOTSTRAP_AGAIN"; exit 255; }
    test ! -e @/failing || exit 3 ;;
  *preview*) test ! -e @/failing || { echo "no such zone" >&2; exit 3; }; echo "  the steps" ;;
esac
"""  # noqa: E501 - a script
KIND = """\
#!/bin/sh
test "$1" = get || echo "$@" >> @/kind-asked
case "$1" in
  get) /bin/cat @/clusters ;;
  create) echo "$4" > @/clusters; /bin/cp @/kubeconfig "$8" ;;
  delete) : > @/clusters ;;
esac
"""
SALT = "encryptionsalt: v1:"


@dataclass
class Machine:
    """A project and the programs around it, of which Pulumi and kind write down what they are asked."""

    root: Path
    server: ApiServer
    console: Console = field(default_factory=lambda: Console(record=True, width=400, quiet=False, file=None))

    def script(self, name: str, text: str = "#!/bin/sh\n") -> None:
        path = self.root / "bin" / name
        path.write_text(text.replace("@/", f"{self.root}/"))
        path.chmod(0o755)

    def lines(self, name: str) -> list[str]:
        """Return what a script wrote down since the last look."""
        path = self.root / name
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    @property
    def asked(self) -> list[str]:
        """Everything that Pulumi was asked since the last look, but for the list of stacks."""
        return [line for line in self.lines("asked") if line not in {"stack ls --json", "version"}]

    @property
    def said(self) -> str:
        return self.console.export_text()

    @property
    def state(self) -> Path:
        return self.root / ".pulumi-state"

    def flag(self, name: str) -> None:
        (self.root / name).touch()

    def another_cluster(self, uid: str) -> None:
        self.server.put(SYSTEM, {"metadata": {"name": "kube-system", "uid": uid}})

    def up(self, stack: str = "local", *, yes: bool = True) -> None:
        up(self.root, stack, yes=yes, console=self.console)

    def down(self, stack: str = "local", *, yes: bool = True) -> None:
        down(self.root, stack, yes=yes, console=self.console)

    def drift(self, stack: str = "local") -> bool:
        return drift(self.root, stack, console=self.console)

    def recover(self, stack: str = "local") -> Recovered:
        return recover_stack(self.root, stack, console=self.console)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    for name in ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "ARM_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    for folder in ("bin", ".tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (tmp_path / "stacks").write_text("[]")
    (tmp_path / "clusters").touch()
    for stack, text in STACK_FILES.items():
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(text)
    with serve() as server:
        made = Machine(tmp_path, server)
        made.another_cluster("one")
        (tmp_path / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        made.script("pulumi", PULUMI)
        yield made


@pytest.fixture(autouse=True)
def asked_cluster(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stacks whose cluster was asked what it does; it does all of it."""
    asked: list[str] = []

    def examine(run: Run) -> Report:
        asked.append(run.stack)
        return Report(stack=run.stack, findings=[fine("pods", "a Pod", "runs")], seconds=1)

    monkeypatch.setattr(verify, "verify_run", examine)
    return asked


@pytest.fixture
def local(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with a cluster in KUBECONFIG."""
    monkeypatch.setenv("KUBECONFIG", str(machine.root / "kubeconfig"))
    return machine


@pytest.fixture
def kind(machine: Machine) -> Machine:
    """A machine with kind and a container runtime."""
    machine.script("kind", KIND)
    machine.script("docker")
    return machine


@pytest.fixture
def azure(machine: Machine) -> Machine:
    """A machine that is signed in to Azure."""
    machine.script("kubelogin")
    machine.script("az", "#!/bin/sh\necho someone@example.com\n")
    return machine


def test_up_makes_the_stack_once_and_then_updates_it_with_the_projects_own_state(local: Machine) -> None:
    config = f"--config-file {local.state}/Pulumi.local.yaml"
    local.up()
    assert local.asked == ["stack init local", f"up --stack local {config} --yes"]
    local.up(yes=False)
    assert local.asked == [f"up --stack local {config}"]


def test_up_ends_with_what_the_cluster_does(local: Machine, asked_cluster: list[str]) -> None:
    local.up()
    assert asked_cluster == ["local"] and "local: 1 fine" in local.said
    up(local.root, "local", yes=True, skip_verify=True, console=local.console)
    assert asked_cluster == ["local"]


def test_what_is_up_and_does_not_work_is_told_and_is_another_exit_status(
    local: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = failed("pods", "a Pod", "does not run", cause="no room", remedy="kubectl get nodes")
    monkeypatch.setattr(verify, "verify_run", lambda run: Report(stack=run.stack, findings=[found], seconds=1))
    with pytest.raises(NotServingError, match=r"deployed, .* `make verify STACK=local` repeats the checks") as told:
        local.up()
    assert told.value.exit_code == 2 and "kubectl get nodes" in local.said


def test_an_update_that_fails_is_not_asked_about(local: Machine, asked_cluster: list[str]) -> None:
    local.flag("failing")
    with pytest.raises(UpError):
        local.up()
    assert asked_cluster == []


def test_up_leaves_the_preview_out_where_it_is_asked_to(local: Machine) -> None:
    up(local.root, "local", yes=True, skip_preview=True, console=local.console)
    assert local.asked[-1].endswith("--skip-preview --yes")


def test_up_says_what_it_chose(local: Machine) -> None:
    local.up()
    said = local.said
    assert f"pulumi   {local.root}/bin/pulumi, from PATH" in said
    assert f"cluster  {local.server.url}, from {local.root}/kubeconfig" in said
    assert f"state    {local.state}, as no backend is configured" in said


def test_every_command_gets_the_environment_that_was_chosen(local: Machine) -> None:
    local.up()
    backend, secret = f"file://{local.state}?metadata=skip", f"{local.state}/passphrase"
    assert set(local.lines("environments")) == {f"{backend}|{secret}|{local.root}/kubeconfig|true|{local.root}"}


def test_the_passphrase_is_made_once_and_only_its_owner_reads_it(local: Machine) -> None:
    local.up()
    passphrase = local.state / "passphrase"
    first = passphrase.read_text()
    assert len(first) >= 32 and stat.S_IMODE(passphrase.stat().st_mode) == 0o600
    local.up()
    assert passphrase.read_text() == first


def test_the_salt_is_kept_beside_the_state_and_the_stack_file_stays_as_it_is(local: Machine) -> None:
    tracked, kept = local.root / "Pulumi.local.yaml", local.state / "Pulumi.local.yaml"
    local.up()
    assert tracked.read_text() == STACK_FILES["local"]
    assert kept.read_text() == f"{STACK_FILES['local']}{SALT}local\n"
    changed = STACK_FILES["local"].replace("local.example.com", "other.example.com")
    tracked.write_text(f"{changed}{SALT}of-somebody-else\n")
    local.up()
    assert kept.read_text() == f"{changed}{SALT}local\n", "their salt is not our state's"


def test_a_salt_that_is_gone_is_told_before_anything_is_changed(local: Machine) -> None:
    local.up()
    kept = local.state / "Pulumi.local.yaml"
    kept.unlink()
    assert local.asked
    with pytest.raises(UpError, match=rf"{kept} is gone, and with it the salt"):
        local.up()
    assert local.asked == []


def test_a_backend_of_the_users_gets_no_passphrase_and_no_configuration_of_ours(
    local: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "azblob://state")
    local.up()
    assert local.asked == ["stack init local", "up --stack local --yes"]
    assert SALT in (local.root / "Pulumi.local.yaml").read_text(), "the user's own, in the file where Pulumi keeps it"
    assert not local.state.exists()
    local.down()
    assert local.asked == ["destroy --stack local --yes"], "what is left of the stack is the user's"
    local.another_cluster("two")
    local.up()
    assert local.asked == ["up --stack local --yes"]


@pytest.fixture
def asked_azure(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stacks that the doctor was asked about; it has nothing against them."""
    asked: list[str] = []

    def examine(_: Path, stack: str, **__: object) -> Diagnosis:
        asked.append(stack)
        return Diagnosis(stack=stack, findings=[fine("quota", "vCPUs", "enough")])

    monkeypatch.setattr(doctor, "examine", examine)
    return asked


def test_a_doctor_who_has_something_against_it_stops_the_run_before_it_touches_anything(
    azure: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Diagnosis(stack="dev", findings=[blocked("quota", "vCPUs", "2 left", "az quota update")])
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: found)
    with pytest.raises(UpError, match=r"nothing was changed\. .* `make up STACK=dev SKIP_DOCTOR=1`"):
        azure.up("dev")
    assert azure.asked == [] and "az quota update" in azure.said
    up(azure.root, "dev", yes=True, skip_doctor=True, console=azure.console)
    assert azure.asked[-1].startswith("up --stack dev")


def test_a_local_stack_has_no_doctor(local: Machine, asked_azure: list[str]) -> None:
    local.up()
    assert asked_azure == []


def test_azure_is_updated_as_plain_pulumi_would(azure: Machine, asked_azure: list[str]) -> None:
    azure.up("dev")
    assert asked_azure == ["dev"]
    config = f"--config-file {azure.state}/Pulumi.dev.yaml"
    assert azure.asked == ["stack init dev", f"up --stack dev {config} --yes"]
    assert "azure    someone@example.com, signed in with the Azure CLI" in azure.said
    assert not (azure.state / "dev.cluster").exists()


def test_an_update_goes_on_once_it_has_repaired_what_a_dead_run_left(
    local: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{local.root / 'bin'}:/usr/bin:/bin")
    local.flag("repairing")
    local.up()
    assert [line.split()[0] for line in local.asked] == ["stack", "up", "up"]
    assert "a release is repaired; the update goes on" in local.said


def test_a_failed_update_says_how_it_ended_and_what_helps_after_a_dead_one(local: Machine) -> None:
    local.flag("failing")
    with pytest.raises(
        UpError, match=r"`pulumi up --stack` failed with exit status 3; see above; .* `make recover STACK=local`"
    ):
        local.up()


def test_state_that_cannot_be_read_is_told(local: Machine) -> None:
    local.flag("unreadable")
    with pytest.raises(UpError, match="the state cannot be read: no bucket"):
        local.up()


def test_settings_are_checked_before_anything_is_looked_for(machine: Machine) -> None:
    (machine.root / "Pulumi.local.yaml").write_text("config: {aks-bootstrap:environment: local}\n")
    for command in (machine.up, machine.down, machine.recover):
        with pytest.raises(BootstrapError, match=r"aks-bootstrap:gitops: missing"):
            command()
    assert machine.asked == []


def test_a_state_is_of_one_cluster_and_no_other(local: Machine) -> None:
    local.up()
    assert (local.state / "local.cluster").read_text() == "one"
    assert local.asked
    local.another_cluster("two")
    for command in (local.up, local.down):
        with pytest.raises(UpError, match=r"is of another cluster than http://127\.0\.0\.1"):
            command()
    assert local.asked == []
    assert (local.state / "local.cluster").read_text() == "one"


def test_a_cluster_may_be_another_one_where_nothing_was_built_in_the_first(local: Machine) -> None:
    local.up()
    local.down()
    local.another_cluster("two")
    local.up()
    assert (local.state / "local.cluster").read_text() == "two"


def test_down_destroys_and_forgets_what_up_made(local: Machine) -> None:
    local.up()
    assert local.asked
    local.down()
    config = f"--config-file {local.state}/Pulumi.local.yaml"
    assert local.asked == [
        f"destroy --stack local {config} --yes",
        "stack rm local --yes --force --preserve-config",
    ]
    assert [path.name for path in local.state.iterdir()] == ["passphrase"]
    local.down(yes=False)
    assert local.asked == []
    assert "there is no stack local in the state: nothing to destroy" in local.said


def test_down_asks_where_up_did(local: Machine) -> None:
    local.up()
    local.down(yes=False)
    assert f"destroy --stack local --config-file {local.state}/Pulumi.local.yaml" in local.asked


def test_a_failed_destroy_forgets_nothing(local: Machine) -> None:
    local.up()
    local.flag("failing")
    with pytest.raises(UpError, match="`pulumi destroy --stack` failed"):
        local.down()
    assert (local.state / "Pulumi.local.yaml").exists()
    assert not [line for line in local.asked if line.startswith("stack rm")]


def test_down_of_azure_says_how_long_its_vault_stays(azure: Machine, asked_azure: list[str]) -> None:
    azure.up("dev")
    azure.down("dev")
    assert "stays for 33 days after its group is deleted" in azure.said


def test_kind_makes_a_cluster_once_and_down_removes_it(kind: Machine) -> None:
    kubeconfig = f"{kind.root}/.tools/kind.kubeconfig"
    kind.up()
    assert kind.lines("kind-asked") == [
        f"create cluster --name aks-bootstrap --wait 120s --kubeconfig {kubeconfig} "
        f"--config {kind.root}/.tools/kind.yaml",
    ]
    assert {line.split("|")[2] for line in kind.lines("environments")} == {kubeconfig}
    kind.up()
    assert kind.lines("kind-asked") == []
    kind.down()
    assert kind.lines("kind-asked") == ["delete cluster --name aks-bootstrap"]
    assert [line.split()[0] for line in kind.asked if "stack init" not in line] == ["up", "up", "destroy", "stack"]


def test_a_kind_cluster_that_is_gone_took_along_what_the_stack_made(kind: Machine) -> None:
    kind.up()
    assert kind.asked and kind.lines("kind-asked")
    (kind.root / "clusters").write_text("somebody-elses\n")
    kind.down()
    assert kind.asked == ["stack rm local --yes --force --preserve-config"]
    assert kind.lines("kind-asked") == []
    assert "the kind cluster 'aks-bootstrap' is gone, and with it everything that the stack created" in kind.said
    assert not (kind.state / "local.cluster").exists()


def test_a_kind_cluster_that_was_made_again_starts_anew(kind: Machine) -> None:
    kind.up()
    assert kind.asked and kind.lines("kind-asked")
    (kind.root / "clusters").write_text("")
    kind.another_cluster("two")
    kind.up()
    assert [line.split()[0] for line in kind.lines("kind-asked")] == ["create"]
    assert [line.split(" --")[0] for line in kind.asked] == ["stack rm local", "stack init local", "up"]
    assert "its state is discarded" in kind.said
    assert (kind.state / "local.cluster").read_text() == "two"


def test_a_home_of_nobody_is_told_as_a_kubeconfig_that_is_not_there(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "~nosuchuser/config")
    with pytest.raises(UpError, match="the kubeconfig ~nosuchuser/config cannot be used"):
        machine.up()


def test_a_comparison_that_fails_is_told_with_what_pulumi_says(local: Machine) -> None:
    with pytest.raises(UpError, match="there is no stack local in the state: nothing to compare with"):
        local.drift()
    local.up()
    local.flag("failing")
    assert local.asked
    with pytest.raises(UpError, match="the comparison failed; see above"):
        local.drift()
    assert "no such zone" in local.said
    [asked] = [line for line in local.asked if " preview " in line]
    assert "--refresh" in asked and f"--config-file {local.state}/Pulumi.local.yaml" in asked


def test_recovering_a_stack_leaves_its_configuration_to_what_reads_it(local: Machine) -> None:
    local.up()
    assert local.asked
    assert local.recover() == Recovered(imported=(), discarded=())
    assert local.asked == [
        "--non-interactive cancel --yes local",
        "--non-interactive stack export --stack local",
    ]
    assert "removing the dead run's lock" in local.said


def test_recovering_takes_over_what_was_being_created(local: Machine) -> None:
    local.up()
    assert local.asked
    urn = "urn:pulumi:local::p::kubernetes:core/v1:Namespace::traefik"
    resource = {
        "urn": urn,
        "type": "kubernetes:core/v1:Namespace",
        "custom": True,
        "provider": "urn:pulumi:local::p::pulumi:providers:kubernetes::cluster::id",
        "inputs": {"metadata": {"name": "traefik"}},
    }
    state = {"deployment": {"resources": [], "pending_operations": [{"type": "creating", "resource": resource}]}}
    (local.root / "exported").write_text(json.dumps(state))
    local.script("pulumi", PULUMI.replace("echo '{\"deployment\": {}}'", "/bin/cat @/exported"))
    assert local.recover() == Recovered(imported=("traefik",), discarded=())
    config = f"--stack local --config-file {local.state}/Pulumi.local.yaml"
    imported = [line for line in local.asked if line.startswith("--non-interactive import")]
    assert len(imported) == 1 and imported[0].endswith(f"--protect=false {config}")


def test_a_recovery_that_pulumi_refuses_is_told_with_its_words(local: Machine) -> None:
    local.up()
    local.flag("broken")
    with pytest.raises(UpError, match=r"`pulumi stack export` failed:\ncannot export"):
        local.recover()


@pytest.mark.parametrize("login", [None, "file://~", "file:///srv/state"])
def test_productions_state_is_on_no_machines_disk(
    azure: Machine, asked_azure: list[str], monkeypatch: pytest.MonkeyPatch, login: str | None
) -> None:
    if login:
        monkeypatch.setenv("PULUMI_BACKEND_URL", login)
    with pytest.raises(
        UpError, match=r"production: got true with the state in file:.*; allowed in production: .*azblob:"
    ):
        azure.up("prod")
    assert (azure.asked, asked_azure) == ([], [])
    azure.down("prod")
    assert "nothing to destroy" in azure.said, "what somebody built so can be taken down"


def test_productions_state_is_where_it_is_shared(
    azure: Machine, asked_azure: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "azblob://state?storage_account=platformstate")
    azure.up("prod")
    assert azure.asked == ["stack init prod", "up --stack prod --yes"] and asked_azure == ["prod"]


def test_nobody_else_reads_what_a_run_writes(local: Machine) -> None:
    local.state.mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        local.up()
        assert os.umask(0o022) == 0o022, "what comes after is as it was"
    finally:
        os.umask(before)
    written = [*local.state.rglob("*"), local.root / "asked", local.state]
    assert len(written) > 3
    assert {path.name for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()


@pytest.mark.parametrize("command", [up, down, drift, recover_stack, rehearse])
def test_every_command_that_writes_state_or_a_kubeconfig_writes_for_its_user_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, command: Callable[..., object]
) -> None:
    found: list[int] = []

    def look(*_: object, **__: object) -> None:
        found.append(os.umask(0o077))
        raise UpError("seen")

    for module in ("up.prepare", "rehearse.missing_programs"):
        monkeypatch.setattr(f"bootstrap.platform.{module}", look)
    options: dict[str, bool | None] = dict.fromkeys(
        set(inspect.signature(command).parameters) & {"yes", "rebuild"}, True
    )
    options |= dict.fromkeys(
        set(inspect.signature(command).parameters) & {"kill_at", "seconds_per_minute", "charts"}, None
    )
    with pytest.raises(UpError, match="seen"):
        command(machine.root, "dev", console=machine.console, **options)
    assert found == [0o077]
