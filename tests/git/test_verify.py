"""``--verify``: a registry is asked for an image over HTTP, with and without credentials."""

import base64
import hashlib
import json
from email.message import Message

import pytest

from bootstrap import registry as registry_module
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.registry import verify
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import ImageMissingError, RefusedError
from bootstrap.registry import parse_image
from bootstrap.registry_credentials import RegistryError, credential_of
from tests.git.loopback_registry import DIGEST, MANIFEST, serve
from tests.git.remotes import change

SHA = "4f2a9c1d"


@pytest.fixture
def registry():
    with serve() as running:
        yield running


@pytest.fixture
def docker(tmp_path):
    """Write Docker's configuration."""

    def write(config):
        folder = tmp_path / "docker"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))

    return write


def encoded(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def check(registry, value=SHA, digest=None):
    verify(f"{registry.host}/team/shop", value, digest)


def test_an_image_that_is_there_is_asked_for_without_being_fetched(registry):
    check(registry)
    check(registry, DIGEST)
    check(registry, f"4f2a9c1d@{DIGEST}")
    assert [asked[:2] for asked in registry.asked] == [
        ("HEAD", f"/v2/team/shop/manifests/{SHA}"),
        ("HEAD", f"/v2/team/shop/manifests/{DIGEST}"),
        ("HEAD", f"/v2/team/shop/manifests/{DIGEST}"),
    ]


def test_an_image_that_is_not_there_ends_with_4(registry):
    with pytest.raises(ImageMissingError, match=f"there is no {registry.host}/team/shop:5a5a5a5a") as told:
        check(registry, "5a5a5a5a")
    assert told.value.exit_code == 4


def test_a_tag_that_stands_for_another_digest_is_not_the_image(registry):
    check(registry, digest=DIGEST)
    with pytest.raises(ImageMissingError, match=f"is {DIGEST} by now, not sha256:00"):
        check(registry, digest=f"sha256:{'0' * 64}")


def test_a_registry_that_names_no_digest_is_held_to_the_bytes_of_the_manifest(registry):
    registry.names_digest = None
    check(registry, digest=DIGEST)
    check(registry, f"{SHA}@{DIGEST}")
    check(registry, digest=f"sha512:{hashlib.sha512(MANIFEST).hexdigest()}")
    with pytest.raises(ImageMissingError, match=f"is {DIGEST} by now, not sha256:00"):
        check(registry, digest=f"sha256:{'0' * 64}")
    with pytest.raises(ImageMissingError, match="by now, not sha512:00"):
        check(registry, digest=f"sha512:{'0' * 128}")


def test_a_digest_by_another_algorithm_than_the_registry_names_is_computed(registry):
    check(registry, digest=f"sha512:{hashlib.sha512(MANIFEST).hexdigest()}")
    with pytest.raises(ImageMissingError):
        check(registry, digest=f"sha512:{'0' * 128}")


@pytest.mark.parametrize(
    ("manifest", "says"),
    [(b"", "names no digest"), (b"x" * ((4 << 20) + 1), "which is no manifest")],
    ids=["empty", "endless"],
)
def test_a_digest_that_cannot_be_told_is_an_error(registry, manifest, says):
    registry.names_digest, registry.manifest = None, manifest
    with pytest.raises(RegistryError, match=says):
        check(registry, digest=DIGEST)


def test_a_digest_that_is_not_asked_for_is_not_fetched(registry):
    registry.names_digest = None
    check(registry)
    assert [asked[0] for asked in registry.asked] == ["HEAD"]


def test_the_digest_is_computed_behind_a_challenge_too(registry):
    registry.auth, registry.names_digest = "bearer", None
    check(registry, digest=DIGEST)
    assert registry.asked[-1] == ("GET", f"/v2/team/shop/manifests/{SHA}", "Bearer good")


def test_the_token_challenge_is_answered_without_a_credential(registry):
    registry.auth = "bearer"
    check(registry)
    assert [asked[2] for asked in registry.asked] == [None, None, "Bearer good"]


def test_the_token_challenge_is_answered_with_dockers_credential(registry, docker):
    registry.auth, registry.anonymous = "bearer", False
    docker({"auths": {registry.host: {"auth": encoded("robot", "hunter2")}}})
    check(registry)


def test_an_image_that_is_missing_behind_a_challenge_is_missing(registry):
    registry.auth = "bearer"
    with pytest.raises(ImageMissingError):
        check(registry, "5a5a5a5a")


def test_an_identity_token_is_traded_for_an_access_token(registry, docker):
    registry.auth, registry.refresh_token = "bearer", "refresh"
    docker({"auths": {registry.host: {"auth": encoded("0000", ""), "identitytoken": "refresh"}}})
    check(registry)
    assert registry.asked[1] == ("POST", "/token", None)


def test_a_credential_helper_is_asked(registry, docker, tmp_path, monkeypatch):
    registry.auth, registry.anonymous = "bearer", False
    helper = tmp_path / "docker-credential-mine"
    helper.write_text('#!/bin/sh\nread host\necho "{\\"Username\\": \\"robot\\", \\"Secret\\": \\"hunter2\\"}"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    docker({"credHelpers": {registry.host: "mine"}})
    check(registry)
    docker({"credsStore": "mine"})
    check(registry)
    docker({"credsStore": "absent"})
    with pytest.raises(RegistryError, match="docker-credential-absent gives no credential"):
        check(registry)


def test_basic_authentication_is_enough_for_some(registry, docker):
    registry.auth = "basic"
    with pytest.raises(RegistryError, match=f"docker login {registry.host}"):
        check(registry)
    docker({"auths": {f"https://{registry.host}": {"username": "robot", "password": "hunter2"}}})
    check(registry)


def test_a_refused_credential_is_told_without_it(registry, docker):
    registry.auth, registry.anonymous = "bearer", False
    with pytest.raises(RegistryError, match=r"gives no token without signing in \(401\)"):
        check(registry)
    docker({"auths": {registry.host: {"auth": encoded("robot", "swordfish")}}})
    with pytest.raises(RegistryError, match=r"refuses the credential \(401\)") as told:
        check(registry)
    assert "swordfish" not in str(told.value) and encoded("robot", "swordfish") not in str(told.value)
    assert "swordfish" not in repr(credential_of(registry.host))


@pytest.mark.parametrize(("status", "says"), [(403, "may not be read"), (500, "answers 500"), (429, "answers 429")])
def test_a_registry_that_does_not_say_is_an_error_and_not_a_missing_image(registry, status, says):
    registry.answer = status
    with pytest.raises(RegistryError, match=says) as told:
        check(registry)
    assert told.value.exit_code == 1


def test_a_registry_that_is_not_there_is_told():
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 cannot be reached"):
        verify("127.0.0.1:9/team/shop", SHA)


def test_a_credential_does_not_follow_a_redirect_to_another_host(registry):
    with serve() as other:
        registry.auth, registry.redirect = "bearer", f"http://{other.host}"
        check(registry)
        assert registry.asked[-1][2] == "Bearer good"
        assert [asked[1:] for asked in other.asked] == [(f"/v2/team/shop/manifests/{SHA}", None)]


def test_a_credential_does_not_go_to_a_token_server_without_tls(registry, docker):
    registry.auth, registry.realm = "bearer", "http://tokens.example.com/token"
    docker({"auths": {registry.host: {"auth": encoded("robot", "hunter2")}}})
    with pytest.raises(RegistryError, match="without TLS"):
        check(registry)


@pytest.mark.parametrize("identity", [{}, {"identitytoken": "refresh"}], ids=["password", "refresh token"])
def test_a_credential_does_not_go_to_another_host_that_a_registry_names(registry, docker, identity):
    with serve() as other:
        registry.auth, registry.realm = "bearer", f"http://{other.host}/token"
        docker({"auths": {registry.host: {"auth": encoded("robot", "hunter2"), **identity}}})
        with pytest.raises(RegistryError, match=f"wants its credential sent to {other.host}") as told:
            check(registry)
        assert other.asked == []
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("repository", "realm", "sent"),
    [
        ("contoso.azurecr.io/shop", "https://contoso.azurecr.io/oauth2/token", True),
        ("contoso.azurecr.io/shop", "https://contoso.azurecr.io:443/oauth2/token", True),
        ("contoso.azurecr.io/shop", "https://CONTOSO.azurecr.io/oauth2/token", True),
        ("contoso.azurecr.io/shop", "https://mallory.azurecr.io/oauth2/token", False),
        ("contoso.azurecr.io/shop", "https://contoso.azurecr.io.example.com/token", False),
        ("contoso.azurecr.io/shop", "https://contoso.azurecr.io:8443/token", False),
        ("contoso.azurecr.io/shop", "https://contoso.azurecr.io@example.com/token", False),
        ("contoso.azurecr.io/shop", "https://auth.docker.io/token", False),
        ("contoso.azurecr.io/shop", "http://contoso.azurecr.io/token", False),
        ("contoso.azurecr.io/shop", "http://127.0.0.1/token", False),
        ("contoso.azurecr.io/shop", "file:///etc/passwd", False),
        ("contoso.azurecr.io/shop", "https://[/token", False),
        ("contoso.azurecr.io/shop", "//contoso.azurecr.io/token", False),
        ("example/shop", "https://auth.docker.io/token", True),
        ("example/shop", "https://auth.docker.io:8443/token", False),
        ("registry.gitlab.com/x/y", "https://gitlab.com/jwt/auth", True),
        ("registry.gitlab.com/x/y", "https://auth.docker.io/token", False),
    ],
)
def test_a_credential_goes_to_the_registrys_own_host_and_to_known_token_servers(
    monkeypatch, docker, repository, realm, sent
):
    asked = []

    def fetch(url, *, method=None, headers=None, authorization=None, data=None, into=None, limit=None, follow=True):
        asked.append((url, authorization))
        if method == "HEAD" and authorization is None:
            challenge = Message()
            challenge["WWW-Authenticate"] = f'Bearer realm="{realm}",service="s"'
            return registry_module.Reply(401, challenge, b"")
        return registry_module.Reply(200, Message(), b'{"token": "good"}')

    monkeypatch.setattr(registry_module, "fetch", fetch)
    names = ["https://index.docker.io/v1/", "contoso.azurecr.io", "registry.gitlab.com"]
    docker({"auths": {name: {"auth": encoded("robot", "hunter2")} for name in names}})
    if sent:
        verify(repository, SHA)
    else:
        with pytest.raises(RegistryError):
            verify(repository, SHA)
    secret = f"Basic {encoded('robot', 'hunter2')}"
    assert any(authorization == secret for _, authorization in asked) is sent


def test_a_token_request_follows_no_redirect(registry, docker):
    with serve() as other:
        registry.auth, registry.token_redirect = "bearer", f"http://{other.host}/token"
        docker({"auths": {registry.host: {"auth": encoded("robot", "hunter2")}}})
        with pytest.raises(RegistryError, match="answers 302"):
            check(registry)
        assert other.asked == []


def test_a_redirect_that_leaves_tls_or_http_is_not_followed(registry):
    registry.redirect = "ftp://127.0.0.1:9"
    with pytest.raises(RegistryError, match="answers 307"):
        check(registry)


@pytest.mark.parametrize(
    "config", ["{", "[]", {"auths": {"127.0.0.1:9": {"auth": "!"}}}, {"auths": {"127.0.0.1:9": {"auth": 3}}}]
)
def test_a_broken_docker_configuration_is_told(docker, config):
    docker(config)
    with pytest.raises(RegistryError, match=r"config\.json"):
        credential_of("127.0.0.1:9")


@pytest.mark.parametrize("config", [{}, {"auths": None}, {"auths": {"x": {}}}, {"auths": {"127.0.0.1:9": {}}}])
def test_a_docker_configuration_without_the_registry_gives_nothing(docker, config):
    docker(config)
    assert credential_of("127.0.0.1:9") is None


@pytest.mark.parametrize(
    ("repository", "origin", "name"),
    [
        ("nginx", "https://registry-1.docker.io", "library/nginx"),
        ("example/shop", "https://registry-1.docker.io", "example/shop"),
        ("docker.io/example/shop", "https://registry-1.docker.io", "example/shop"),
        ("ghcr.io/example/team/shop", "https://ghcr.io", "example/team/shop"),
        ("contoso.azurecr.io:443/shop", "https://contoso.azurecr.io:443", "shop"),
        ("localhost:5000/shop", "http://localhost:5000", "shop"),
        ("127.0.0.1:5000/shop", "http://127.0.0.1:5000", "shop"),
    ],
)
def test_an_images_name_is_read_as_docker_does(repository, origin, name):
    image = parse_image(repository)
    assert (image.origin, image.name) == (origin, name)


@pytest.mark.parametrize(
    "repository",
    ["robot:hunter2@ghcr.io/x/y", "https://robot:hunter2@ghcr.io/x", "ghcr.io/Shop", "ghcr.io/", "", "a b"],
)
def test_what_is_no_name_is_refused_and_not_repeated(repository):
    with pytest.raises(RefusedError, match="not the name of an image's repository") as told:
        parse_image(repository)
    assert "hunter2" not in str(told.value)


def verified(remote, registry, *, values="", env=""):
    """Put the registry's name into the base, or into the environment's file."""
    change(remote, "shop", "values", lambda _: values.format(host=registry.host) or "x: 1\n")
    if env:
        change(remote, "shop", "dev", lambda text: text.replace("image:\n", env.format(host=registry.host)))


def promotion(value=SHA, **more):
    return Request(app="shop", environment="dev", value=value, verify=True, **more)


def test_a_promotion_asks_for_the_image_that_helm_would_run(remote, clone, registry):
    verified(remote, registry, values="image: {{repository: '{host}/team/shop'}}\n")
    assert promote(clone, promotion()).pushed
    tip = remote.tip()
    with pytest.raises(ImageMissingError, match="5a5a5a5a"):
        promote(clone, promotion("5a5a5a5a"))
    assert remote.tip() == tip


def test_the_environments_own_repository_wins_and_a_registry_beside_it_counts(remote, clone, registry):
    verified(
        remote,
        registry,
        values="image: {{registry: nowhere.example.com, repository: other/name}}\n",
        env="image:\n  registry: '{host}'\n  repository: team/shop\n",
    )
    assert promote(clone, promotion(digest=DIGEST)).pushed


def test_without_a_repository_no_registry_can_be_asked(remote, clone, registry):
    verified(remote, registry)
    with pytest.raises(RefusedError, match=r"image\.repository is in neither .*dev\.yaml nor values\.yaml"):
        promote(clone, promotion())


def test_a_dry_run_asks_too(remote, clone, registry):
    verified(remote, registry, values="image: {{repository: '{host}/team/shop'}}\n")
    with pytest.raises(ImageMissingError):
        promote(clone, promotion("5a5a5a5a", dry_run=True))


@pytest.mark.parametrize("address", ["https://[bad/upload", "http://[", "https://example.com:x/"])
def test_an_address_that_a_registry_gives_and_that_is_none_is_told(address):
    repository = registry_module.Repository(parse_image("127.0.0.1:9/shop"))
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 returned an upload URL|cannot be reached"):
        repository.send(address)


def test_a_token_that_is_nested_without_end_is_none(monkeypatch):
    def fetch(url, *, method=None, headers=None, authorization=None, data=None, into=None, limit=None, follow=True):
        challenge = Message()
        challenge["WWW-Authenticate"] = 'Bearer realm="https://contoso.azurecr.io/token",service="s"'
        return registry_module.Reply(*((401, challenge, b"") if "/v2/" in url else (200, Message(), b"[" * 100_000)))

    monkeypatch.setattr(registry_module, "fetch", fetch)
    with pytest.raises(RegistryError, match="gives no token"):
        verify("contoso.azurecr.io/shop", SHA)
