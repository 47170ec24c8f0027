"""What whoever deploys may do, at each scope of the plan."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs, grants
from bootstrap.platform.findings import Finding, blocked, fine, unknown

CHECK = "roles"

_EVERYBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A role that somebody holds, or might."""

    name: str
    definition: str
    """ARM id of the role."""
    scope: str
    condition: str | None
    permissions: Sequence[Any]

    def grants(self, action: str) -> bool:
        """Tell whether the role has an action in it."""
        return _has(self.permissions, action)


def roles(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Ask, scope by scope, whether every action of the plan is granted; tell apart what is wanting and why."""
    principal = str(clients.claims().get("oid", ""))
    if not principal:
        yield unknown(CHECK, "roles", "the token does not say who is signed in", "az ad signed-in-user show")
        return
    for scope, actions in needs.actions.items():
        yield from _at(clients, principal, scope, actions)


def _at(clients: Clients, principal: str, scope: str, actions: Sequence[str]) -> Iterator[Finding]:
    held = list(_held(clients, principal, scope))
    denied = list(_denied(clients, principal, scope, actions))
    missing = [action for action in actions if not any(role.grants(action) for role in held if not role.condition)]
    conditioned = {action: role for action in missing for role in held if role.condition and role.grants(action)}
    missing = [action for action in missing if action not in conditioned]
    for name, stopped in denied:
        yield blocked(
            CHECK,
            scope,
            f"the deny assignment {name!r} stops {_some(stopped)}",
            f"az rest --method get --url '{scope}/providers/Microsoft.Authorization/denyAssignments"
            "?api-version=2022-04-01' (who made it can lift it)",
        )
    for condition in {role.condition for role in conditioned.values()}:
        under = [action for action, role in conditioned.items() if role.condition == condition]
        yield unknown(
            CHECK,
            scope,
            f"{_some(under)} only under a condition, which Azure alone evaluates: {condition}",
            "bootstrap doctor --what-if",
        )
    if missing:
        yield _why_missing(clients, principal, scope, missing)
    elif not denied and not conditioned:
        yield fine(
            CHECK, scope, f"all {len(actions)} actions of the plan, by {', '.join(sorted({r.name for r in held}))}"
        )


def _why_missing(clients: Clients, principal: str, scope: str, missing: Sequence[str]) -> Finding:
    eligible = [role for role in _eligible(clients, scope) if any(role.grants(action) for action in missing)]
    if eligible:
        role = eligible[0]
        return blocked(
            CHECK,
            scope,
            f"{_some(missing)} not yet: the role {role.name!r} is eligible, and not active",
            f"activate {role.name!r} on {role.scope} in Privileged Identity Management "
            "(https://portal.azure.com/#view/Microsoft_Azure_PIMCommon/ActivationMenuBlade/~/azurerbac)",
        )
    grants_rights = any(action.startswith("Microsoft.Authorization/") for action in missing)
    plain = [action for action in missing if not action.startswith("Microsoft.Authorization/")]
    wanted = [*(["Contributor"] if plain else []), *(["User Access Administrator"] if grants_rights else [])]
    return blocked(
        CHECK,
        scope,
        f"{_some(missing)} not granted",
        "; ".join(
            f"az role assignment create --assignee {principal} --role '{role}' --scope {scope}" for role in wanted
        ),
    )


def _some(actions: Sequence[str]) -> str:
    rest = len(actions) - 2
    return ", ".join(actions[:2]) + (f" and {rest} more" if rest > 0 else "")


def _held(clients: Clients, principal: str, scope: str) -> Iterator[Held]:
    # assignedTo counts groups, and groups of groups
    condition = f"atScope() and assignedTo('{principal}')"
    return _with_roles(clients, clients.authorization.role_assignments.list_for_scope(scope, filter=condition))


def _eligible(clients: Clients, scope: str) -> Iterator[Held]:
    instances = clients.eligibility.role_eligibility_schedule_instances
    return _with_roles(clients, instances.list_for_scope(scope, filter="asTarget()"))


def _with_roles(clients: Clients, found: Iterable[Any]) -> Iterator[Held]:
    """Yield the roles of assignments, or of what may become one."""
    assignments = list(found)
    ids = sorted({str(assignment.role_definition_id) for assignment in assignments})
    definitions = {id_: clients.authorization.role_definitions.get_by_id(id_) for id_ in ids}
    for assignment in assignments:
        definition = definitions[str(assignment.role_definition_id)]
        yield Held(
            name=str(definition.role_name),
            definition=str(assignment.role_definition_id),
            scope=str(assignment.scope),
            condition=assignment.condition,
            permissions=definition.permissions or (),
        )


def _has(permissions: Sequence[Any], action: str) -> bool:
    """Tell whether an action is in the permissions of a role, or of a deny assignment."""
    return any(
        any(grants(pattern, action) for pattern in permission.actions or ())
        and not any(grants(pattern, action) for pattern in permission.not_actions or ())
        for permission in permissions
    )


def _denied(
    clients: Clients, principal: str, scope: str, actions: Sequence[str]
) -> Iterator[tuple[str, Sequence[str]]]:
    # the token lists groups, unless there are too many of them
    ours = {principal, *map(str, clients.claims().get("groups") or ())}
    for found in clients.authorization.deny_assignments.list_for_scope(scope, filter="atScope()"):
        ids = {str(each.id) for each in found.principals or ()}
        spared = {str(each.id) for each in found.exclude_principals or ()}
        if ours & spared or not ids & {*ours, _EVERYBODY}:
            continue
        stopped = [action for action in actions if _has(found.permissions or (), action)]
        if stopped:
            yield str(found.deny_assignment_name), stopped
