"""Names that the program, ``gitops/`` and the command line agree on.

It imports nothing heavy, so that a command that only reads ``gitops/`` need not load the SDKs.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of objects that has a namespace."""

    group: str
    kind: str
    plural: str
    """What RBAC calls it."""


NAMESPACE = "aks-bootstrap"
"""Prefix of the program's configuration keys, and the project's name."""

ENVIRONMENT_PATTERN = r"[a-z][a-z0-9]{0,7}"
"""What an environment may be called: it is part of every Azure name."""

# renovate: datasource=endoflife-date depName=azure-kubernetes-service
DEFAULT_KUBERNETES_VERSION = "1.35"
"""Minor version of a cluster whose stack file names none."""

CLUSTER_ARM_TYPE = "Microsoft.ContainerService/managedClusters"
"""Azure Resource Manager's name for AKS clusters."""

GITOPS_FOLDER = "gitops"
"""What Argo CD reads of the repository."""
TENANTS_FOLDER = "tenants"
"""The platform's half of what Argo CD reads: one file for each application, and the chart of their projects."""
HALVES = (GITOPS_FOLDER, TENANTS_FOLDER)
"""The folders that Argo CD reads, in the order in which people look at them."""
DEFAULT_REVISION = "main"
"""Revision of the applications' half that Argo CD follows where the stack file names none."""
DEFAULT_PLATFORM_REVISION = "platform"
"""Revision of the platform's half that Argo CD follows where the stack file names none."""

WORKING_TREE_URL = "file:///working-tree/repository"
"""Repository in Argo CD's repo-server that holds the working tree, where no other is used."""

ARGO_CD_NAMESPACE = "argocd"
"""Namespace of Argo CD, of every Application and of every project."""
BACKUP_NAMESPACE = "dataprotection-microsoft"
"""Namespace of Azure Backup's extension, whose name is Azure's."""
ROOT_APPLICATION = "root"
"""Name of the Application that applies all others, and of its project."""
DEFAULT_PROJECT = "default"
"""Project of Argo CD's own, of every Application that names none."""
IN_CLUSTER = "https://kubernetes.default.svc"
"""How Argo CD names the cluster that it runs in."""
DEFAULT_ISSUER, PRODUCTION_ISSUER = "letsencrypt-staging", "letsencrypt"
"""Who signs certificates where the stack file says nothing."""
INGRESS_CLASS = "traefik"
"""Ingress class that the bootstrap creates."""
SECRET_STORE = "vault"
"""ClusterSecretStore that the bootstrap creates for applications."""
ARGO_CD_SECRET_STORE = "argocd"
"""ClusterSecretStore of the same secrets for Argo CD's own credentials: only its namespace may use it."""
CERTIFICATE_STORE = "certificates"
"""ClusterSecretStore of the proxies' certificate alone: only their namespace may use it, and it may write."""
FACT_PREFIX = "aks-bootstrap.io/"
"""Begins the in-cluster Secret's annotations that hold facts of the infrastructure."""
TENANT_LABEL = "aks-bootstrap.io/tenant"
"""Label of the namespaces that are an application's; its value is the application's name."""
HOSTS_ANNOTATION = "aks-bootstrap.io/hosts"
"""Annotation of such a namespace: the host names that its routes may have, with commas between them."""
REGISTRIES_ANNOTATION = "aks-bootstrap.io/registries"
"""Annotation of such a namespace: where its images may come from, with commas between them."""
VAULT_KEYS_ANNOTATION = "aks-bootstrap.io/vault-keys"
"""Annotation of such a namespace: secrets of the vault that it may read, with commas between them."""
DIGESTS_ANNOTATION = "aks-bootstrap.io/digests"
"""Annotation of such a namespace: ``true`` where its images have to be named by digest."""
IDENTITIES_ANNOTATION = "aks-bootstrap.io/identities"
"""Annotation of such a namespace: client ids that its service accounts may name, with commas between them."""
IMAGE_REPOSITORY = r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+"
"""An image's registry and name, in lower case. https://github.com/distribution/reference/blob/main/regexp.go."""
IMAGE_DIGEST = r"@sha256:[0-9a-f]{64}$"
"""How the reference of an image ends that is named by digest."""
CERTIFICATE_KEY = "tls-default"
"""Begins the name of the vault's secrets that hold the proxies' certificate, which no application may read."""
VAULT_KEY = r"((secret|cert|key)/)?[0-9A-Za-z-]{1,127}"
"""An object of the vault, as ExternalSecrets name it. https://external-secrets.io/latest/provider/azure-key-vault/."""
IMAGE_UPDATER_GROUP = "argocd-image-updater.argoproj.io"
"""API group of Image Updater's objects."""
IMAGE_UPDATER_SECRET = "image-updater-git"
"""Secret in Argo CD's namespace that Image Updater pushes with, where it has a credential of its own."""
ROOT_KINDS = (
    Kind("", "ServiceAccount", "serviceaccounts"),
    Kind("argoproj.io", "AppProject", "appprojects"),
    Kind("argoproj.io", "Application", "applications"),
    Kind("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    Kind("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
)
"""What the root Application may create, besides namespaces."""
IMAGE_UPDATER_KINDS = (Kind(IMAGE_UPDATER_GROUP, "ImageUpdater", "imageupdaters"),)
"""What it may create besides where Image Updater is installed."""
TENANT_NAMESPACE_PREFIX = "app-"
"""Begins the name of an application's namespace."""
DEFAULT_DENY = "default-deny"
"""NetworkPolicy of such a namespace that the platform makes, and the application may not change."""
TENANT_ROLE = "aks-bootstrap:tenant"
"""ClusterRole that the account has in its application's namespace, with which Argo CD applies the application."""
PLATFORM_KINDS_OF_TENANTS = frozenset({"NetworkPolicy", "RoleBinding"})
"""Kinds that the root Application makes in the applications' namespaces, whose names no role can hold a pattern of."""
TENANT_KINDS = (
    Kind("", "ConfigMap", "configmaps"),
    Kind("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Kind("", "Service", "services"),
    Kind("", "ServiceAccount", "serviceaccounts"),
    Kind("apps", "Deployment", "deployments"),
    Kind("apps", "StatefulSet", "statefulsets"),
    Kind("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("batch", "CronJob", "cronjobs"),
    Kind("batch", "Job", "jobs"),
    Kind("external-secrets.io", "ExternalSecret", "externalsecrets"),
    Kind("networking.k8s.io", "Ingress", "ingresses"),
    Kind("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    Kind("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("traefik.io", "IngressRoute", "ingressroutes"),
    Kind("traefik.io", "Middleware", "middlewares"),
)
"""What an application may consist of: no Secret, whose text would be in Git, and no Role."""
