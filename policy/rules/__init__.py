"""Every rule, by subject. What settings/production.py refuses in a stack file is refused here in resources."""

from policy.rule import Rule, registered
from policy.rules import access, argocd, cluster, data, helm, kubernetes, network, pools, tags

__all__ = ["access", "argocd", "cluster", "data", "helm", "kubernetes", "network", "pools", "tags"]


def every_rule() -> list[Rule]:
    """Return all rules."""
    return list(registered())
