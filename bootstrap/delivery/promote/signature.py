"""Asks cosign whether an image is signed by whom the platform says."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.delivery.promote.edit import repository_of
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.delivery.promote.tenant import tenant_of
from bootstrap.delivery.promote.version import digest_of
from bootstrap.delivery.signers import SignedBy
from bootstrap.delivery.tenants import tenant_file
from bootstrap.errors import MissingToolError, RefusedError

_SECONDS = 120


def check_signed(repository: Repository, edit: Edit, request: Request) -> None:
    """Let an image pass that is signed as its tenant's file asks, or that nobody asks it of.

    An environment asks with ``signed``, and ``--verify`` does where the file names a signer. What ran before may run
    again.

    Raises:
        MissingToolError: cosign is not there.
        RefusedError: the image is not signed so, or names no digest, or its repository cannot be determined.
    """
    tenant = tenant_of(repository, edit.tip, request.app) if request.takes_back is None else None
    if tenant is None or tenant.signed_by is None:
        return
    asked = request.environment in tenant.environments and tenant.of(request.environment).signed
    if not (asked or request.verify):
        return
    digest = digest_of(edit.after) or request.digest
    if digest is None:
        asking = f"{request.environment} takes signed images only" if asked else "--verify asks for a signature"
        raise RefusedError(
            f"{edit.after} names no digest, and {asking} ({tenant_file(repository.prefix, request.app)}): "
            "say --digest too"
        )
    check_signature(f"{repository_of(repository, edit, request)}@{digest}", tenant.signed_by)


def check_signature(image: str, signed_by: SignedBy) -> None:
    """Return when the registry has a signature of an image that fits.

    Args:
        image: its name with its digest, which alone is what was signed.
        signed_by: who has to have signed it.

    Raises:
        MissingToolError: cosign is not there.
        RefusedError: there is no such signature, or cosign cannot tell; the text ends with its own words.
    """
    cosign = shutil.which("cosign")
    if cosign is None:
        raise MissingToolError(
            f"{image} has to be signed, and cosign is not on PATH: https://docs.sigstore.dev/cosign/system_config/installation/"
        )
    with _key_file(signed_by) as key:
        try:
            done = subprocess.run(  # noqa: S603 - each argument is one word, and none is read by a shell
                [cosign, *_arguments(signed_by, key), "--", image],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise RefusedError(f"{image}: cosign had no answer within {_SECONDS} s; nothing was promoted") from None
    if done.returncode != 0:
        what = f"attestation {signed_by.attestation}" if signed_by.attestation else "signature"
        whose = f"{signed_by.identity} ({signed_by.issuer})" if signed_by.key is None else "the tenant's key"
        detail = " ".join(done.stderr.split())[-500:] or f"cosign ended with {done.returncode}"
        raise RefusedError(f"{image} has no {what} of {whose}; nothing was promoted: {detail}")


def _arguments(signed_by: SignedBy, key: str | None) -> list[str]:
    """https://github.com/sigstore/cosign/blob/main/doc/cosign_verify.md and cosign_verify-attestation.md."""
    command = ["verify-attestation", "--type", signed_by.attestation] if signed_by.attestation else ["verify"]
    if key is not None:
        return [*command, "--key", key, *([] if signed_by.transparency_log else ["--insecure-ignore-tlog=true"])]
    return [
        *command,
        f"--certificate-oidc-issuer={signed_by.issuer}",
        f"--certificate-identity={signed_by.identity}",
    ]


@contextmanager
def _key_file(signed_by: SignedBy) -> Iterator[str | None]:
    """Yield the key as cosign takes it: the URI, or a file with the key."""
    if signed_by.key is None or "://" in signed_by.key:
        yield signed_by.key
        return
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-key-") as folder:
        file = Path(folder) / "cosign.pub"
        file.write_text(signed_by.key, encoding="utf-8")
        yield str(file)
