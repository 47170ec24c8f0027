"""What the cluster itself refuses in the namespaces of applications, whoever rendered it.

What is allowed stands in annotations of each namespace, which the platform writes; a missing one allows nothing.
docs/decisions/0015-admission-policies.md.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchResourcesArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, LabelSelectorRequirementArgs, ObjectMetaArgs

from components.access import ClusterAccess
from components.platform import Platform
from components.tenancy import (
    accounts,
    images,
    ingress_routes,
    ingresses,
    middlewares,
    network_policies,
    pods,
    secrets,
    services,
    volumes,
)
from components.tenancy.policy import Policy
from conventions import TENANT_LABEL

_THEMES = (
    images,
    pods,
    ingresses,
    ingress_routes,
    middlewares,
    secrets,
    services,
    network_policies,
    accounts,
    volumes,
)


@dataclass(frozen=True, kw_only=True)
class AdmissionPoliciesArgs:
    """Inputs of the policies."""

    access: ClusterAccess

    @classmethod
    def of(cls, platform: Platform) -> "AdmissionPoliciesArgs":
        """Take the inputs from the platform."""
        return cls(access=platform.access)


class AdmissionPolicies(pulumi.ComponentResource):
    """Every policy and its binding; they hold before Argo CD applies the first application."""

    def __init__(self, name: str, args: AdmissionPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create them."""
        super().__init__("aks-bootstrap:admission_policies:AdmissionPolicies", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for item in policies():
            logical = args.access.name(item.name)
            policy = ValidatingAdmissionPolicy(
                logical, metadata=ObjectMetaArgs(name=item.name), spec=item.spec, opts=child
            )
            ValidatingAdmissionPolicyBinding(
                logical,
                metadata=ObjectMetaArgs(name=item.name),
                spec=binding(policy.metadata.apply(lambda metadata: metadata.name or "")),
                opts=child,
            )
        self.register_outputs({})


def policies() -> list[Policy]:
    """Return every policy."""
    return [item for theme in _THEMES for item in theme.policies()]


def binding(policy_name: pulumi.Input[str]) -> ValidatingAdmissionPolicyBindingSpecArgs:
    """Return what makes a policy hold in every namespace of an application, and in no other.

    https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-actions: what is
    denied needs no warning, and may not have one.
    """
    return ValidatingAdmissionPolicyBindingSpecArgs(
        policy_name=policy_name,
        validation_actions=["Deny", "Audit"],
        match_resources=MatchResourcesArgs(
            namespace_selector=LabelSelectorArgs(
                match_expressions=[LabelSelectorRequirementArgs(key=TENANT_LABEL, operator="Exists")]
            )
        ),
    )
