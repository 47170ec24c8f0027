"""What Azure retires of what a stack can ask for, by date: the one table.

A test that failed by date would break an old commit during an emergency rebuild, so nothing here refuses a stack:
`bootstrap doctor` says what is near its end, and the table is checked for its form only.

Sources: the calendar of Kubernetes versions, https://learn.microsoft.com/azure/aks/supported-kubernetes-versions (of
August 2026), and Azure's own list of retirements, https://github.com/Azure/EOL (service_list.json, December 2025).
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WARNING_DAYS = 90
"""How long before its end something is warned of."""


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """Something that Azure retires."""

    name: str
    on: dt.date
    """The last day on which Azure supports it."""
    instead: str
    """What to ask for instead."""
    source: str
    property: str
    """Property of a request's body that asks for it, under any of its parents, such as ``vmSize``."""
    value: str
    """Regular expression of the property's values that ask for it."""
    besides: tuple[str, str] | None = None
    """Another property of the same object, and the regular expression that its value has to match too."""

    def asked_for(self, value: Any) -> bool:
        """Tell whether an object of a request's body asks for it."""
        return isinstance(value, Mapping) and all(
            re.fullmatch(form, str(value.get(name, "")))
            for name, form in ((self.property, self.value), *([self.besides] if self.besides else []))
        )


_CALENDAR = "https://learn.microsoft.com/azure/aks/supported-kubernetes-versions#aks-kubernetes-release-calendar"
_LONG_TERM = "AKSLongTermSupport"

_KUBERNETES = {
    # minor version: last day of support, last day of long-term support
    32: (dt.date(2026, 3, 31), dt.date(2027, 3, 31)),
    33: (dt.date(2026, 7, 31), dt.date(2027, 7, 31)),
    34: (dt.date(2026, 11, 30), dt.date(2027, 11, 30)),
    35: (dt.date(2027, 3, 31), dt.date(2028, 3, 31)),
    36: (dt.date(2027, 6, 30), dt.date(2028, 6, 30)),
    37: (dt.date(2027, 10, 31), dt.date(2028, 10, 31)),
}

RETIREMENTS = (
    *(
        Retirement(
            name=f"Kubernetes 1.{minor}{' with long-term support' if long_term else ''}",
            on=on,
            instead="raise cluster.kubernetesVersion, together with cluster.generation",
            source=_CALENDAR,
            property="kubernetesVersion",
            value=rf"1\.{minor}(\.\d+)?",
            besides=("supportPlan", _LONG_TERM if long_term else f"(?!{_LONG_TERM}).*"),
        )
        for minor, ends in _KUBERNETES.items()
        for on, long_term in zip(ends, (False, True), strict=True)
    ),
    Retirement(
        name="node pools of Windows Server 2022",
        on=dt.date(2027, 3, 15),
        instead="move their workloads to Linux: this program makes Windows pools of Windows Server 2022 only",
        source="https://azure.microsoft.com/updates/ws2022-retirement-aks/",
        property="osSKU",
        value="Windows2022",
    ),
    *(
        Retirement(
            name=f"virtual machines of the {series} series",
            on=on,
            instead="choose a size of a later version, such as Standard_D4ds_v5",
            source=f"https://azure.microsoft.com/updates/?id={update}",
            property="vmSize",
            value=form,
        )
        for series, on, update, form in (
            ("NVv3", dt.date(2026, 9, 30), 500573, r"Standard_NV\d+s_v3"),
            ("NVv4", dt.date(2026, 9, 30), 500578, r"Standard_NV\d+as_v4"),
            ("DCsv2", dt.date(2026, 6, 30), 496104, r"Standard_DC\d+s_v2"),
            ("D, Ds, Dv2, Dsv2 and Ls", dt.date(2028, 5, 1), 485569, r"Standard_(DS?\d+(-\d+)?(_v2)?|L\d+s)"),
            (
                "F, Fs, Fsv2, Lsv2, G, Gs, Av2, Amv2 and B",
                dt.date(2028, 11, 15),
                500682,
                r"Standard_(F\d+s?(_v2)?|L\d+s_v2|GS?\d+(-\d+)?|A\d+m?_v2|B\d+[a-z]*)",
            ),
        )
    ),
)


def retirements(body: Any) -> Iterator[Retirement]:
    """Yield what Azure retires of what the body of a request asks for, whenever that is."""
    if isinstance(body, Mapping):
        yield from (found for found in RETIREMENTS if found.asked_for(body))
        for value in body.values():
            yield from retirements(value)
    elif isinstance(body, list):
        for value in body:
            yield from retirements(value)
