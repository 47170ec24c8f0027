"""Asks a registry whether it has an image, by the OCI distribution API."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from bootstrap.delivery.promote.credentials import DOCKER_HUB, Credential, RegistryError, credential_of
from bootstrap.delivery.promote.version import digest_of
from bootstrap.errors import ImageMissingError, RefusedError

SECONDS = 15

_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_HOST = r"[A-Za-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?"


class Image(NamedTuple):
    """Where an image is."""

    host: str
    name: str

    @property
    def origin(self) -> str:
        """The registry's address. As for Docker, only one on this machine may do without TLS."""
        return f"{'http' if _is_loopback(self.host) else 'https'}://{self.host}"


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    headers: Message
    text: bytes


def parse_image(repository: str) -> Image:
    """Read the name of an image's repository as Docker does.

    Raises:
        RefusedError: it is none. It is not repeated in the text: a credential may be what is wrong with it.
    """
    host, _, name = repository.partition("/")
    if not name or not (re.search(r"[.:]", host) or host == "localhost"):
        host, name = "docker.io", repository if "/" in repository else f"library/{repository}"
    if not re.fullmatch(_HOST, host) or not re.fullmatch(_NAME, name):
        raise RefusedError("image.repository is not the name of an image's repository, such as ghcr.io/example/shop")
    return Image(DOCKER_HUB if host in ("docker.io", "index.docker.io") else host, name)


def verify(repository: str, value: str, digest: str | None = None) -> None:
    """Return when the registry has the image.

    Args:
        repository: the image's name, with its registry.
        value: its tag or digest.
        digest: what the tag has to stand for, where that is known.

    Raises:
        ImageMissingError: the registry does not have it, or has another one under the tag.
        RegistryError: the registry does not say.
    """
    image = parse_image(repository)
    reference = digest_of(value) or value
    shown = f"{image.host}/{image.name}{'@' if ':' in reference else ':'}{reference}"
    url = f"{image.origin}/v2/{image.name}/manifests/{reference}"
    reply = _fetch(url, method="HEAD", headers={"Accept": _ACCEPT})
    if reply.status == http.HTTPStatus.UNAUTHORIZED:
        authorization = _authorize(image, reply.headers.get_all("WWW-Authenticate") or [], shown)
        reply = _fetch(url, method="HEAD", headers={"Accept": _ACCEPT}, authorization=authorization)
    if reply.status == http.HTTPStatus.NOT_FOUND:
        raise ImageMissingError(f"there is no image {shown}: the registry answers 404; nothing was promoted")
    if reply.status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        raise RegistryError(f"{shown} may not be read ({reply.status}): sign in with `docker login {image.host}`")
    if reply.status != http.HTTPStatus.OK:
        raise RegistryError(f"{image.host} cannot say whether it has {shown}: it answers {reply.status}")
    there = reply.headers.get("Docker-Content-Digest")
    wanted = digest or digest_of(value)
    if wanted and there and there.split(":")[0] == wanted.split(":")[0] and there != wanted:
        raise ImageMissingError(f"{shown} is {there} by now, not {wanted}; nothing was promoted")


def _authorize(image: Image, challenges: list[str], shown: str) -> str:
    """Return the Authorization header that a challenge asks for.

    https://distribution.github.io/distribution/spec/auth/token/
    """
    credential = credential_of(image.host)
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme.lower() == "bearer" and "realm" in given:
            return "Bearer " + _token(image, given, credential)
        if scheme.lower() == "basic" and credential and not credential.identity:
            return credential.basic
    raise RegistryError(f"{shown} may not be read without signing in: `docker login {image.host}`")


def _token(image: Image, given: Mapping[str, str], credential: Credential | None) -> str:
    realm = urlsplit(given["realm"])
    if realm.scheme != "https" and not (realm.scheme == "http" and _is_loopback(realm.netloc)):
        raise RegistryError(f"{image.host} wants its token fetched without TLS: a credential does not go there")
    asked = {"service": given.get("service", ""), "scope": f"repository:{image.name}:pull"}
    if credential and credential.identity:
        form = {**asked, "grant_type": "refresh_token", "refresh_token": credential.password, "client_id": "bootstrap"}
        reply = _fetch(given["realm"], data=urlencode(form).encode())
    else:
        url = given["realm"] + ("&" if realm.query else "?") + urlencode(asked)
        reply = _fetch(url, authorization=credential.basic if credential else None)
    if reply.status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN, http.HTTPStatus.BAD_REQUEST):
        known = "refuses the credential" if credential else "gives no token without signing in"
        raise RegistryError(f"{realm.netloc} {known} ({reply.status}): `docker login {image.host}`")
    try:
        answer = json.loads(reply.text)
        token = answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError):
        token = None
    # a header is written with it
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise RegistryError(f"{realm.netloc} gives no token: it answers {reply.status}")
    return token


def _fetch(
    url: str,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    authorization: str | None = None,
    data: bytes | None = None,
) -> Reply:
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}), data=data)  # noqa: S310 - http(s) only: see its callers
    request.add_header("User-Agent", "aks-bootstrap")
    if authorization:
        # unlike other headers, these do not go along to where a redirect leads
        request.add_unredirected_header("Authorization", authorization)
    host = urlsplit(url).netloc
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
            return Reply(answer.status, answer.headers, answer.read(1 << 20))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, b"")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise RegistryError(f"{host} cannot be reached: {reason}") from None


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    return name in ("localhost", "::1") or bool(re.fullmatch(r"127(\.\d{1,3}){3}", name))
