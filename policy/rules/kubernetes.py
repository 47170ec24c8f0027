"""Rules about objects in the cluster that the program makes itself."""

from collections.abc import Iterator, Mapping

from policy.allowed import allowed
from policy.resource import Resource, Stack, is_unknown
from policy.rule import rule, stack_rule
from policy.rules.helm import seen

_RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
_PRACTICES = "https://kubernetes.io/docs/concepts/security/rbac-good-practices"
_NAMESPACE = "kubernetes:core/v1:Namespace"
_SECRET_TYPE = "argocd.argoproj.io/secret-type"


@rule(
    "k8s-no-cluster-admin",
    "None of our objects makes anybody cluster-admin.",
    f"{_PRACTICES}/#least-privilege",
    f"{_RBAC}:ClusterRoleBinding",
    f"{_RBAC}:RoleBinding",
)
def no_cluster_admin(binding: Resource) -> Iterator[str]:
    """Nor admin of everything by way of the group that the API server asks nothing."""
    if binding.get("roleRef.name") == "cluster-admin":
        yield "roleRef.name: got cluster-admin; allowed: a role of its own"
    for index, subject in enumerate(binding.get("subjects") or []):
        if str(subject.get("name")) in ("system:anonymous", "system:unauthenticated", "system:masters"):
            yield f"subjects[{index}].name: got {subject.get('name')}; allowed: whoever signs in"


_TOKENS = frozenset({"serviceaccounts/token"})
_DANGEROUS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"bind", "escalate", "impersonate"}), frozenset()),
    (frozenset({"create"}), _TOKENS),
    (frozenset({"create"}), frozenset({"nodes/proxy", "persistentvolumes"})),
    (frozenset({"get"}), frozenset({"nodes/proxy"})),
    (frozenset({"update", "patch"}), frozenset({"certificatesigningrequests/approval"})),
    (
        frozenset({"create", "update", "patch"}),
        frozenset({"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}),
    ),
)
"""Verbs on resources that lead to more rights than they name; no resources stand for all."""

_BROAD = frozenset({"admin", "cluster-admin", "edit"})
"""Roles of Kubernetes' own that nobody hands on; to bind another that is named is how its own authors mean it to be.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#restrictions-on-role-binding-creation-or-update
"""


@rule(
    "k8s-narrow-roles",
    "No role of ours has a wildcard, or a right that leads to others.",
    f"{_PRACTICES}/#privilege-escalation-risks",
    f"{_RBAC}:ClusterRole",
    f"{_RBAC}:Role",
)
def narrow_roles(role: Resource) -> Iterator[str]:
    """Secrets of the whole cluster are such a right too."""
    for index, each in enumerate(role.get("rules") or []):
        for key in ("verbs", "resources", "apiGroups"):
            if "*" in (each.get(key) or []):
                yield f"rules[{index}].{key}: got '*'; allowed: names"
        verbs, resources = set(each.get("verbs") or []), set(each.get("resources") or [])
        names = set(each.get("resourceNames") or [])
        for bad_verbs, bad_resources in _DANGEROUS:
            named = names and not names & _BROAD
            bad = verbs & (bad_verbs - {"bind"} if named else bad_verbs)
            if named and bad_resources == _TOKENS:
                continue  # of accounts that are named
            if bad and (not bad_resources or resources & bad_resources):
                on = ", ".join(sorted(resources & bad_resources or resources))
                yield f"rules[{index}]: got {', '.join(sorted(bad))} on {on}; allowed: neither"
        if role.is_a(f"{_RBAC}:ClusterRole") and "secrets" in resources and not each.get("resourceNames"):
            yield f"rules[{index}]: got secrets of every namespace; allowed: a Role, or resourceNames"


@rule(
    "k8s-pod-security",
    "A namespace of ours enforces a Pod Security Standard.",
    "https://kubernetes.io/docs/concepts/security/pod-security-admission/",
    _NAMESPACE,
)
def pod_security(namespace: Resource) -> Iterator[str]:
    """Without the label the API server takes privileged pods."""
    given = (namespace.get("metadata.labels") or {}).get("pod-security.kubernetes.io/enforce")
    if given not in ("restricted", "baseline"):
        yield f'metadata.labels."pod-security.kubernetes.io/enforce": got {given}; allowed: restricted, baseline'


@rule(
    "k8s-admission-fails-closed",
    "An admission policy that cannot decide refuses.",
    "https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#failure-policy",
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding",
)
def admission_fails_closed(policy: Resource) -> Iterator[str]:
    """The API server's default is Fail; a binding that only warns or audits refuses nothing."""
    if policy.is_a("ValidatingAdmissionPolicyBinding"):
        actions = list(policy.get("spec.validationActions") or [])
        if "Deny" not in actions:
            yield f"spec.validationActions: got {', '.join(actions) or 'none'}; allowed: with Deny"
    elif policy.get("spec.failurePolicy") not in (None, "Fail"):
        yield f"spec.failurePolicy: got {policy.get('spec.failurePolicy')}; allowed: Fail"


@rule(
    "k8s-no-secrets",
    "Pulumi makes no Secret but those of policy/allowed.yaml, which hold nothing secret.",
    "https://external-secrets.io/latest/introduction/overview/",
    "kubernetes:core/v1:Secret",
)
def no_secrets(secret: Resource) -> Iterator[str]:
    """What is secret comes from the vault; in the state it would be one passphrase away."""
    kind = str((secret.get("metadata.labels") or {}).get(_SECRET_TYPE))
    if kind not in allowed().secrets:
        yield f'metadata.labels."{_SECRET_TYPE}": got {kind}; allowed: {", ".join(allowed().secrets)}'
        return
    for path in ("data", "stringData"):
        held = secret.get(path)
        # a plan does not look into it, and the provider calls the one what the program calls the other
        for key in sorted(held) if isinstance(held, Mapping) else []:
            if key not in allowed().secrets[kind]:
                yield f"{path}.{key}: got some; allowed: {', '.join(sorted(allowed().secrets[kind]))}"


@rule(
    "k8s-default-namespace",
    "Nothing of ours is in the namespace default.",
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",
)
def default_namespace(resource: Resource) -> Iterator[str]:
    """No Pod Security Standard holds there."""
    if not resource.type.startswith("kubernetes:"):
        return
    release = resource.is_a("Release", "Chart")
    if not seen(resource):
        return
    given = resource.get("namespace") if release else resource.get("metadata.namespace")
    if given == "default" or (release and not given):
        yield f"namespace: got {given or 'none'}; allowed: one of its own"


@rule(
    "k8s-service-account-tokens",
    "No default service account is given anything.",
    f"{_PRACTICES}/#least-privilege",
    f"{_RBAC}:ClusterRoleBinding",
    f"{_RBAC}:RoleBinding",
)
def service_account_tokens(binding: Resource) -> Iterator[str]:
    """Every pod of the namespace that names no other runs as it."""
    for index, subject in enumerate(binding.get("subjects") or []):
        if subject.get("kind") == "ServiceAccount" and subject.get("name") == "default":
            yield f"subjects[{index}].name: got default; allowed: a service account of its own"


@stack_rule(
    "k8s-namespaces-apart",
    "Every release has a namespace of its own, that the stack makes.",
    "https://kubernetes.io/docs/concepts/security/multi-tenancy/",
)
def namespaces_apart(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """The namespace's label is what holds its pods to a Pod Security Standard."""
    made = {name: each.urn for each in stack.of_type(_NAMESPACE) if (name := each.get("metadata.name"))}
    taken: dict[str, Resource] = {}
    for release in stack.of_type("kubernetes:helm.sh/v3:Release"):
        given = release.get("namespace")
        # in a preview of a cluster that is not there yet no name is known, but what it is made of
        made_here = [each.urn for each in stack.referred(release, "namespace") if each.is_a(_NAMESPACE)]
        hidden = given is None or is_unknown(given)
        urn = (made_here[0] if made_here else None) if hidden else made.get(given)
        if urn is None:
            yield release, f"namespace: got {given}; allowed: one that the stack makes"
            continue
        if urn in taken:
            yield release, f"namespace: got {given}, which is {taken[urn].name}'s; allowed: one of its own"
        taken.setdefault(urn, release)
