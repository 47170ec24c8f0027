"""Which certificate `bootstrap verify` looks at where a host is served with the wrong one, and what it asks for."""

from collections.abc import Iterator
from typing import Any

import pytest

from bootstrap.platform.findings import Finding, Verdict
from tests.unit.loopback_api import serve_as
from tests.unit.loopback_platform import Platform
from tests.unit.loopback_proxies import proxies
from tests.unit.test_verify_checks import LOCAL, ZONE, World

OWN: dict[str, Any] = {**LOCAL, "ingress": {"serviceType": "NodePort", "defaultCertificate": False}}
HOST = f"argocd.{ZONE}"


@pytest.fixture
def world() -> Iterator[World]:
    with serve_as(Platform) as platform, proxies(platform.authority, ZONE) as played:
        played.serve(HOST, platform.authority.leaf("TRAEFIK DEFAULT CERT", "nobody.traefik.default"))
        yield World(platform=platform, proxies=played, settings=LOCAL)


def of_the_page(world: World) -> Finding:
    return next(each for each in world.examine("https").findings if each.subject == HOST)


def test_the_page_of_argo_cd_is_served_with_the_default_certificate_where_that_covers_it(world: World) -> None:
    for kind in ("api/v1/namespaces/argocd/secrets", "apis/cert-manager.io/v1/namespaces/argocd/certificates"):
        del world.platform.objects[f"/{kind}/argocd-server-tls"]
    found = of_the_page(world)
    assert found.verdict is Verdict.FAILED and "TLSStore default" in found.cause
    del world.platform.objects["/api/v1/namespaces/traefik/secrets/default-certificate"]
    assert "Secret traefik/default-certificate is gone" in of_the_page(world).cause


def test_without_a_default_certificate_the_page_has_one_of_its_own(world: World) -> None:
    world.settings = OWN
    del world.platform.objects["/api/v1/namespaces/argocd/secrets/argocd-server-tls"]
    found = of_the_page(world)
    assert found.verdict is Verdict.FAILED and "Secret argocd/argocd-server-tls is gone" in found.cause


def test_what_is_served_well_needs_no_right_to_read_its_secret(world: World) -> None:
    world.proxies.serve(HOST, world.platform.authority.leaf("argocd", HOST))
    world.platform.forbidden = "secrets/(default-certificate|argocd-server-tls)"
    assert {each.verdict for each in world.examine("https").findings} == {Verdict.FINE}
