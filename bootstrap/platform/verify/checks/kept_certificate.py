"""The vault has a copy of the default certificate, which a rebuild begins with."""

from collections.abc import Iterator

from bootstrap.platform.findings import Finding, failed, fine
from bootstrap.platform.verify.objects import condition, is_true, path_of, said
from bootstrap.platform.verify.target import Check, Target
from components.addons.external_secrets import KEEPER_SERVICE_ACCOUNT
from components.addons.ingress import DEFAULT_CERTIFICATE, NAMESPACE
from conventions import CERTIFICATE_STORE

_GROUP = "external-secrets.io"


def kept(target: Target) -> Iterator[Finding]:
    """Read whether the operator could write the copy the last time that it looked."""
    push = target.cluster.find(path_of(_GROUP, "v1alpha1", "pushsecrets", NAMESPACE, DEFAULT_CERTIFICATE))
    subject = f"{target.settings.kept_certificate} in the vault"
    if push is None:
        up = f"make up STACK={target.stack}"
        yield failed(
            "kept-certificate", subject, "nobody writes it", cause="somebody deleted the PushSecret", remedy=up
        )
        return
    if is_true(push, "Ready"):
        yield fine("kept-certificate", subject, "written")
        return
    store = target.cluster.find(path_of(_GROUP, "v1", "clustersecretstores", name=CERTIFICATE_STORE)) or {}
    cause = f"{KEEPER_SERVICE_ACCOUNT} has lost its role on that secret, or the certificate is not issued yet"
    if not is_true(store, "Ready"):
        cause = f"the store {CERTIFICATE_STORE} is not ready: {said(condition(store, 'Ready'))}"
    yield failed(
        "kept-certificate",
        subject,
        f"not written: {said(condition(push, 'Ready'))}",
        cause=cause,
        remedy=target.kube("-n", NAMESPACE, "describe", "pushsecret", DEFAULT_CERTIFICATE),
    )


CHECK = Check(
    name="kept-certificate",
    does="reads whether the default certificate was written to the vault",
    ask=kept,
    applies=lambda target: target.settings.kept_certificate is not None,
)
