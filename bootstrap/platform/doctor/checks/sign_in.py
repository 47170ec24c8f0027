"""Sign-in, subscription, tenant."""

from collections.abc import Iterator

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.findings import Finding, blocked, fine, first_line

CHECK = "sign-in"


def sign_in(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Ask who is signed in, and for the subscription; nothing else can be asked where this fails."""
    tenant = str(needs.azure.tenant_id)
    login = f"az login --tenant {tenant}"
    try:
        claims = clients.claims()
    except ClientAuthenticationError as error:
        yield blocked(CHECK, "sign-in", f"no token: {first_line(error)}", login)
        return
    who = str(claims.get("upn") or claims.get("appid") or claims.get("oid") or "somebody")
    if claims.get("tid", tenant) != tenant:
        yield blocked(CHECK, "tenant", f"{who} is signed in to tenant {claims['tid']}, the stack is in {tenant}", login)
        return
    yield fine(CHECK, "sign-in", who)
    try:
        found = clients.subscriptions.subscriptions.get(needs.subscription_id)
    except HttpResponseError as error:
        if error.status_code not in {401, 403, 404}:
            raise
        yield blocked(
            CHECK,
            f"subscription {needs.subscription_id}",
            f"{who} does not see it ({_code(error)})",
            f"az role assignment create --assignee {claims.get('oid', '<object id>')} --role Contributor "
            f"--scope {needs.subscription}",
        )
        return
    if found.tenant_id and found.tenant_id != tenant:
        yield blocked(
            CHECK,
            f"subscription {needs.subscription_id}",
            f"it belongs to tenant {found.tenant_id}, azure.tenantId is {tenant}",
            f"pulumi config set --path azure.tenantId {found.tenant_id}",
        )
    elif (state := str(getattr(found.state, "value", found.state))) not in {"Enabled", "PastDue"}:
        yield blocked(
            CHECK,
            f"subscription {found.display_name}",
            f"it is {state.lower()}, which takes no new resources",
            f"az account subscription enable --subscription-id {needs.subscription_id}",
        )
    elif state == "PastDue":
        # https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states
        detail = "active, and its payment is past due: it will be disabled"
        yield fine(CHECK, f"subscription {found.display_name}", detail, warning=True)
    else:
        yield fine(CHECK, f"subscription {found.display_name}", "enabled, in the stack's tenant")


def _code(error: HttpResponseError) -> str:
    return error.error.code if error.error is not None and error.error.code else str(error.status_code)
