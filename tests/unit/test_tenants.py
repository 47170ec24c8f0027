"""Every mistake of a tenant's file is reported with the file, the place, what was given and what is allowed."""

import json
from pathlib import Path

import jsonschema
import pytest

from bootstrap.delivery import tenant_schema as schema
from bootstrap.delivery.manifests import load_mapping, parse_mapping
from bootstrap.delivery.tenants import parse_tenant, read_tenant, read_tenants, tenant_names
from bootstrap.errors import GitOpsError

ROOT = Path(__file__).resolve().parents[2]
FILE = "tenants/shop.yaml"
GOOD = """\
owner: shop-team@example.com
chart: web
registries: [example.azurecr.io/shop]
vaultKeys: [shop-*, shared-token]
environments:
  dev: { hosts: [shop.dev.example.com, "*.shop.dev.example.com"] }
  prod: { hosts: [shop.example.com], protected: true }
  local:
"""
HOSTS = "[shop.dev.example.com, "


def refused(text: str) -> list[str]:
    with pytest.raises(GitOpsError) as error:
        parse_tenant(text, FILE)
    return str(error.value).splitlines()


def test_a_whole_file_is_read() -> None:
    tenant = parse_tenant(GOOD, FILE)
    assert (tenant.owner, tenant.chart) == ("shop-team@example.com", "web")
    assert (tenant.registries, tenant.vault_keys) == (["example.azurecr.io/shop"], ["shop-*", "shared-token"])
    assert tenant.of("dev").hosts == ["shop.dev.example.com", "*.shop.dev.example.com"]
    assert [tenant.of(environment).protected for environment in ("dev", "prod", "local")] == [False, True, False]
    assert tenant.of("local").hosts == [], "an environment without a word is one"


def test_secrets_hosts_and_protection_may_be_left_out() -> None:
    tenant = parse_tenant("owner: a\nchart: web\nregistries: [docker.io]\nenvironments: {dev: {}}\n", FILE)
    assert (tenant.vault_keys, tenant.of("dev").hosts, tenant.of("dev").protected) == ([], [], False)


def test_editors_get_the_schema_of_the_model() -> None:
    committed = json.loads((ROOT / schema.FILE).read_text(encoding="utf-8"))
    assert committed == schema.tenant_schema(), "run `make schema`"
    jsonschema.validate(load_mapping(ROOT / "tenants" / "hello.yaml"), committed)
    first = (ROOT / "tenants" / "hello.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../{schema.FILE}"


def with_chart(chart: str) -> str:
    return GOOD.replace("chart: web", chart)


@pytest.mark.parametrize("kind", ["kustomize", "plain"])
def test_an_application_may_have_manifests_in_the_place_of_a_chart(kind: str) -> None:
    jsonschema.validate(parse_mapping(with_chart(f"manifests: {kind}"), FILE), schema.tenant_schema())
    tenant = parse_tenant(with_chart(f"manifests: {kind}"), FILE)
    assert (tenant.chart, tenant.manifests, tenant.repository_chart) == (None, kind, None)


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("https://charts.example.com", "https://charts.example.com"),
        ("https://example.com:8443/charts/stable", "https://example.com:8443/charts/stable"),
        ("oci://registry.example.com/charts", "registry.example.com/charts"),
        ("oci://127.0.0.1:5000/charts", "127.0.0.1:5000/charts"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
@pytest.mark.parametrize("version", ["6.7.1", "v1.21.1", "1.0.0-rc.1+build.5"])
def test_a_chart_may_come_from_a_repository(repository: str, url: str, version: str) -> None:
    text = with_chart(f"chart: {{repository: '{repository}', name: podinfo, version: {version}}}")
    chart = parse_tenant(text, FILE).repository_chart
    assert chart is not None
    assert (chart.repository, chart.url, chart.name, chart.version) == (repository, url, "podinfo", version)


REPOSITORY = "a repository of charts, https://… or oci://…, without a user name and a slash at its end"
VERSION = "one version such as 6.7.1, as the chart spells it; no range"


@pytest.mark.parametrize(
    ("chart", "told"),
    [
        (
            "",
            ["chart is missing; allowed: a folder of gitops/charts, or a mapping of repository, name and version; or "],
        ),
        ("chart: web\nmanifests: plain", ["chart and manifests are both there; allowed: one of them"]),
        ("manifests: helm", ["manifests: got 'helm'; allowed: kustomize or plain"]),
        ("manifests:", ["manifests: got None; allowed: kustomize or plain"]),
        ("chart: {}", [f"chart.{key} is missing; allowed: " for key in ("repository", "name", "version")]),
        (
            "chart: {repository: 'https://a.b', name: podinfo, versions: 1.0.0}",
            ["chart.version is missing; allowed: ", "chart.versions is unknown; allowed: name, repository, version"],
        ),
        *(
            (
                f"chart: {{repository: '{given}', name: podinfo, version: 1.0.0}}",
                [f"chart.repository: got '{given}'; allowed: {REPOSITORY}"],
            )
            for given in (
                "http://charts.example.com",
                "https://charts.example.com/",
                "https://charts.example.com?token=x",
                "registry.example.com/charts",
                "git@github.com:example/charts.git",
                "file:///charts",
                "http://127.0.0.1.example.com",
            )
        ),
        *(
            (
                f"chart: {{repository: 'https://a.b', name: podinfo, version: {given}}}",
                [f"chart.version: got {told}; allowed: {VERSION}"],
            )
            for given, told in (
                ("'*'", "'*'"),
                ("'^6.7.1'", "'^6.7.1'"),
                ("'>=6'", "'>=6'"),
                ("6.x.x", "'6.x.x'"),
                ("6.7", "6.7"),
                ("'6.7'", "'6.7'"),
                ("latest", "'latest'"),
                ("06.7.1", "'06.7.1'"),
            )
        ),
        (
            "chart: {repository: 'https://me:secret@charts.example.com', name: podinfo, version: 1.0.0}",
            [f"chart.repository: got 'https://[hidden]@charts.example.com'; allowed: {REPOSITORY}"],
        ),
        (
            "chart: {repository: 'https://a.b', name: ../podinfo, version: 1.0.0}",
            ["chart.name: got '../podinfo'; allowed: the chart's name in its repository"],
        ),
    ],
)
def test_every_mistake_of_what_is_rendered_is_told(chart: str, told: list[str]) -> None:
    lines = refused(with_chart(chart))
    assert len(lines) == len(told)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse_mapping(with_chart(chart), FILE), schema.tenant_schema())
    for line, beginning in zip(sorted(lines), sorted(told), strict=True):
        assert line.startswith(f"{FILE}: {beginning}")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("owner: shop-team@example.com\n", "", "owner is missing; allowed: who answers for it, such as an address"),
        ("owner: shop-team@example.com", "owner:", "owner: got None; allowed: who answers for it, such as an address"),
        ("owner: shop-team@example.com", "owner: 7", "owner: got 7; allowed: who answers for it, such as an address"),
        ("owner: shop-team@example.com", 'owner: ""', "owner: got ''; allowed: who answers for it, such as an address"),
        ("chart: web\n", "", "chart is missing; allowed: a folder of gitops/charts"),
        ("chart: web", "chart: ../web", "chart: got '../web'; allowed: a folder of gitops/charts"),
        ("chart: web", "chart: [web]", "chart: got ['web']; allowed: a folder of gitops/charts"),
        (
            "registries: [example.azurecr.io/shop]\n",
            "",
            "registries is missing; allowed: registries or folders of them, such as example.azurecr.io/shop",
        ),
        (
            "[example.azurecr.io/shop]",
            "example.azurecr.io/shop",
            "registries: got 'example.azurecr.io/shop'; allowed: registries or folders of them, such as "
            "example.azurecr.io/shop",
        ),
        (
            "[example.azurecr.io/shop]",
            "[]",
            "registries: got []; allowed: registries or folders of them, such as example.azurecr.io/shop",
        ),
        (
            "[example.azurecr.io/shop]",
            "[example.azurecr.io/shop, 'https://example.azurecr.io']",
            "registries.1: got 'https://example.azurecr.io'; allowed: registries or folders of them, such as "
            "example.azurecr.io/shop",
        ),
        (
            "[example.azurecr.io/shop]",
            "[example.azurecr.io/*]",
            "registries.0: got 'example.azurecr.io/*'; allowed: registries or folders of them, such as "
            "example.azurecr.io/shop",
        ),
        (
            "[shop-*, shared-token]",
            "{shop: token}",
            "vaultKeys: got {'shop': 'token'}; allowed: names of the vault's secrets: letters, digits and hyphens, "
            "at the end * for all that begin so",
        ),
        (
            "shop-*",
            "'*'",
            "vaultKeys.0: got '*'; allowed: names of the vault's secrets: letters, digits and hyphens, at the end * "
            "for all that begin so",
        ),
        (
            "shared-token",
            "shared_token",
            "vaultKeys.1: got 'shared_token'; allowed: names of the vault's secrets: letters, digits and hyphens, at "
            "the end * for all that begin so",
        ),
        *(
            ("shared-token", key, f"vaultKeys.1: got {key!r}; allowed: names of the vault's secrets: letters,")
            for key in ("t*", "tls-*", "tls-default*", "tls-default-letsencrypt", "tls-default-letsencrypt*")
        ),
        (
            "vaultKeys",
            "vaultKey",
            "vaultKey is unknown; allowed: chart, environments, manifests, owner, registries, signedBy, vaultKeys",
        ),
        (
            "vaultKeys",
            "vault_keys",
            "vault_keys is unknown; allowed: chart, environments, manifests, owner, registries, signedBy, vaultKeys",
        ),
        (
            "chart: web",
            'chart: web\n"a\\nb": 1',
            '"a\\nb" is unknown; allowed: chart, environments, manifests, owner, registries, ',
        ),
        (
            "{ hosts: [shop.example.com], protected: true }",
            "{ host: a.b }",
            "environments.prod.host is unknown; allowed: ",
        ),
        (
            "{ hosts: [shop.example.com], protected: true }",
            "[shop.example.com]",
            "environments.prod: got ['shop.example.com']; allowed: a mapping of environments, each with hosts, "
            "protected, digests, signed and identities",
        ),
        (
            "protected: true",
            'protected: "true"',
            "environments.prod.protected: got 'true'; allowed: true or false",
        ),
        ("protected: true", "protected:", "environments.prod.protected: got None; allowed: true or false"),
        (
            "hosts: [shop.example.com]",
            "hosts: shop.example.com",
            "environments.prod.hosts: got 'shop.example.com'; allowed: host names, such as shop.example.com or "
            "*.shop.example.com",
        ),
        (
            HOSTS,
            "[Shop.example.com, ",
            "environments.dev.hosts.0: got 'Shop.example.com'; allowed: host names, such as",
        ),
        (HOSTS, "['*', ", "environments.dev.hosts.0: got '*'; allowed: host names, such as"),
        (
            HOSTS,
            "[shop.*.example.com, ",
            "environments.dev.hosts.0: got 'shop.*.example.com'; allowed: host names, such",
        ),
        (HOSTS, "[shop.example.com/, ", "environments.dev.hosts.0: got 'shop.example.com/'; allowed: host names, such"),
        (HOSTS, "[7, ", "environments.dev.hosts.0: got 7; allowed: host names, such as"),
        ("  dev:", "  Dev:", "environments.Dev: got 'Dev' for an environment's name; allowed: up to 63 lower-case"),
        ("  dev: {", "  hosts: { protected: 1, ", "environments.hosts.protected: got 1; allowed: true or false"),
    ],
)
def test_a_mistake_is_reported_with_its_place_what_was_given_and_what_is_allowed(
    before: str, after: str, told: str
) -> None:
    assert before in GOOD
    [line] = refused(GOOD.replace(before, after, 1))
    assert line.startswith(f"{FILE}: {told}")


@pytest.mark.parametrize(
    ("environments", "given"), [("[dev]", "['dev']"), ("{}", "{}"), ("dev", "'dev'"), ("", "None")]
)
def test_environments_have_to_be_a_mapping_of_some(environments: str, given: str) -> None:
    text = GOOD.partition("environments:")[0] + f"environments: {environments}\n"
    assert refused(text) == [
        f"{FILE}: environments: got {given}; allowed: a mapping of environments, "
        "each with hosts, protected, digests, signed and identities"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + "owner: other\n", 'is not YAML: line 9: found duplicate key "owner"'),
        (GOOD.replace("  prod:", "  dev:"), 'is not YAML: line 7: found duplicate key "dev"'),
        (GOOD + "---\n" + GOOD, "holds 2 documents; allowed: one"),
        ("- owner\n", "holds no mapping"),
        ("owner: [\n", "is not YAML: line"),
    ],
)
def test_a_text_that_is_not_one_mapping_is_reported(text: str, told: str) -> None:
    [line] = refused(text)
    assert line.startswith(f"{FILE} {told}")


def test_all_mistakes_are_reported_at_once_and_none_in_a_librarys_words() -> None:
    told = refused(
        "owner: [a]\nregistries: {a: b}\nvaultKeys: 7\nextra: 1\nenvironments: {Dev: [], dev: {hosts: {}}}\n"
    )
    assert sorted(line.split(":")[1].split()[0] for line in told) == [
        "chart",
        "environments.Dev",
        "environments.Dev",
        "environments.dev.hosts",
        "extra",
        "owner",
        "registries",
        "vaultKeys",
    ]
    for words in ("Input", "String", "should", "valid", "pydantic"):
        assert words not in "\n".join(told)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "tenants"
    folder.mkdir(parents=True)
    for name in ("shop.yaml", "cart.yaml"):
        (folder / name).write_text(GOOD)
    for name in ("Chart.yaml", "values.yaml", "README.md"):
        (folder / name).write_text("a: 1\n")
    (folder / "templates").mkdir()
    return tmp_path / "project"


def test_the_charts_own_files_are_no_tenants(root: Path) -> None:
    assert tenant_names(root) == ["cart", "shop"]
    tenants, mistakes = read_tenants(root)
    assert (sorted(tenants), mistakes) == (["cart", "shop"], [])


def test_a_broken_file_does_not_hide_the_others(root: Path) -> None:
    (root / "tenants/cart.yaml").write_text("owner: [\n")
    tenants, [mistake] = read_tenants(root)
    assert list(tenants) == ["shop"] and mistake.startswith("tenants/cart.yaml is not YAML")


def test_an_application_without_a_file_is_reported_with_those_that_have_one(root: Path) -> None:
    with pytest.raises(GitOpsError) as error:
        read_tenant(root, "shpo")
    assert str(error.value) == "there is no application 'shpo': tenants/shpo.yaml is missing; there are: cart, shop"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("../../elsewhere.yaml", "tenants/shop.yaml leads out of the repository"),
        ("/etc/hostname", "tenants/shop.yaml leads out of the repository"),
        ("shop.yaml", "tenants/shop.yaml leads nowhere"),
        ("nowhere.yaml", "there is no tenants/shop.yaml"),
    ],
)
def test_a_link_out_of_the_tree_or_to_nothing_is_reported(root: Path, target: str, told: str) -> None:
    (root.parent / "elsewhere.yaml").write_text(GOOD)
    file = root / "tenants/shop.yaml"
    file.unlink()
    file.symlink_to(target)
    with pytest.raises(GitOpsError, match=f"^{told}"):
        read_tenant(root, "shop")
    assert list(read_tenants(root)[0]) == ["cart"]


def test_a_link_within_the_tree_is_a_file(root: Path) -> None:
    file = root / "tenants/shop.yaml"
    file.unlink()
    file.symlink_to("cart.yaml")
    assert read_tenant(root, "shop").chart == "web"


def test_a_file_that_is_no_text_is_reported(root: Path) -> None:
    (root / "tenants/shop.yaml").write_bytes(b"owner: \xff\n")
    with pytest.raises(GitOpsError, match=r"^tenants/shop\.yaml is not UTF-8: invalid start byte at byte 7"):
        read_tenant(root, "shop")
