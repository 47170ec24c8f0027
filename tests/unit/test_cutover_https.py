"""What an address serves: asked over real TLS, of a server on loopback."""

from pathlib import Path

import pytest

from components.cutover.https import refusal
from tests.tls_page import Page, certificate, proxies


def asked(port: int, served: str | None) -> str | None:
    return refusal("127.0.0.1", port, zone="example.com", host="argocd.example.com", certificate=served)


@pytest.mark.parametrize(
    ("status", "why"), [(200, None), (302, None), (403, None), (404, "answers 404"), (502, "answers 502")]
)
def test_the_page_has_to_be_there(tmp_path: Path, status: int, why: str | None) -> None:
    file, pem = certificate(tmp_path, "example.com")
    _, issuer = certificate(tmp_path, "issuer")
    with proxies(file, status) as port:
        told = asked(port, pem + issuer)
    assert told == (why and f"127.0.0.1:{port} {why} for https://argocd.example.com/")
    assert Page.hosts == ["argocd.example.com"]


def test_the_certificate_has_to_be_the_clusters_own(tmp_path: Path) -> None:
    traefik, _ = certificate(tmp_path, "traefik")
    _, ours = certificate(tmp_path, "example.com")
    with proxies(traefik, 200) as port:
        assert asked(port, ours) == f"127.0.0.1:{port} serves another certificate than example.com's"
        assert asked(port, None) is None, "a cluster without one has none to compare with"


def test_nobody_who_listens_is_said_and_raises_nothing(tmp_path: Path) -> None:
    file, pem = certificate(tmp_path, "example.com")
    with proxies(file, 200) as port:
        pass
    told = asked(port, pem)
    assert told is not None
    assert told.startswith(f"127.0.0.1:{port} does not answer HTTPS as argocd.example.com: ")
