"""URLs of repositories, as Argo CD 3.4.4 reads them: what is expected here is what its own code answered."""

from typing import NamedTuple

import pytest

from settings.repositories import fitting, github_api, normalized, over_ssh, server, unknown_server, why_no_host_key

# util/git/git.go of Argo CD 3.4.4: NormalizeGitURL and IsSSHURL
ANSWERS = [
    ("https://github.com/Example/Apps.git", "https://github.com/example/apps", False),
    ("https://github.com/example/apps", "https://github.com/example/apps", False),
    ("https://github.com/example/", "https://github.com/example/", False),
    ("https://github.com/example/apps.git/", "https://github.com/example/apps.git/", False),
    ("https://github.com:4443/TEST.git", "https://github.com:4443/test", False),
    (" https://github.com/argoproj/test ", "https://github.com/argoproj/test", False),
    ("https://org@dev.azure.com/org/p/_git/r", "https://org@dev.azure.com/org/p/_git/r", False),
    ("git@github.com:Example/apps.git", "git@github.com/example/apps", True),
    ("git@github.com:example", "git@github.com/example", True),
    ("git@host:a:b.git", "git@host/a:b", True),
    ("git@ssh.dev.azure.com:v3/example/project/apps", "git@ssh.dev.azure.com/v3/example/project/apps", True),
    ("git@git.example.com:2222/group/apps.git", "git@git.example.com/2222/group/apps", True),
    ("ssh://git@github.com/example/apps.git", "git@github.com/example/apps", True),
    ("ssh://git@github.com", "git@github.com", True),
    ("ssh://git@git.example.com:2222/group/apps.git", "git@git.example.com:2222/group/apps", True),
    ("ssh://git.example.com/apps.git", "git.example.com/apps", False),
    ("Example.azurecr.io/charts", "example.azurecr.io/charts", False),
]


@pytest.mark.parametrize(("url", "compared", "ssh"), ANSWERS)
def test_a_url_is_compared_in_the_form_that_argo_cd_compares(url: str, compared: str, ssh: bool) -> None:
    assert normalized(url) == compared
    assert over_ssh(url) is ssh


class Credential(NamedTuple):
    url: str


# util/db of Argo CD 3.4.4: GetRepository, with these as Secrets of type repo-creds
CREDENTIALS = [
    Credential(url)
    for url in (
        "example.azurecr.io/charts",
        "other.azurecr.io",
        "git@github.com:Example",
        "ssh://git@git.example.com:2222",
        "https://github.com/example",
        "https://github.com/example/apps",
        "https://dev.azure.com/example",
    )
]


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("example.azurecr.io/charts", "example.azurecr.io/charts"),
        ("example.azurecr.io/charts/web", "example.azurecr.io/charts"),
        ("other.azurecr.io/x", "other.azurecr.io"),
        ("https://example.azurecr.io/charts", None),
        ("oci://example.azurecr.io/charts", None),
        ("git@github.com:example/apps.git", "git@github.com:Example"),
        ("ssh://git@github.com/Example/apps", "git@github.com:Example"),
        ("ssh://git@git.example.com:2222/group/apps.git", "ssh://git@git.example.com:2222"),
        ("git@git.example.com:group/apps.git", None),
        ("https://github.com/example/web.git", "https://github.com/example"),
        ("https://github.com/example/apps.git", "https://github.com/example/apps"),
        ("https://dev.azure.com/example/p/_git/r", "https://dev.azure.com/example"),
    ],
)
def test_the_longest_url_that_a_repositorys_begins_with_is_its_credential(url: str, taken: str | None) -> None:
    found = fitting(url, CREDENTIALS)
    assert (found.url if found else None) == taken
    assert fitting(url, CREDENTIALS[::-1]) == found, "whatever their order"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@github.com:example/apps.git", "github.com"),
        ("ssh://git@git.example.com/apps", "git.example.com"),
        ("ssh://git@git.example.com:22/apps", "git.example.com"),
        ("ssh://git@git.example.com:2222", "[git.example.com]:2222"),
        ("ssh://git@ssh.github.com:443/example/apps.git", "[ssh.github.com]:443"),
    ],
)
def test_a_server_is_called_as_in_known_hosts(url: str, name: str) -> None:
    """https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT: the port stands where it is not 22."""
    assert server(url) == name


KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def test_a_server_is_known_by_the_chart_or_by_the_stack() -> None:
    assert unknown_server("git@github.com:example/apps", ()) is None
    assert unknown_server("https://git.example.com/apps", ()) is None
    assert unknown_server("ssh://git@ssh.github.com:443/example", ()) is None
    assert unknown_server("ssh://git@github.com:443/example", ()) == "[github.com]:443"
    assert unknown_server("git@git.example.com:apps", ()) == "git.example.com"
    assert unknown_server("git@git.example.com:apps", (f"git.example.com ssh-ed25519 {KEY}",)) is None


@pytest.mark.parametrize("cut", [1, 3, 4, 8, 20, 60, len(KEY) - 4])
def test_a_host_key_is_whole_and_of_the_type_that_its_line_says(cut: int) -> None:
    assert why_no_host_key(f"git.example.com ssh-ed25519 {KEY}") is None
    assert why_no_host_key(f"git.example.com ssh-rsa {KEY}") == "the key is of another type than ssh-rsa"
    assert why_no_host_key(f"git.example.com ssh-ed25519 {KEY[:-cut]}") == "the key is not whole"


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/example/apps.git", "https://api.github.com"),
        ("git@github.com:example/apps.git", "https://api.github.com"),
        ("ssh://git@ssh.github.com:443/example/apps.git", "https://api.github.com"),
        ("https://octocorp.ghe.com/example/apps", "https://api.octocorp.ghe.com"),
        ("https://Git.example.com:8443/example/apps", "https://git.example.com:8443/api/v3"),
        ("ssh://git@git.example.com:2222/example/apps.git", "https://git.example.com/api/v3"),
        ("http://127.0.0.1:8080/example/apps", "http://127.0.0.1:8080/api/v3"),
        ("https://gitlab.com/example/apps", None),
        ("git@ssh.dev.azure.com:v3/example/project/apps", None),
        ("https://example.visualstudio.com/project/_git/apps", None),
    ],
)
def test_the_api_of_a_repositorys_host_is_githubs_unless_the_host_is_known_to_be_anothers(
    url: str, api: str | None
) -> None:
    assert github_api(url) == api
