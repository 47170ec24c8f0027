"""How a text is written as a YAML scalar, so that every parser of YAML reads the same text back."""

import re

_PLAIN = re.compile(r"[A-Za-z0-9_/]([A-Za-z0-9._/@:+-]*[A-Za-z0-9._/+-])?")
"""What may stand without quotes anywhere, in a flow mapping too: less than YAML allows, and all that images need."""

_OTHER_THAN_TEXT = re.compile(
    r"""
      [-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9_]+)?   # 1234567, 0012345, 12e4567, 1_000
    | [-+]?0x[0-9a-f_]+ | [-+]?0o?[0-7_]+ | [-+]?0b[01_]+
    | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?                # YAML 1.1: base 60
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t].*)?                      # dates
    | [-+]?\.inf | \.nan
    | null | true | false | yes | no | on | off | y | n           # YAML 1.1: the last six too
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What some parser takes for a number, a date, a truth value or nothing when it stands without quotes.

The union of YAML 1.1 (https://yaml.org/type/), of the core schema of YAML 1.2 (section 10.3.2) and of what go-yaml,
which Helm and Argo CD read values with, makes of them. Commit SHAs get in here: 1234567 becomes 1.234567e+06 in a
template.
"""


def is_read_as_text(plain: str) -> bool:
    """Whether every parser takes what stands somewhere without quotes for text."""
    return plain not in ("", "~", "<<", "=") and not _OTHER_THAN_TEXT.fullmatch(plain)


def spell(value: str, quote: str | None) -> str:
    """Write a text of one line as a scalar.

    Args:
        value: the text.
        quote: the quotes to keep; None for none, which gives double quotes where the text needs some.
    """
    if quote == "'":
        return "'" + value.replace("'", "''") + "'"
    if quote is None and _PLAIN.fullmatch(value) and is_read_as_text(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
