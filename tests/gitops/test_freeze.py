"""``bootstrap freeze``: sync windows of every project of an environment."""

import datetime as dt

import pytest

from bootstrap.delivery.clusters import read_cluster
from bootstrap.delivery.freeze import FILE, freeze, lift
from bootstrap.delivery.render.application import platform_objects
from bootstrap.errors import GitOpsError

NOW = dt.datetime(2026, 12, 23, 17, 30, 12, tzinfo=dt.UTC)


def windows(project, environment):
    cluster = read_cluster(project.root, environment)
    made = platform_objects(project.root, cluster)
    return [
        found.document["spec"].get("syncWindows")
        for found in made
        if found.kind == "AppProject" and found.name != "default"
    ]


def test_every_project_of_the_environment_has_the_window_and_no_other(project):
    before = project.read(FILE)
    freeze(project.root, "prod", until="2026-12-27T09:00+01:00", start=None, now=NOW)
    [[window]] = windows(project, "prod")
    assert window == {
        "kind": "deny",
        "schedule": "30 17 23 12 *",
        "duration": "5190m",  # 3 days, 14 hours and a half
        "timeZone": "UTC",
        "applications": ["*"],
    }
    assert windows(project, "dev") == [None]
    lift(project.root, "prod")
    assert windows(project, "prod") == [None]
    assert project.read(FILE) == before


def test_a_second_window_takes_the_first_ones_place(project):
    freeze(project.root, "prod", until="2026-12-27T08:00", start=None, now=NOW)
    freeze(project.root, "dev", until="2026-12-27T08:00", start=None, now=NOW)
    freeze(project.root, "prod", until="2026-12-31T08:00Z", start="2026-12-30T08:00Z", now=NOW)
    [[window]] = windows(project, "prod")
    assert (window["schedule"], window["duration"]) == ("0 8 30 12 *", "1440m")
    assert windows(project, "dev") != [None]


@pytest.mark.parametrize(
    ("environment", "until", "start", "message"),
    [
        ("nowhere", "2026-12-27T08:00Z", None, "there is no environment 'nowhere'; there are: dev, local, prod"),
        ("prod", "tomorrow", None, "--until: got 'tomorrow'; allowed: a time such as"),
        ("prod", "2026-12-40T08:00Z", None, "--until: got '2026-12-40T08:00Z'; allowed: a time such as"),
        ("prod", "2026-12-23T17:30Z", None, "allowed: a time after 2026-12-23T17:30Z"),
        ("prod", "2026-12-27T08:00Z", "2026-12-28T08:00Z", "allowed: a time after 2026-12-28T08:00Z"),
        ("prod", "2027-12-23T17:00Z", None, "allowed: at most 60 days after it starts"),
        ("prod", "2026-12-27T08:00Z", "now", "--from: got 'now'"),
    ],
)
def test_what_is_no_window_is_refused_and_nothing_is_written(project, environment, until, start, message):
    before = project.read(FILE)
    with pytest.raises(GitOpsError) as refused:
        freeze(project.root, environment, until=until, start=start, now=NOW)
    assert message in str(refused.value)
    assert project.read(FILE) == before


def test_what_is_not_frozen_cannot_be_lifted(project):
    with pytest.raises(GitOpsError, match=r"prod is not frozen by tenants/values.yaml; frozen are: none"):
        lift(project.root, "prod")
