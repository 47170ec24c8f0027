"""Commands that people copy: each names the cluster that it is for, whatever their own kubeconfig is set to."""

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClusterCommands:
    """Writes commands for one cluster."""

    kubeconfig: str = ""
    """Path of its kubeconfig; empty where it is the shell's own."""
    context: str = ""
    """Context in it; empty for the current one."""

    def kubectl(self, *arguments: str) -> str:
        """Return a command of kubectl's."""
        return self._command("kubectl", "--context", *arguments)

    def helm(self, *arguments: str) -> str:
        """Return a command of Helm's."""
        return self._command("helm", "--kube-context", *arguments)

    def _command(self, program: str, context: str, *arguments: str) -> str:
        chosen = ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        chosen += [context, self.context] if self.context else []
        return shlex.join([program, *chosen, *arguments])
