"""Images that have to be signed: who is asked, what is refused, and cosign itself where it is on PATH."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bootstrap.delivery.promote import signature
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.delivery.promote.signature import check_signature
from bootstrap.delivery.signers import SignedBy
from bootstrap.delivery.tenants import parse_tenant
from bootstrap.errors import GitOpsError, MissingToolError, RefusedError
from tests.git.remotes import Remote, git
from tests.oci_registry import crane_registry

SHA, DIGEST = "4f2a9c1d" * 5, f"sha256:{'ab' * 32}"
ISSUER = "https://token.actions.githubusercontent.com"
IDENTITY = "https://github.com/example/shop/.github/workflows/build.yml@refs/heads/main"
KEYLESS = {"issuer": ISSUER, "identity": IDENTITY}
REQUEST = Request(app="shop", environment="dev", value=SHA, digest=DIGEST, render=False)


def tenant(signed_by: Mapping[str, object] | None, *, signed: bool = True) -> str:
    return json.dumps(
        {
            "owner": "team@example.com",
            "chart": "web",
            "registries": ["registry.example.com"],
            "environments": {"dev": {"signed": signed}},
            **({"signedBy": signed_by} if signed_by else {}),
        }
    )


def signer(**given: object) -> SignedBy:
    return SignedBy.model_validate(given)


def set_tenant(remote: Remote, text: str) -> None:
    folder = remote.clone(f"tenants-{len(remote.subjects())}")
    (folder / "tenants").mkdir()
    (folder / "tenants/shop.yaml").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "tenants")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def cosign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that writes down its arguments; it ends as the file beside it says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cosign").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/asked\n'
        f'echo "no matching signatures" >&2\nexit $(cat {folder}/status)\n'
    )
    (folder / "cosign").chmod(0o755)
    (folder / "status").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_an_environment_that_asks_for_it_gets_signed_images_only(remote: Remote, clone: Path, cosign: Path) -> None:
    set_tenant(remote, tenant(KEYLESS))
    (cosign / "status").write_text("1")
    with pytest.raises(RefusedError, match=r"has no signature of .*build\.yml.*no matching signatures"):
        promote(clone, REQUEST)
    (cosign / "status").write_text("0")
    assert promote(clone, REQUEST).commit
    assert (cosign / "asked").read_text().splitlines() == [
        "verify",
        f"--certificate-oidc-issuer={ISSUER}",
        f"--certificate-identity={IDENTITY}",
        "--",
        f"registry.example.com/shop@{DIGEST}",
    ]


def test_an_image_that_is_called_like_an_option_is_none(cosign: Path) -> None:
    check_signature(f"--insecure-ignore-tlog=true@{DIGEST}", signer(**KEYLESS))
    assert (cosign / "asked").read_text().splitlines()[-2:] == ["--", f"--insecure-ignore-tlog=true@{DIGEST}"]


def test_without_a_digest_nothing_says_what_was_signed(remote: Remote, clone: Path, cosign: Path) -> None:
    set_tenant(remote, tenant(KEYLESS))
    with pytest.raises(RefusedError, match=r"names no digest, and dev takes signed images only .*say --digest too"):
        promote(clone, replace(REQUEST, digest=None))
    assert not (cosign / "asked").exists()


@pytest.mark.parametrize("text", [tenant(KEYLESS, signed=False), tenant(None, signed=False)])
def test_nobody_is_asked_where_nobody_wants_it(remote: Remote, clone: Path, cosign: Path, text: str) -> None:
    set_tenant(remote, text)
    assert promote(clone, REQUEST).commit
    assert not (cosign / "asked").exists()


def test_verify_asks_where_the_file_names_a_signer(
    remote: Remote, clone: Path, cosign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_tenant(remote, tenant(KEYLESS, signed=False))
    monkeypatch.setattr("bootstrap.delivery.promote.attempts.verify", lambda *_: None)
    assert promote(clone, replace(REQUEST, verify=True)).commit
    assert (cosign / "asked").read_text().startswith("verify\n")


def test_a_program_that_is_missing_lets_nothing_pass(
    remote: Remote, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_tenant(remote, tenant(KEYLESS))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingToolError, match="has to be signed, and cosign is not on PATH"):
        promote(clone, REQUEST)


def test_an_attestation_may_take_the_signatures_place(cosign: Path) -> None:
    check_signature("registry/shop@sha256:1", signer(**KEYLESS, attestation="slsaprovenance1"))
    assert (cosign / "asked").read_text().splitlines()[:3] == ["verify-attestation", "--type", "slsaprovenance1"]
    (cosign / "status").write_text("1")
    with pytest.raises(RefusedError, match="has no attestation slsaprovenance1 of"):
        check_signature("registry/shop@sha256:1", signer(**KEYLESS, attestation="slsaprovenance1"))


def test_a_check_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "cosign"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(slow))
    monkeypatch.setattr(signature, "_SECONDS", 0.2)
    with pytest.raises(RefusedError, match=r"cosign had no answer within 0\.2 s"):
        check_signature("registry/shop@sha256:1", signer(**KEYLESS))


PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"issuer": ISSUER}, "allowed: a mapping with issuer and identity, or with key"),
        ({**KEYLESS, "key": PEM}, "allowed: a mapping with issuer and identity, or with key"),
        ({}, "signedBy"),
        ({**KEYLESS, "transparencyLog": False}, "allowed with key only: transparencyLog: false"),
        ({"key": "cosign.pub"}, "signedBy.key: got 'cosign.pub'; allowed: a public key, PEM, or one of a key"),
        ({**KEYLESS, "attestation": "vuln"}, "signedBy.attestation: got 'vuln'; allowed: slsaprovenance,"),
        ({**KEYLESS, "who": "me"}, "signedBy.who is unknown; allowed: attestation, identity, issuer, key,"),
        ("me", "signedBy: got 'me'; allowed: a mapping with issuer and identity, or with key"),
    ],
)
def test_a_mistake_is_told_with_its_place(given: object, told: str) -> None:
    content = YAML(typ="safe").load(tenant(KEYLESS))
    content["signedBy"] = given
    with pytest.raises(GitOpsError) as error:
        parse_tenant(json.dumps(content), "tenants/shop.yaml")
    assert told in str(error.value)


def test_an_environment_cannot_ask_where_no_signer_is_named() -> None:
    with pytest.raises(GitOpsError, match=r"signedBy is missing, which environments\.dev\.signed needs"):
        parse_tenant(tenant(None), "tenants/shop.yaml")


@pytest.mark.skipif(not (shutil.which("cosign") and shutil.which("crane")), reason="needs cosign and crane on PATH")
def test_cosign_itself_tells_a_signed_image_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    run("cosign", "generate-key-pair")
    ours = signer(key=(tmp_path / "cosign.pub").read_text(), transparencyLog=False)
    (tmp_path / "layer").write_text("shop")
    run("tar", "-cf", "layer.tar", "layer")
    with crane_registry() as registry:
        images = {}
        for name in ("signed", "unsigned"):
            (tmp_path / "layer").write_text(name)
            run("tar", "-cf", "layer.tar", "layer")
            run("crane", "append", "-f", "layer.tar", "-t", f"{registry}/{name}:1", "--insecure")
            images[name] = f"{registry}/{name}@{run('crane', 'digest', f'{registry}/{name}:1', '--insecure')}"
        quiet = ["--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false", "--yes"]
        run("cosign", "sign", "--key", "cosign.key", *quiet, images["signed"])
        check_signature(images["signed"], ours)
        with pytest.raises(RefusedError, match="has no signature of the tenant's key"):
            check_signature(images["unsigned"], ours)
        run("cosign", "generate-key-pair", "--output-key-prefix", "other")
        theirs = signer(key=(tmp_path / "other.pub").read_text(), transparencyLog=False)
        with pytest.raises(RefusedError, match="has no signature of the tenant's key"):
            check_signature(images["signed"], theirs)
