"""What `docker login`, `az acr login` and a pipeline's login step know of a registry."""

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError

DOCKER_HUB = "registry-1.docker.io"


class RegistryError(BootstrapError):
    """A registry cannot be asked, or does not answer as one; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A way into a registry. Nothing of it is ever printed."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    identity: bool = False
    """Whether the password is a refresh token, which is traded for an access token (Azure's and others')."""

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def credential_of(host: str) -> Credential | None:
    """Return the credential for a registry out of Docker's configuration; None where there is none.

    https://docs.docker.com/reference/cli/docker/login/#credential-stores

    Raises:
        RegistryError: the configuration cannot be read.
    """
    try:
        path = Path(os.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser() / "config.json"
    except RuntimeError:
        # nobody has signed in where there is no home: an identity without an entry, no HOME
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path} cannot be read: {type(error).__name__}") from None
    if not isinstance(config, dict):
        raise RegistryError(f"{path} holds no mapping")
    names = [host, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/"]
    if host == DOCKER_HUB:
        names = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", *names]
    for name in names:
        helper = _section(config, "credHelpers").get(name)
        stored = _ask_helper(helper, name) if helper else _stored(_section(config, "auths").get(name), path)
        if stored is not None:
            return stored
    return _ask_helper(config["credsStore"], names[0]) if config.get("credsStore") else None


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = config.get(key)
    return section if isinstance(section, dict) else {}


def _stored(entry: object, path: Path) -> Credential | None:
    if not isinstance(entry, dict):
        return None
    user, password = entry.get("username"), entry.get("password")
    if entry.get("auth"):
        try:
            user, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, TypeError):
            raise RegistryError(f"{path} holds an entry whose auth is not base64") from None
    if entry.get("identitytoken"):
        return Credential(user=str(user or ""), password=str(entry["identitytoken"]), identity=True)
    return Credential(user=str(user), password=str(password)) if user and password else None


def _ask_helper(helper: object, name: str) -> Credential | None:
    """Ask a credential helper: https://github.com/docker/docker-credential-helpers#development."""
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=name,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=30,
        )
        answer = json.loads(done.stdout) if done.returncode == 0 else None
        if answer is None:
            return None
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        raise RegistryError(f"docker-credential-{helper} gives no credential: {type(error).__name__}") from None
    return Credential(user=user, password=secret, identity=user == "<token>")
