"""Talks to registries by the OCI distribution API, signed in as Docker is.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import IO, NamedTuple
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from bootstrap.errors import ImageMissingError, RefusedError
from bootstrap.registry_credentials import DOCKER_HUB, Credential, RegistryError, credential_of

SECONDS = 15
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
"""Media types of manifests and of indexes of them: the value of an Accept header."""

LARGEST_MANIFEST = 4 << 20
"""Bytes of a manifest: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests"""

_TOKEN_SERVERS = {
    DOCKER_HUB: "auth.docker.io",
    "registry.gitlab.com": "gitlab.com",
}
"""Registries whose tokens come from another host, and that host.

Whoever serves a registry chooses the realm in its challenge, so that a credential goes to the registry's own host and
to these. A parent domain in common proves nothing: anybody gets a name below azurecr.io.
https://nvd.nist.gov/vuln/detail/CVE-2020-15157, https://github.com/google/go-containerregistry/issues/2193,
https://github.com/devcontainers/cli/pull/1278
"""

_CHUNK = 1 << 20
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_PORTS = {"https": 443, "http": 80}
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


def parse_image(repository: str, *, where: str = "image.repository") -> Image:
    """Read the name of an image's repository as Docker does.

    Args:
        repository: the name.
        where: what holds it, for the error.

    Raises:
        RefusedError: it is none. It is not repeated in the text: a credential may be what is wrong with it.
    """
    host, _, name = repository.partition("/")
    if not name or not (re.search(r"[.:]", host) or host == "localhost"):
        host, name = "docker.io", repository if "/" in repository else f"library/{repository}"
    elif host in ("docker.io", "index.docker.io") and "/" not in name:
        name = f"library/{name}"
    if not re.fullmatch(_HOST, host) or not re.fullmatch(_NAME, name):
        raise RefusedError(f"{where} is not the name of an image's repository, such as ghcr.io/example/shop")
    return Image(DOCKER_HUB if host in ("docker.io", "index.docker.io") else host, name)


class Repository:
    """One repository of a registry. It signs in when the registry asks for it, once for all requests."""

    def __init__(self, image: Image, *, push: bool = False) -> None:
        """Prepare requests; nothing is sent yet.

        Args:
            image: the repository.
            push: whether its contents will be written, which the registry is asked to allow.
        """
        self.image = image
        self._actions = "pull,push" if push else "pull"
        self._authorization: str | None = None

    def send(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        data: bytes | IO[bytes] | None = None,
        into: IO[bytes] | None = None,
        limit: int | None = None,
    ) -> Reply:
        """Send a request, and return what the registry answers.

        Args:
            path: below ``/v2/<name>/``, or a whole URL that the registry gave.
            method: of HTTP.
            headers: beside those that sign in.
            data: the body; a file is sent from where it stands.
            into: where the body of a successful answer is written, instead of being returned.
            limit: bytes that are written into it at most.

        Raises:
            RegistryError: the registry cannot be reached, does not let this in, or sends more.
        """
        try:
            url = urljoin(f"{self.image.origin}/v2/{self.image.name}/", path)
            given = urlsplit(url)
        except ValueError:
            # not the URL itself: registries put what an upload is continued with into it
            raise RegistryError(f"{self.image.host} returned an upload URL that is none; allowed: https://") from None
        # where a registry wants an upload sent is its choice, and a credential's way in is not
        if given.scheme != "https" and not (given.scheme == "http" and self.image.origin.startswith("http://")):
            raise RegistryError(
                f"{self.image.host} returned an upload URL that begins with {given.scheme}://; allowed: https://"
            )
        ours = given.netloc == self.image.host
        start = data.tell() if data is not None and not isinstance(data, bytes) else 0

        def ask(authorization: str | None) -> Reply:
            return fetch(
                url, method=method, headers=headers, data=data, authorization=authorization, into=into, limit=limit
            )

        reply = ask(self._authorization if ours else None)
        if reply.status == http.HTTPStatus.UNAUTHORIZED and ours:
            # nothing was given yet, or a token that lives for minutes has expired
            shown = f"{self.image.host}/{self.image.name}"
            challenges = reply.headers.get_all("WWW-Authenticate") or []
            self._authorization = _authorize(self.image, challenges, shown, self._actions)
            if data is not None and not isinstance(data, bytes):
                data.seek(start)
            reply = ask(self._authorization)
        return reply

    def manifest(self, reference: str, *, method: str = "GET") -> Reply:
        """Return a manifest.

        Args:
            reference: its tag or digest.
            method: HEAD for its headers alone.

        Raises:
            ImageMissingError: the registry does not have it.
            RegistryError: the registry does not say.
        """
        host = self.image.host
        shown = f"{host}/{self.image.name}{'@' if ':' in reference else ':'}{reference}"
        reply = self.send(f"manifests/{reference}", method=method, headers={"Accept": MANIFEST_TYPES})
        if reply.status == http.HTTPStatus.NOT_FOUND:
            raise ImageMissingError(f"there is no {shown}: the registry answers 404")
        if reply.status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
            raise RegistryError(f"{shown} may not be read ({reply.status}): sign in with `docker login {host}`")
        if reply.status != http.HTTPStatus.OK:
            raise RegistryError(f"{host} does not show {shown}: it answers {reply.status}")
        if len(reply.text) > LARGEST_MANIFEST:
            raise RegistryError(f"{shown} has more than {LARGEST_MANIFEST:,} bytes, which is no manifest")
        return reply


def fetch(
    url: str,
    *,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    authorization: str | None = None,
    data: bytes | IO[bytes] | None = None,
    into: IO[bytes] | None = None,
    limit: int | None = None,
    follow: bool = True,
) -> Reply:
    """Send a request over HTTP, and return what the server answers.

    Args:
        url: http or https.
        method: of HTTP; GET, or POST where there is data.
        headers: of the request.
        authorization: a header that does not go along to where a redirect leads.
        data: the body.
        into: where the body of a successful answer is written, instead of being returned; one byte more than the
            largest manifest is returned at most.
        limit: bytes that are written into it at most.
        follow: whether a redirect is followed.

    Raises:
        RegistryError: the server cannot be reached, or sends more.
    """
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}), data=data)  # noqa: S310 - http(s) only: see its callers
    request.add_header("User-Agent", "aks-bootstrap")
    if authorization:
        # unlike other headers, these do not go along to where a redirect leads
        request.add_unredirected_header("Authorization", authorization)
    host = urlsplit(url).netloc
    try:
        with urllib.request.build_opener(_Redirects(follow=follow)).open(request, timeout=SECONDS) as answer:
            if method == "HEAD":
                # where a redirect led, it was asked with GET, and a layer may be large
                return Reply(answer.status, answer.headers, b"")
            if into is None:
                return Reply(answer.status, answer.headers, answer.read(LARGEST_MANIFEST + 1))
            written = 0
            while chunk := answer.read(_CHUNK):
                written += len(chunk)
                if limit is not None and written > limit:
                    raise RegistryError(
                        f"{urlsplit(url).path} of {host} has more than the {limit:,} bytes it should have"
                    )
                into.write(chunk)
            return Reply(answer.status, answer.headers, b"")
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, b"")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise RegistryError(f"{host} cannot be reached: {reason}") from None


def _authorize(image: Image, challenges: list[str], shown: str, actions: str) -> str:
    """Return the Authorization header that a challenge asks for.

    https://distribution.github.io/distribution/spec/auth/token/
    """
    credential = credential_of(image.host)
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme.lower() == "bearer" and "realm" in given:
            return "Bearer " + _token(image, given, credential, actions)
        if scheme.lower() == "basic" and credential and not credential.identity:
            return credential.basic
    raise RegistryError(f"{shown} may not be read without signing in: `docker login {image.host}`")


def _token(image: Image, given: Mapping[str, str], credential: Credential | None, actions: str) -> str:
    realm = _realm(image, given["realm"], credential)
    asked = {"service": given.get("service", ""), "scope": f"repository:{image.name}:{actions}"}
    if credential and credential.identity:
        form = {**asked, "grant_type": "refresh_token", "refresh_token": credential.password, "client_id": "bootstrap"}
        reply = fetch(realm.geturl(), data=urlencode(form).encode(), follow=False)
    else:
        url = realm._replace(query="&".join(filter(None, (realm.query, urlencode(asked))))).geturl()
        reply = fetch(url, authorization=credential.basic if credential else None, follow=False)
    if reply.status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN, http.HTTPStatus.BAD_REQUEST):
        known = "refuses the credential" if credential else "gives no token without signing in"
        raise RegistryError(f"{realm.netloc} {known} ({reply.status}): `docker login {image.host}`")
    try:
        answer = json.loads(reply.text)
        token = answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    # a header is written with it
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise RegistryError(f"{realm.netloc} gives no token: it answers {reply.status}")
    return token


def _realm(image: Image, given: str, credential: Credential | None) -> SplitResult:
    """Return the address that a challenge names for tokens, if what is sent to it may go there.

    Raises:
        RegistryError: it is without TLS, or is another host's than a credential is for.
    """
    try:
        realm = urlsplit(given)
        port = realm.port
    except ValueError:
        raise RegistryError(
            f"{image.host} returned a token realm that is not an https:// URL with a host and without credentials"
        ) from None
    plain = realm.scheme == "http" and _is_loopback(realm.netloc) and _is_loopback(image.host)
    if realm.scheme != "https" and not plain:
        raise RegistryError(f"{image.host} wants its token fetched without TLS: a credential does not go there")
    if "@" in realm.netloc or not realm.hostname:
        raise RegistryError(
            f"{image.host} returned a token realm that is not an https:// URL with a host and without credentials"
        )
    registry = urlsplit(image.origin)
    own = (realm.scheme, realm.hostname, port or _PORTS[realm.scheme]) == (
        registry.scheme,
        registry.hostname,
        registry.port or _PORTS[registry.scheme],
    )
    known = realm.netloc == _TOKEN_SERVERS.get(image.host)
    if credential is not None and not own and not known:
        servers = ", ".join(f"{server} of {host}" for host, server in _TOKEN_SERVERS.items())
        raise RegistryError(
            f"{image.host} wants its credential sent to {realm.netloc}, where it does not go; allowed: {image.host} "
            f"itself, {servers}"
        )
    return realm._replace(fragment="")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where what comes back is as good as from the registry itself."""

    def __init__(self, *, follow: bool) -> None:
        self._follow = follow

    def redirect_request(  # noqa: PLR0917 - the library's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request for where a redirect leads; none where it is not followed, which ends with its status."""
        there = urlsplit(newurl)
        local = _is_loopback(there.netloc) and _is_loopback(urlsplit(req.full_url).netloc)
        if not self._follow or not (there.scheme == "https" or (there.scheme == "http" and local)):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    return name in ("localhost", "::1") or bool(re.fullmatch(r"127(\.\d{1,3}){3}", name))
