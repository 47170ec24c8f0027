"""What the workflows need once for each stack: identities in Azure, environments and variables on GitHub.

Each identity trusts one GitHub environment, or two, and nothing has a password:
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust-user-assigned-managed-identity
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.platform.ci.markers import is_stack
from bootstrap.platform.run import settings_of
from bootstrap.yamlfile import parse, read_text
from settings import Settings
from settings.foundation import Azure

_ISSUER, _AUDIENCE = "https://token.actions.githubusercontent.com", "api://AzureADTokenExchange"
_REFERENCE = re.compile(r"\$\{([A-Z_]+)\}")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command; ``${NAME}`` in it is what an earlier one printed."""

    words: tuple[str, ...]
    keeps: str = ""
    """Name under which what it prints is kept."""
    given: str = ""
    """Its standard input."""
    there: str = ""
    """What it says where what it makes is there already."""

    def line(self) -> str:
        """Return it as a line of a shell script."""
        line = " ".join(_quoted(word) for word in self.words)
        line = f"{self.keeps}=$({line})" if self.keeps else line
        return f"{line} <<< {_quoted(self.given)}" if self.given else line


@dataclass(frozen=True, kw_only=True)
class Part:
    """Commands that belong together."""

    title: str
    commands: tuple[Command, ...]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody that a workflow signs in as."""

    name: str
    environments: tuple[str, ...]
    """Of GitHub, whose jobs may sign in as it."""
    roles: tuple[tuple[str, str], ...]
    """Each with its scope."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where everything is set up."""

    settings: Settings
    azure: Azure
    admins: str
    """The Entra group whose members administer the cluster."""
    stack: str
    repository: str
    """``owner/name`` on GitHub."""
    reviewers: str
    """The team that has to agree, such as ``platform``."""
    group: str
    """Resource group of the identities: one that no stack owns."""
    backend: str
    """URL of Pulumi's backend; empty where nobody says."""
    secrets_provider: str
    """URL of what encrypts the state's secrets; empty where a passphrase does."""

    @property
    def subscription(self) -> str:
        """Scope of the stack's subscription."""
        return f"/subscriptions/{self.azure.subscription_id}"


def target(root: Path, stack: str, *, repository: str, reviewers: str, group: str, backend: str) -> Target:
    """Read a stack file, and return where its workflows are set up.

    Raises:
        BootstrapError: the stack is not in Azure, or something cannot be what it is given as.
    """
    settings = settings_of(root, stack)
    if settings.azure is None or settings.cluster is None:
        raise BootstrapError(f"stack {stack} is not in Azure: its workflows would have nothing to sign in to")
    for option, given, form in (
        ("--repository", repository, r"[\w.-]+/[\w.-]+"),
        ("--reviewers", reviewers, r"[\w.-]+"),
        ("--group", group, r"[\w.()-]{1,90}"),
        ("--backend", backend, r"([a-z0-9]+://[\w./?=&:@~-]+)?"),
    ):
        if not re.fullmatch(form, given):
            raise BootstrapError(f"{option}: got {given!r}; allowed: {form}")
    if not is_stack(stack):
        raise BootstrapError(f"stack {stack!r} has a name that no environment takes")
    provider = str(parse(read_text(root / f"Pulumi.{stack}.yaml")).data.get("secretsprovider") or "")
    return Target(
        settings=settings,
        azure=settings.azure,
        admins=next(iter(settings.cluster.admin_group_object_ids), ""),
        stack=stack,
        repository=repository,
        reviewers=reviewers,
        group=group,
        backend=backend,
        secrets_provider=provider,
    )


def parts(to: Target) -> list[Part]:
    """Return everything that is run, in order."""
    return [
        *_groups(to),
        *(_identity(to, identity) for identity in identities(to)),
        _admins(to),
        _environments(to),
        _variables(to),
    ]


def identities(to: Target) -> list[Identity]:
    """Return who the workflows sign in as."""
    key = _key(to)
    decrypts = (("Key Vault Crypto User", f"${{KEYS}}/keys/{key[1]}"),) if key else ()
    reads = (
        ("Reader", to.subscription),
        ("Azure Kubernetes Service Cluster User Role", to.subscription),
        ("Azure Kubernetes Service RBAC Reader", to.subscription),
        (_secrets_role(to), to.subscription),
        *((("Storage Blob Data Reader", "${STATE}"),) if _account(to) else ()),
        *decrypts,
    )
    writes = (
        ("Owner", to.subscription),
        *((("Storage Blob Data Contributor", "${STATE}"),) if _account(to) else ()),
        *decrypts,
    )
    return [
        Identity(name="preview", environments=(f"preview-{to.stack}",), roles=reads),
        Identity(name="drift", environments=(f"drift-{to.stack}",), roles=reads),
        Identity(name="deploy", environments=(to.stack, f"rebuild-{to.stack}"), roles=writes),
    ]


def script(to: Target) -> str:
    """Return everything as a script of Bash."""
    lines: list[str] = []
    for part in parts(to):
        lines += [f"# {part.title}", *(command.line() for command in part.commands), ""]
    return "\n".join(lines[:-1]) + "\n"


def apply(todo: Sequence[Part], report: Callable[[str], None]) -> None:
    """Run everything.

    Raises:
        MissingToolError: a program is not there; nothing was run.
        BootstrapError: a command failed; those before it are done, and may be done again.
    """
    for program in ("az", "gh"):
        if shutil.which(program) is None:
            raise MissingToolError(f"{program} is not on PATH; run the printed commands where it is")
    kept: dict[str, str] = {}
    for part in todo:
        report(f"# {part.title}")
        for command in part.commands:
            report(command.line())
            _run(command, kept)


def _run(command: Command, kept: dict[str, str]) -> None:
    words = [_filled(word, kept) for word in command.words]
    done = subprocess.run(words, input=_filled(command.given, kept), capture_output=True, text=True, check=False)
    if done.returncode != 0 and not (command.there and command.there in done.stderr):
        why = done.stderr[-2000:]
        raise BootstrapError(
            f"`{shlex.join(words[:4])}` failed; what came before it is done, and may be done again:\n{why}"
        )
    if command.keeps:
        kept[command.keeps] = done.stdout.strip()


def _filled(text: str, kept: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: kept[found[1]], text)


def _quoted(word: str) -> str:
    if not _REFERENCE.search(word):
        return shlex.quote(word)
    escaped = re.sub(r'(["`\\]|\$(?!\{[A-Z_]+\}))', r"\\\1", word)
    return f'"{escaped}"'


def _named(to: Target, identity: str) -> str:
    return f"id-{to.settings.platform}-{to.settings.environment}-ci-{identity}"


def _secrets_role(to: Target) -> str:
    return f"{to.settings.platform}-{to.settings.environment} reads Helm records"


def _account(to: Target) -> str:
    """Return the storage account of a backend in Azure."""
    parts_ = urlsplit(to.backend)
    return parse_qs(parts_.query).get("storage_account", [""])[0] if parts_.scheme == "azblob" else ""


def _key(to: Target) -> tuple[str, str] | None:
    """Return the vault and the key that encrypt the state's secrets."""
    found = re.match(r"azurekeyvault://([\w-]+)\.vault\.azure\.net/keys/([\w-]+)", to.secrets_provider)
    return (found[1], found[2]) if found else None


def _groups(to: Target) -> Iterator[Part]:
    create = ("az", "group", "create", "--name", to.group, "--location", to.azure.location, "--output", "none")
    commands = [
        Command(words=("az", "account", "set", "--subscription", to.azure.subscription_id)),
        Command(words=create),
    ]
    if account := _account(to):
        show = ("az", "storage", "account", "show", "--name", account, "--query", "id", "--output", "tsv")
        commands.append(Command(words=show, keeps="STATE"))
    if key := _key(to):
        vault = ("az", "keyvault", "show", "--name", key[0], "--query", "id", "--output", "tsv")
        commands.append(Command(words=vault, keeps="KEYS"))
    yield Part(title="where identities are, and what they have to reach", commands=tuple(commands))
    role = {
        "Name": _secrets_role(to),
        "Description": "Helm keeps its records in Secrets, and a refresh reads them",
        "Actions": [],
        "DataActions": ["Microsoft.ContainerService/managedClusters/secrets/read"],
        "AssignableScopes": [to.subscription],
    }
    define = ("az", "role", "definition", "create", "--role-definition", json.dumps(role), "--output", "none")
    yield Part(
        title="a role: to read Secrets in clusters, and nothing else",
        commands=(Command(words=define, there="RoleDefinitionWithSameNameExists"),),
    )


def _identity(to: Target, identity: Identity) -> Part:
    name, variable = _named(to, identity.name), identity.name.upper()
    where = ("--name", name, "--resource-group", to.group)
    commands = [Command(words=("az", "identity", "create", *where, "--output", "none"))]
    for what in ("clientId", "principalId"):
        show = ("az", "identity", "show", *where, "--query", what, "--output", "tsv")
        commands.append(Command(words=show, keeps=f"{variable}_{'CLIENT' if what == 'clientId' else 'PRINCIPAL'}"))
    for environment in identity.environments:
        subject = f"repo:{to.repository}:environment:{environment}"
        create = ("az", "identity", "federated-credential", "create", "--name", f"github-{environment}")
        more = ("--identity-name", name, "--resource-group", to.group, "--issuer", _ISSUER, "--subject", subject)
        commands.append(Command(words=(*create, *more, "--audiences", _AUDIENCE, "--output", "none")))
    for role, scope in identity.roles:
        assign = ("az", "role", "assignment", "create", "--role", role, "--scope", scope)
        whom = ("--assignee-object-id", f"${{{variable}_PRINCIPAL}}", "--assignee-principal-type", "ServicePrincipal")
        commands.append(Command(words=(*assign, *whom, "--output", "none")))
    return Part(
        title=f"{identity.name}: whoever runs in {' or '.join(identity.environments)}", commands=tuple(commands)
    )


def _admins(to: Target) -> Part:
    add = ("az", "ad", "group", "member", "add", "--group", to.admins, "--member-id", "${DEPLOY_PRINCIPAL}")
    return Part(
        title="who deploys installs the addons, through the API server",
        commands=(Command(words=add, there="already exist"),) if to.admins else (),
    )


def _environments(to: Target) -> Part:
    owner = to.repository.partition("/")[0]
    team = ("gh", "api", f"orgs/{owner}/teams/{to.reviewers}", "--jq", ".id")
    commands = [Command(words=team, keeps="TEAM")]
    main_only = {"protected_branches": False, "custom_branch_policies": True}
    for environment, asks, branch in (
        # a pull request's run is of no branch
        (f"preview-{to.stack}", True, False),
        (f"drift-{to.stack}", False, True),
        (to.stack, True, True),
        (f"rebuild-{to.stack}", True, True),
    ):
        path = f"repos/{to.repository}/environments/{environment}"
        body: dict[str, object] = {"deployment_branch_policy": main_only if branch else None}
        text = json.dumps(body)
        if asks:
            reviewers = '"reviewers": [{"type": "Team", "id": ${TEAM}}], "prevent_self_review": true'
            text = f"{{{reviewers}, {text[1:]}"
        put = ("gh", "api", "--method", "PUT", path, "--silent", "--input", "-")
        commands.append(Command(words=put, given=text))
        if branch:
            post = ("gh", "api", "--method", "POST", f"{path}/deployment-branch-policies", "--silent")
            commands.append(Command(words=(*post, "--field", "name=main"), there="already exists"))
    return Part(title="environments on GitHub: who has to agree, and from which branch", commands=tuple(commands))


def _variables(to: Target) -> Part:
    commands = []
    for identity in identities(to):
        for environment in identity.environments:
            values = {
                "AZURE_CLIENT_ID": f"${{{identity.name.upper()}_CLIENT}}",
                "AZURE_TENANT_ID": to.azure.tenant_id,
                "AZURE_SUBSCRIPTION_ID": to.azure.subscription_id,
                **({"PULUMI_BACKEND_URL": to.backend} if to.backend else {}),
            }
            for name, value in values.items():
                put = ("gh", "variable", "set", name, "--repo", to.repository, "--env", environment)
                commands.append(Command(words=(*put, "--body", value)))
    return Part(title="variables of the environments; there is no secret", commands=tuple(commands))
