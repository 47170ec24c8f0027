"""Where Argo CD reports what became of a commit."""

from settings.report import Section
from settings.types import AppId, VaultSecret


class StatusApp(Section):
    """The GitHub App that sets commit statuses: installed on the repository of the applications, it may write them.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/github/
    """

    app_id: AppId
    """The App's id."""
    installation_id: AppId
    """Id of its installation in the organization that owns the repository."""
    vault_secret: VaultSecret
    """Name of the secret in the vault that holds the App's private key.

    On a local cluster: name of a Secret in namespace local-vault, whose key ``value`` holds it.
    """


class Notifications(Section):
    """Commit statuses: whether an application was deployed, or failed, stands at the commit on GitHub."""

    github_app: StatusApp
    """The App that sets them."""
