"""Where charts and images come from: mirrors, overrides, and the lock."""

import hashlib
import json
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.addons.charts import PINNED
from components.addons.locked import Naming, naming
from components.release.archive import ArchiveError, fetch_archive
from components.release.chart import Chart, ChartImage
from components.release.lock import FILE, Lock, LockedChart, LockError, read_lock
from components.release.supply import Supply
from rehearsal.chart_repository import SOURCES, pack
from settings.addons import Charts
from tests.component.conftest import ROOT
from tests.loopback import serving

DIGEST, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
MIRROR = "mirror.example.com/addons"


def chart(repository: str = "oci://quay.io/example/charts") -> Chart:
    return Chart(
        name="traefik",
        repository=repository,
        version="1.2.3",
        namespace="traefik",
        override=lambda charts: charts.traefik,
        images=(
            ChartImage(repository="quay.io/example/one", section="deep.image"),
            ChartImage(repository="quay.io/example/two", section="image", registry=True),
        ),
    )


def locking(key: str, **images: str | None) -> Lock:
    names = {f"quay.io/example/{name}:v1.2.3": digest for name, digest in images.items()}
    return Lock(charts={key: LockedChart(manifest=DIGEST, archive=OTHER, images=names)})


LOCKED = locking("oci://quay.io/example/charts/traefik:1.2.3", one=DIGEST, two=OTHER)


def overriding(**override: Any) -> Charts:
    return Charts.model_validate({"traefik": override})


@pytest.mark.parametrize(
    ("mirror", "charts", "reference"),
    [
        (None, {}, f"oci://quay.io/example/charts/traefik@{DIGEST}"),
        (MIRROR, {}, f"oci://{MIRROR}/charts/traefik@{DIGEST}"),
        # somebody may have packed the archive again there: its manifest has another digest
        (MIRROR, {"mirror": "oci://other.example.com/charts"}, "oci://other.example.com/charts/traefik"),
        (None, {"traefik": {"version": "1.2.4"}}, "oci://quay.io/example/charts/traefik"),
        (MIRROR, {"traefik": {"version": "1.2.4"}}, f"oci://{MIRROR}/charts/traefik"),
        (MIRROR, {"traefik": {"repository": "oci://own.example.com"}}, "oci://own.example.com/traefik"),
        (MIRROR, {"traefik": {"repository": "https://own.example.com"}}, "traefik"),
    ],
)
def test_the_nearest_setting_says_where_a_chart_comes_from_and_a_digest_goes_only_where_it_is_true(
    mirror: str | None, charts: dict[str, Any], reference: str
) -> None:
    supply = Supply(mirror=mirror, lock=LOCKED)
    assert supply.chart(chart(), Charts.model_validate(charts)).reference == reference


def test_without_mirror_and_lock_a_release_is_what_it_was() -> None:
    assert Supply().chart(chart(), Charts()).reference == "oci://quay.io/example/charts/traefik"
    assert Supply().values(chart(), Charts(), {"deep": {"own": 1}}) == {"deep": {"own": 1}}


def test_images_go_to_the_mirror_and_to_their_digests() -> None:
    found = Supply(mirror=MIRROR, lock=LOCKED).values(chart(), Charts(), {"deep": {"own": 1}})
    assert found == {
        "deep": {"own": 1, "image": {"repository": f"{MIRROR}/quay.io/example/one", "tag": f"v1.2.3@{DIGEST}"}},
        "image": {"registry": MIRROR, "repository": "quay.io/example/two", "tag": f"v1.2.3@{OTHER}"},
    }


def test_what_is_not_locked_keeps_the_charts_own_tag() -> None:
    lock = locking("oci://quay.io/example/charts/traefik:1.2.3", one=None, two=OTHER)
    found = Supply(lock=lock).values(chart(), Charts(), {})
    assert found == {"image": {"tag": f"v1.2.3@{OTHER}"}}


def test_another_version_of_the_chart_is_never_given_the_digests_of_the_locked_one() -> None:
    assert Supply(lock=LOCKED).values(chart(), overriding(version="1.2.4"), {}) == {}


def test_an_image_that_the_stack_file_names_is_left_alone_but_for_the_mirror() -> None:
    charts = overriding(values={"deep": {"image": {"tag": "v9"}}})
    found = Supply(mirror=MIRROR, lock=LOCKED).values(chart(), charts, {})
    assert found["deep"]["image"] == {"repository": f"{MIRROR}/quay.io/example/one", "tag": "v9"}
    charts = overriding(values={"deep": {"image": {"repository": "own.example.com/one", "tag": "v9"}}})
    found = Supply(mirror=MIRROR, lock=LOCKED).values(chart(), charts, {})
    assert found["deep"]["image"] == {"repository": "own.example.com/one", "tag": "v9"}


def test_an_image_with_two_tags_in_one_chart_is_not_guessed_at() -> None:
    images = {"quay.io/example/one:v1": DIGEST, "quay.io/example/one:v2": OTHER}
    assert LockedChart(images=images).tagged("quay.io/example/one") is None


@pytest.mark.parametrize("key", [f"quay.io/example/one@{DIGEST}", f"quay.io/example/one:v1@{DIGEST}"])
def test_an_image_that_its_chart_names_by_digest_gets_no_second_one(key: str) -> None:
    assert LockedChart(images={key: DIGEST}).tagged("quay.io/example/one") is None
    assert LockedChart(images={key: DIGEST, "quay.io/example/one:v2": OTHER}).tagged("quay.io/example/one") is None


def test_the_plan_says_by_what_a_release_names_its_chart_and_images() -> None:
    pinned = next(found for found in PINNED if found.oci)
    plain = {"name": pinned.name, "chart": pinned.place, "version": pinned.version, "values": {}}
    assert naming(plain, Lock()) == Naming(chart="version", images="tag")
    assert naming({**plain, "chart": f"{pinned.place}@{DIGEST}"}, Lock()).chart == "digest"
    lock = Lock(charts={pinned.key: LockedChart(images={f"{i.repository}:v1": DIGEST for i in pinned.images})})
    assert naming({**plain, "values": Supply(lock=lock).values(pinned, Charts(), {})}, lock).images == "digest"
    web = next(found for found in PINNED if not found.oci)
    plain = {"name": web.name, "chart": web.name, "version": web.version, "repositoryOpts": {"repo": web.repository}}
    assert naming(plain, Lock()).chart == "version"
    assert naming(plain, Lock(charts={web.key: LockedChart(archive=DIGEST)})).chart == "archive"


@pytest.mark.parametrize("given", ["x", None, ["x"], {"tag": None}])
def test_a_section_of_another_form_than_the_charts_names_no_digest(given: object) -> None:
    traefik = next(found for found in PINNED if found.name == "traefik")
    release = {"name": "traefik", "chart": traefik.place, "version": traefik.version, "values": {"image": given}}
    assert naming(release, Lock()) == Naming(chart="version", images="tag")


def served(folder: Path) -> ThreadingHTTPServer:
    archive = pack(SOURCES / "external-secrets", "2.9.0")
    (folder / "x.tgz").write_bytes(archive)
    entry = {"version": "2.9.0", "urls": ["x.tgz"], "digest": "not looked at"}
    (folder / "index.yaml").write_text(json.dumps({"entries": {"external-secrets": [entry]}}))
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))


def test_an_archive_of_a_plain_repository_is_compared_before_it_is_installed(tmp_path: Path) -> None:
    with serving(server := served(tmp_path)):
        url = f"http://127.0.0.1:{server.server_port}"
        archive = fetch_archive(url, "external-secrets", "2.9.0")
        plain = replace(chart(url), name="external-secrets", version="2.9.0")
        right = f"sha256:{hashlib.sha256(archive).hexdigest()}"
        for digest in (right, DIGEST):
            supply = Supply(lock=Lock(charts={plain.key: LockedChart(archive=digest)}))
            compare = supply.comparison(plain, Charts())
            assert compare is not None
            if digest == right:
                compare()
            else:
                with pytest.raises(ArchiveError, match=f"got {right}, locked {DIGEST}; its release was left alone"):
                    compare()
        with pytest.raises(ArchiveError, match="has no external-secrets 9"):
            fetch_archive(url, "external-secrets", "9.0.0")
        with pytest.raises(ArchiveError, match="answers 404"):
            fetch_archive(f"{url}/none", "external-secrets", "2.9.0")


def test_only_what_helm_would_not_compare_and_upstream_serves_is_compared() -> None:
    assert Supply(lock=LOCKED).comparison(chart(), Charts()) is None
    plain = chart("https://charts.example.com")
    lock = Lock(charts={plain.key: LockedChart(archive=DIGEST)})
    assert Supply(lock=lock).comparison(plain, Charts()) is not None
    assert Supply().comparison(plain, Charts()) is None
    assert Supply(lock=lock).comparison(plain, Charts(mirror="https://packed.again.example.com")) is None


def test_the_lock_file_of_this_project_is_one() -> None:
    assert read_lock(ROOT).charts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("charts: [", "is not YAML"),
        ("images: {}", "allowed: charts"),
        ("charts: {cert-manager: {manifest: , archive: , images: }}", "got the key 'cert-manager'"),
        ("charts: {'oci://quay.io/x/y:1.0.0': {manifest: }}", "allowed: manifest, archive and images"),
        (
            "charts: {'oci://quay.io/x/y:1.0.0': {manifest: sha256:abc, archive: , images: {'quay.io/x/z:1': latest}}}",
            "z:1: got 'latest'",
        ),
        ("charts: {'oci://quay.io/x/y:1.0.0': {manifest: , archive: , images: {quay.io/x/z: }}}", "key 'quay.io/x/z'"),
        ("charts: {'oci://x.io/y:1.0.0': {manifest: , archive: , images: {x.io/a//z:1: }}}", "key 'x.io/a//z:1'"),
        ("charts: {'oci://x.io/y:1.0.0': {manifest: , archive: , images: {x.io/-z:1: }}}", "key 'x.io/-z:1'"),
        (
            f"charts: {{'oci://quay.io/x/y:1.0.0': {{manifest: , archive: , images: {{'quay.io/x/z@{DIGEST}': }}}}}}",
            f"got None; allowed: {DIGEST}, which the name has",
        ),
        (
            f"charts: {{'oci://x.io/y:1.0.0': {{manifest: , archive: , images: {{'x.io/z:1@{DIGEST}': {OTHER}}}}}}}",
            f"got '{OTHER}'; allowed: {DIGEST}, which the name has",
        ),
    ],
)
def test_a_lock_file_that_is_none_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(LockError) as told:
        read_lock(tmp_path)
    assert says in str(told.value)


def test_a_lock_file_is_parsed_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("charts: {'oci://x.io/y:1': {manifest: , archive: , images: }}")
    first = read_lock(tmp_path)
    assert read_lock(tmp_path) is first
    (tmp_path / FILE).write_text("charts: {'oci://x.io/y:2': {manifest: , archive: , images: }}")
    assert list(read_lock(tmp_path).charts) == ["oci://x.io/y:2"]


def test_a_project_without_a_lock_file_has_nothing_locked(tmp_path: Path) -> None:
    assert read_lock(tmp_path) == Lock()
