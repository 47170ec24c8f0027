"""Reads untrusted YAML: the result is plain data or a YamlTextError."""

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class YamlTextError(Exception):
    """A text is not YAML; the text says why, on one line."""


def read_yaml(text: str | bytes) -> object:
    """Return what a text holds.

    Raises:
        YamlTextError: it is not YAML.
    """
    try:
        return YAML(typ="safe").load(text)
    except RecursionError:
        raise YamlTextError("it nests too deeply") from None
    # the parser's own beside YAMLError: KeyError at `!!bool maybe`, ValueError at `!!int x`, TypeError at `? {a: b}`
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise YamlTextError(" ".join(str(error).split()) or type(error).__name__) from None
