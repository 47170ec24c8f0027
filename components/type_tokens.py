"""Tokens of resource types, as Pulumi writes them into every URN.

The program's own begin with ``aks-bootstrap:``. A token is forever: another one would be another resource, replaced in
every stack. So it stays as it is when its class moves to another file.
"""


def short_type(type_: str) -> str:
    """Shorten a type token to the part that people recognise: ``containerservice:ManagedCluster``."""
    parts = type_.split(":")
    if parts[0] == "aks-bootstrap":
        return parts[-1]
    return ":".join([parts[-2].split("/")[-1], parts[-1]]) if parts[0] == "azure-native" else parts[-1]
