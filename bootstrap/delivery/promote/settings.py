"""What a clone's configuration has to say of a promotion: where it is written, and how its commit is signed."""

from bootstrap.delivery.promote.command import Git, redact
from bootstrap.errors import GitError


def address_to_write(clone: Git, remote: str) -> str:
    """Return the remote that is read and written.

    A remote may be fetched from one address and pushed to another (``pushurl``, ``pushInsteadOf``). What is pushed has
    to build on what is there, so that such a remote is read where it is written.

    Raises:
        GitError: it is pushed to several addresses.
    """
    read = clone.ask("remote", "get-url", remote)
    written = (clone.ask("remote", "get-url", "--push", "--all", remote) or "").splitlines()
    if len(written) > 1:
        raise GitError(
            f"the remote {remote} of {clone.folder} is pushed to {len(written)} addresses (remote.{remote}.pushurl or "
            f"url): {', '.join(redact(one) for one in written)}; a promotion goes to one: say --remote with the "
            "address that Argo CD reads"
        )
    return written[0] if written and written[0] != read else remote


def unsigned(error: GitError, git: Git, clone: Git) -> GitError:
    """Return the error of a commit that was not signed, with what is configured and what to do.

    https://git-scm.com/docs/git-config: commit.gpgSign, gpg.format, user.signingKey
    """
    kind = git.ask("config", "gpg.format") or "openpgp"
    usual = {"openpgp": "gpg", "ssh": "ssh-keygen", "x509": "gpgsm"}.get(kind, "none")
    # gpg.program is the older name of gpg.openpgp.program
    older = git.ask("config", "gpg.program") if kind == "openpgp" else None
    program = git.ask("config", f"gpg.{kind}.program") or older or usual
    key = git.ask("config", "user.signingKey")
    where = (clone.ask("config", "--show-origin", "commit.gpgSign") or "").partition("\t")[0]
    return GitError(
        f"the commit cannot be signed, and nothing was pushed: {error}. commit.gpgSign is true "
        f"({where or 'in the environment'}), with gpg.format {kind}, "
        f"{f'user.signingKey {key}' if key else 'no user.signingKey'} and the program {program}: install the program "
        "and give it the key, or turn signing off with `git config commit.gpgSign false`"
    )
