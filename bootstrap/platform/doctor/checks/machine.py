"""What the machine that deploys has: tools, the state, a way to the API server."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bootstrap.platform.doctor.azure import Clients, signs_in_with_the_cli
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.findings import Finding, blocked, fine, unknown
from settings.types import Exposure
from settings.words import redact

_SECONDS = 8


def tools(needs: Needs, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the programs that a deployment runs, and at Pulumi's version."""
    path = environment.get("PATH")
    wanted = {
        "pulumi": "`make up` installs it, or https://www.pulumi.com/docs/iac/download-install/",
        "kubelogin": "https://azure.github.io/kubelogin/install.html",
        "git": "https://git-scm.com/downloads",
    }
    if needs.cluster_settings.kubelogin == "azurecli" or signs_in_with_the_cli(environment):
        wanted["az"] = "https://aka.ms/azure-cli"
    for program, source in wanted.items():
        found = shutil.which(program, path=path)
        if found is None:
            yield blocked("tools", program, "not on PATH", f"install it: {source}")
        elif program == "pulumi":
            yield _pulumi(found, environment)
        else:
            yield fine("tools", program, found)


def _pulumi(program: str, environment: Mapping[str, str]) -> Finding:
    try:
        done = _run(program, "version", environment=environment)
    except subprocess.TimeoutExpired:
        return unknown("tools", "pulumi", f"{program} does not say its version within {_SECONDS} s")
    except OSError as error:
        return blocked("tools", "pulumi", f"{program} does not run: {error.strerror}", "reinstall it")
    found, wanted = done.stdout.strip().lstrip("v"), version("pulumi")
    if done.returncode != 0:
        said = redact(done.stderr).strip()[:200]
        return blocked("tools", "pulumi", f"{program} does not run: {said}", "reinstall it")
    if _numbers(found) < _numbers(wanted):
        # an older engine may not have what the SDK asks of it, such as hooks
        return blocked("tools", "pulumi", f"{found} is older than the SDK's {wanted}", f"install {wanted} or newer")
    return fine("tools", "pulumi", f"{program}, {found}")


def _run(
    *command: str, environment: Mapping[str, str], folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split("-", maxsplit=1)[0].split(".") if part.isdigit()]


def state(needs: Needs, clients: Clients, url: str, root: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Ask whether the state can be read, and whether a lost state could be got back."""
    parts = urlsplit(url)
    subject = f"state in {redact(f'{parts.scheme}://{parts.netloc}{parts.path}')}"
    if parts.scheme == "file":
        if needs.settings.production:
            yield blocked(
                "state",
                subject,
                "production's state is on this machine's disk",
                "pulumi login azblob://<container>?storage_account=<account>",
            )
        else:
            yield fine("state", subject, "on this machine's disk")
        return
    if shutil.which("pulumi", path=environment.get("PATH")) is None:
        yield unknown("state", subject, "there is no Pulumi CLI to read it with")
        return
    try:
        listed = _run("pulumi", "--non-interactive", "stack", "ls", "--json", environment=environment, folder=root)
    except subprocess.TimeoutExpired:
        yield unknown("state", subject, f"no answer within {_SECONDS} s", "pulumi stack ls")
        return
    if listed.returncode != 0:
        said = redact(listed.stderr).strip()[:300]
        yield blocked("state", subject, f"cannot be read: {said}", f"pulumi login '{redact(url)}'")
        return
    yield from _updating(needs.stack, subject, listed.stdout)
    if parts.scheme == "azblob":
        account = parse_qs(parts.query).get("storage_account", [environment.get("AZURE_STORAGE_ACCOUNT", "")])[0]
        yield from _storage(clients, account, subject)
    elif parts.scheme in {"http", "https"}:
        yield fine("state", subject, "readable; the service keeps its history")
    else:
        yield unknown("state", subject, "readable; whether it is versioned is not asked outside Azure")


def _updating(stack: str, subject: str, listed: str) -> Iterator[Finding]:
    """Say whether another run holds the stack's lock."""
    for found in json.loads(listed):
        if found["name"].rsplit("/", 1)[-1] == stack and found.get("updateInProgress"):
            yield blocked(
                "state",
                subject,
                f"a run holds the lock of stack {stack}, or died with it",
                f"make recover STACK={stack}",
            )


def _storage(clients: Clients, account: str, subject: str) -> Iterator[Finding]:
    found = next((each for each in clients.storage.storage_accounts.list() if str(each.name) == account), None)
    if found is None:
        yield unknown("state", subject, f"the storage account {account!r} is in another subscription")
        return
    group = str(found.id).split("/")[4]
    kept = clients.storage.blob_services.get_service_properties(group, account)
    remedy = (
        f"az storage account blob-service-properties update --account-name {account} --resource-group {group} "
        "--enable-versioning true --enable-delete-retention true --delete-retention-days 30"
    )
    if not kept.is_versioning_enabled:
        yield blocked("state", subject, "blobs are not versioned: a broken state could not be got back", remedy)
    elif not (kept.delete_retention_policy and kept.delete_retention_policy.enabled):
        yield blocked("state", subject, "blobs are not soft-deleted: a deleted state could not be got back", remedy)
    else:
        yield fine("state", subject, "readable, versioned, soft-deleted")


def reach(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Say whether addons can be installed from here: through the API server, by somebody who may."""
    cluster = needs.cluster_settings
    exposure = cluster.api_server.exposure
    subject = "API server"
    if exposure in {Exposure.PRIVATE, Exposure.VNET_INTEGRATED}:
        yield unknown(
            "reach",
            subject,
            f"{exposure.value}: only machines in its network, or in one that is peered with it, reach it",
            "docs/runbooks/private-api-server.md",
        )
    elif exposure is Exposure.AUTHORIZED_RANGES:
        ranges = ", ".join(str(each) for each in cluster.api_server.authorized_ip_ranges)
        yield unknown("reach", subject, f"it answers {ranges}", "curl https://ifconfig.me (your own address)")
    else:
        yield fine("reach", subject, "public")
    admins = {str(each) for each in cluster.admin_group_object_ids}
    groups = {str(each) for each in clients.claims().get("groups") or ()}
    if admins & groups:
        yield fine("reach", "cluster's administrators", "whoever is signed in is one of them")
    else:
        yield unknown(
            "reach",
            "cluster's administrators",
            "the token does not say whether whoever is signed in is in one of cluster.adminGroupObjectIds",
            "; ".join(
                f"az ad group member check --group {group} --member-id {clients.claims().get('oid', '<object id>')}"
                for group in sorted(admins)
            )
            or "set cluster.adminGroupObjectIds",
        )
