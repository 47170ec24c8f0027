"""A developer's day on a cluster whose pods are real: what the border lets through, as docs/applications.md has it.

New applications, a secret, a host, a cron job, a job, a disk, a promotion, and what Argo CD's page may do. The cluster
is the one of :mod:`tests.e2e.test_real_cluster`. The tests are chapters, in order.
"""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from kubernetes import client
from ruamel.yaml import YAML

from components.addons.external_secrets import LOCAL_SECRETS_NAMESPACE
from tests.e2e.inspect_cluster import wait_for
from tests.e2e.story import Story

IMAGE = "ghcr.io/stefanprodan/podinfo"
TAG, DIGEST = "6.11.2", "sha256:187803cdf611a19d4fffbdf6a4260a01be4c09ffe9924b28902424fc0639ceb8"
SHOP = "shop.local.example.com"
PAGE = "argocd.local.example.com"
DEVELOPER = "developer"


def wrote(story: Story, message: str, *promoted: str) -> None:
    """Push what was written, promote the image of applications, and bring the branch to the cluster."""
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", message)
    story.git("push", "--quiet", "origin", "HEAD:main")
    for app in promoted:
        told = checked(story, "promote", app, "local", TAG, "--digest", DIGEST, "--format", "json")
        assert json.loads(told)["after"] == f"{TAG}@{DIGEST}"
    story.git("pull", "--quiet", "origin", "main")
    story.up()


def edit(path: Path, **values: Any) -> None:
    yaml = YAML()
    content = (yaml.load(path) if path.exists() else None) or {}
    content.update(values)
    yaml.dump(content, path)


def checked(story: Story, *arguments: str) -> str:
    done = story.clone.bootstrap(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_application_is_one_command_and_one_review(story: Story) -> None:
    argo_cd = {"configs": {"cm": {f"accounts.{DEVELOPER}": "apiKey"}}}
    story.clone.configure("charts", argoCd={"values": argo_cd})
    # what a production stack may give developers on the page: settings/argocd_policy.py
    policies = [
        f"p, role:{DEVELOPER}, applications, get, shop/*, allow",
        f"p, role:{DEVELOPER}, applications, action/apps/Deployment/restart, shop/*, allow",
        f"g, {DEVELOPER}, role:{DEVELOPER}",
    ]
    story.clone.configure("argocd", policies=policies)
    remote = story.clone.folder.parent / "remote.git"
    story.git("clone", "--quiet", "--bare", ".", str(remote))
    story.git("remote", "add", "origin", str(remote))
    story.up()
    secret = client.V1Secret(metadata=client.V1ObjectMeta(name="shop-token"), string_data={"value": "sesame"})
    client.CoreV1Api(story.api).create_namespaced_secret(LOCAL_SECRETS_NAMESPACE, secret)
    checked(story, "app", "new", "shop", "--env", "local", "--image", IMAGE)
    edit(
        story.clone.folder / "gitops/apps/shop/values.yaml",
        port=9898,
        replicas=1,
        secrets={"env": {"SHOP_TOKEN": "shop-token"}, "property": "value"},
        writable=["/data"],
    )
    checked(story, "validate")
    wrote(story, "add shop", "shop")
    wait_for(lambda: story.healthy("shop"), 300)


def test_its_page_is_served_and_its_secret_arrives(story: Story) -> None:
    wait_for(lambda: story.get(SHOP)[0] == 200, 60)
    core: Any = client.CoreV1Api(story.api)
    [pod] = core.list_namespaced_pod("app-shop").items
    [source] = pod.spec.containers[0].env_from
    secret: Any = core.read_namespaced_secret(source.secret_ref.name, "app-shop")
    assert b64decode(secret.data["SHOP_TOKEN"]) == b"sesame"


def test_a_second_host_is_the_platforms_to_give(story: Story) -> None:
    second = f"market.{SHOP.partition('.')[2]}"
    edit(story.clone.folder / "gitops/apps/shop/local.yaml", ingress={"hosts": [SHOP, second]})
    refused = story.clone.bootstrap("validate")
    assert refused.returncode != 0 and second in refused.stdout + refused.stderr
    tenant = story.clone.folder / "tenants/shop.yaml"
    edit(tenant, environments={"local": {"hosts": [SHOP, second]}})
    checked(story, "validate")
    wrote(story, "shop is market too")
    wait_for(lambda: story.get(second)[0] == 200, 180)


def test_a_cron_job_runs(story: Story) -> None:
    checked(story, "app", "new", "report", "--env", "local", "--chart", "cron", "--image", IMAGE)
    edit(
        story.clone.folder / "gitops/apps/report/values.yaml",
        schedule="* * * * *",
        command=["./podinfo", "--version"],
        secrets={"enabled": False},
    )
    checked(story, "validate")
    wrote(story, "add report", "report")
    batch: Any = client.BatchV1Api(story.api)
    wait_for(lambda: any(job.status.succeeded for job in batch.list_namespaced_job("app-report").items), 300)
    wait_for(lambda: story.healthy("report"), 60)


NOTES = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: notes }
spec: { accessModes: [ReadWriteOnce], storageClassName: e2e, resources: { requests: { storage: 64Mi } } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: prepare, annotations: { argocd.argoproj.io/hook: Sync } }
spec:
  backoffLimit: 1
  template:
    spec: &pod
      automountServiceAccountToken: false
      restartPolicy: Never
      securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }
      volumes: [{ name: notes, persistentVolumeClaim: { claimName: notes } }]
      containers:
        - name: main
          image: IMAGE
          command: [./podinfo, --version]
          resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 64Mi } }
          securityContext:
            { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] }, readOnlyRootFilesystem: true }
          volumeMounts: [{ name: notes, mountPath: /notes }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: notes }
spec:
  strategy: { type: Recreate }
  selector: { matchLabels: { app: notes } }
  template:
    metadata: { labels: { app: notes } }
    spec:
      automountServiceAccountToken: false
      securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }
      volumes: [{ name: notes, persistentVolumeClaim: { claimName: notes } }]
      containers:
        - name: main
          image: IMAGE
          command: [./podinfo, --port=9898, --data-path=/notes]
          resources: { requests: { cpu: 10m, memory: 32Mi }, limits: { memory: 64Mi } }
          securityContext:
            { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] }, readOnlyRootFilesystem: true }
          volumeMounts: [{ name: notes, mountPath: /notes }]
"""
TENANT = f"""\
owner: team@example.com
manifests: plain
registries: [{IMAGE.rpartition("/")[0]}]
environments:
  local: {{}}
"""


def test_an_application_of_plain_manifests_has_a_disk_and_a_job(story: Story) -> None:
    folder = story.clone.folder / "gitops/apps/notes/manifests/local"
    folder.mkdir(parents=True)
    (folder / "notes.yaml").write_text(NOTES.replace("IMAGE", f"{IMAGE}@{DIGEST}"))
    (story.clone.folder / "tenants/notes.yaml").write_text(TENANT)
    checked(story, "validate")
    core: Any = client.CoreV1Api(story.api)
    if not client.StorageV1Api(story.api).list_storage_class().items:
        core.create_persistent_volume(volume())
    wrote(story, "add notes")
    wait_for(lambda: story.healthy("notes"), 300)
    claim: Any = core.read_namespaced_persistent_volume_claim("notes", "app-notes")
    assert claim.status.phase == "Bound"


def volume() -> client.V1PersistentVolume:
    """Return what a storage class would make, for a cluster that has none."""
    return client.V1PersistentVolume(
        metadata=client.V1ObjectMeta(name="e2e-notes"),
        spec=client.V1PersistentVolumeSpec(
            access_modes=["ReadWriteOnce"],
            capacity={"storage": "64Mi"},
            storage_class_name="e2e",
            persistent_volume_reclaim_policy="Retain",
            host_path=client.V1HostPathVolumeSource(path="/var/lib/e2e-notes", type="DirectoryOrCreate"),
        ),
    )


def test_what_runs_is_the_image_of_the_promotions_commit(story: Story) -> None:
    assert f"{TAG}@{DIGEST}" in (story.clone.folder / "gitops/apps/shop/local.yaml").read_text()
    found: Any = client.AppsV1Api(story.api).read_namespaced_deployment("shop", "app-shop")
    assert found.spec.template.spec.containers[0].image == f"{IMAGE}:{TAG}@{DIGEST}"
    assert checked(story, "history", "shop", "local").count(TAG) == 1


def signed_in(story: Story) -> str:
    """Return a token of the developer's account, which Argo CD's administrator makes."""
    secret: Any = client.CoreV1Api(story.api).read_namespaced_secret("argocd-initial-admin-secret", "argocd")
    login = {"username": "admin", "password": b64decode(secret.data["password"]).decode()}
    status, told = story.ask(PAGE, "POST", "/api/v1/session", json.dumps(login))
    assert status == 200, told
    admin = json.loads(told)["token"]
    status, told = story.ask(PAGE, "POST", f"/api/v1/account/{DEVELOPER}/token", "{}", admin)
    assert status == 200, told
    return str(json.loads(told)["token"])


def test_on_the_page_a_developer_restarts_and_no_more(story: Story) -> None:
    token = signed_in(story)

    def ask(method: str, path: str, body: str = "") -> tuple[int, str]:
        return story.ask(PAGE, method, path, body, token)

    apps: Any = client.AppsV1Api(story.api)
    before = apps.read_namespaced_deployment("shop", "app-shop").metadata.generation
    deployment = "namespace=app-shop&resourceName=shop&group=apps&version=v1&kind=Deployment"
    status, _ = ask("GET", "/api/v1/applications/shop")
    assert status == 200
    status, _ = ask("GET", "/api/v1/applications/hello")
    assert status == 403
    status, told = ask("POST", f"/api/v1/applications/shop/resource/actions?{deployment}", '"restart"')
    assert status == 200, told
    wait_for(lambda: apps.read_namespaced_deployment("shop", "app-shop").metadata.generation > before, 30)
    wait_for(lambda: story.healthy("shop"), 180)
    for method, path, body in (
        ("DELETE", f"/api/v1/applications/shop/resource?{deployment}", ""),
        ("POST", "/api/v1/applications/shop/sync", "{}"),
        ("POST", f"/api/v1/applications/shop/resource?{deployment}&patchType=application/merge-patch%2Bjson", '"{}"'),
        ("DELETE", "/api/v1/applications/shop", ""),
    ):
        status, told = ask(method, path, body)
        assert status == 403, f"{method} {path}: {status} {told}"
