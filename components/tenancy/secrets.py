"""ExternalSecrets read the vault's secrets that the namespace allows, and write nothing but Secrets."""

from components.tenancy.policy import Policy, allowed, check, listed, policy, quoted
from conventions import SECRET_STORE, VAULT_KEY, VAULT_KEYS_ANNOTATION

_STORE = f"the ClusterSecretStore {SECRET_STORE}"
_TOKEN = "kubernetes.io/service-account-token"


def policies() -> list[Policy]:
    """Return the policy of ExternalSecrets. https://external-secrets.io/latest/api/externalsecret/.

    Labels and annotations of the Secret are free: whoever reads Secrets by a label, as Argo CD does, reads them in its
    own namespace.
    """
    admitted = (
        f"key.matches({quoted(f'^{VAULT_KEY}$')}) && [key.substring(key.indexOf('/') + 1)].exists(name,"
        " name in variables.allowed || variables.beginnings.exists(beginning, name.startsWith(beginning)))"
    )
    return [
        policy(
            "externalsecret",
            {"external-secrets.io": ("externalsecrets",)},
            judged=["object.spec"],
            variables={
                "allowed": allowed(VAULT_KEYS_ANNOTATION),
                "beginnings": "variables.allowed.filter(name, name.endsWith('*'))"
                ".map(name, name.substring(0, size(name) - 1))",
                "data": "object.spec.?data.orValue([])",
                "dataFrom": "object.spec.?dataFrom.orValue([])",
                "keys": "variables.data.map(it, it.?remoteRef.?key.orValue(''))"
                " + variables.dataFrom.filter(it, has(it.extract)).map(it, it.extract.?key.orValue(''))",
                "foreign": f"variables.keys.filter(key, !({admitted}))",
            },
            validations=[
                check(
                    f"!has(object.spec.secretStoreRef) || ({_is_store('object.spec.secretStoreRef')})",
                    "'spec.secretStoreRef: got ' + object.spec.secretStoreRef.?kind.orValue('SecretStore') + ' '"
                    f" + object.spec.secretStoreRef.?name.orValue('') + '; allowed: {_STORE}'",
                ),
                check(
                    f"variables.data.all(it, {_same_store('it')})",
                    f"'spec.data: got a sourceRef to a generator or another store; allowed: {_STORE}'",
                ),
                check(
                    f"variables.dataFrom.all(it, {_same_store('it')})",
                    f"'spec.dataFrom: got a sourceRef to a generator or another store; allowed: {_STORE}'",
                ),
                check(
                    "size(variables.foreign) == 0",
                    "'spec: got the vault key ' + variables.foreign.join(', ') + '; allowed: '"
                    f" + {listed('variables.allowed')}",
                ),
                check(
                    "variables.dataFrom.all(it, !has(it.find))",
                    f"'spec.dataFrom: got find, which reads whatever it finds; allowed: extract, of '"
                    f" + {listed('variables.allowed')}",
                ),
                check(
                    # the operator would create any kind with rights of its own
                    "!has(object.spec.target) || !has(object.spec.target.manifest)",
                    "'spec.target.manifest: got a kind; allowed: none, which makes a Secret'",
                ),
                check(
                    # Kubernetes would write a token into it that does not expire
                    f"object.spec.?target.?template.?type.orValue('') != '{_TOKEN}'",
                    f"'spec.target.template.type: got {_TOKEN}; allowed: any other'",
                ),
            ],
        )
    ]


def _is_store(reference: str) -> str:
    return (
        f"{reference}.?kind.orValue('SecretStore') == 'ClusterSecretStore'"
        f" && {reference}.?name.orValue('') == '{SECRET_STORE}'"
    )


def _same_store(entry: str) -> str:
    source = f"{entry}.sourceRef"
    same = f"has({source}.storeRef) && {_is_store(f'{source}.storeRef')}"
    return f"!has({source}) || (!has({source}.generatorRef) && {same})"
