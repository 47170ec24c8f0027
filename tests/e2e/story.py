"""The local stack on a cluster whose pods are real, with the real charts: what its chapters have in common."""

import http.client
import socket
import ssl
import subprocess
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from bootstrap.platform.reach import Entry, entry
from tests.e2e.clone import Clone

APPLICATIONS = ("argoproj.io", "v1alpha1", "argocd", "applications")
HELLO = "gitops/apps/hello/local.yaml"
"""What hello's local environment differs in."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """The clone, the cluster, and what was in it at the beginning."""

    clone: Clone
    api: Any
    before: frozenset[str]

    def application(self, name: str) -> dict[str, Any]:
        found: Any = client.CustomObjectsApi(self.api).get_namespaced_custom_object(*APPLICATIONS, name)
        return dict(found)

    def healthy(self, name: str) -> bool:
        """Return whether an application is what Git says, and works."""
        try:
            status = self.application(name).get("status", {})
        except client.ApiException:
            return False
        return bool(
            status.get("sync", {}).get("status") == "Synced" and status.get("health", {}).get("status") == "Healthy"
        )

    def up(self) -> str:
        done = self.clone.bootstrap("up", "--yes", "--no-verify")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        return done.stdout

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """Ask for a page by HTTPS, and trust nobody but the stack's own authority."""
        return self.ask(host, "GET", path)

    def ask(self, host: str, method: str, path: str, body: str = "", token: str = "") -> tuple[int, str]:
        """Send a request by HTTPS; return the status, and the whole answer."""
        secret: Any = client.CoreV1Api(self.api).read_namespaced_secret("self-signed-ca", "cert-manager")
        trusted = ssl.create_default_context(cadata=b64decode(secret.data["ca.crt"]).decode())
        found: Entry = entry(self.api, mapped=False)
        assert found.address, "the proxies have no address"
        connection = http.client.HTTPSConnection(host, timeout=30)
        with (
            socket.create_connection((found.address, found.https), timeout=30) as plain,
            trusted.wrap_socket(plain, server_hostname=host) as connection.sock,
        ):
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")

    def change(self, old: str, new: str) -> None:
        """Commit a change of what hello's local environment differs in."""
        path = self.clone.folder / HELLO
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.git("commit", "--quiet", "--all", "--message", f"{old!r} -> {new!r}")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=self.clone.folder, check=True, capture_output=True)
