"""All findings about one stack, as text, JSON and JUnit XML."""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape

from bootstrap.plain import on_lines
from bootstrap.platform.findings import Answers, Finding, Verdict, counted, print_findings


@dataclass(frozen=True, kw_only=True)
class Report(Answers):
    """What each check found."""

    seconds: float

    @property
    def failed(self) -> bool:
        """Whether anything does not work."""
        return bool(self.of(Verdict.FAILED))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "version": 1,
            "stack": self.stack,
            "failed": self.failed,
            "seconds": self.seconds,
            "findings": [found.to_json() for found in self.findings],
        }

    def to_junit(self) -> str:
        """Return JUnit's XML, one case a finding; what cannot be known is skipped."""
        suite = ElementTree.Element(
            "testsuite",
            name=f"bootstrap verify {self.stack}",
            tests=str(len(self.findings)),
            failures=str(len(self.of(Verdict.FAILED))),
            skipped=str(len(self.of(Verdict.UNKNOWN))),
            errors="0",
            time=f"{self.seconds}",
        )
        for found in self.findings:
            case = ElementTree.SubElement(suite, "testcase", classname=found.check, name=_xml(found.subject))
            parts = {"": found.detail, "asked: ": found.asked, "cause: ": found.cause, "→ ": found.remedy}
            shown = "\n".join(f"{word}{_xml(text)}" for word, text in parts.items() if text)
            if found.verdict is Verdict.FAILED:
                ElementTree.SubElement(case, "failure", message=_xml(found.detail)).text = shown
            elif found.verdict is Verdict.UNKNOWN:
                ElementTree.SubElement(case, "skipped", message=_xml(found.detail)).text = shown
            else:
                ElementTree.SubElement(case, "system-out").text = shown
        ElementTree.indent(suite)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """Return text with nothing in it that XML cannot hold: it may be anybody's, as of an object's name."""
    return on_lines(text).replace("\ufffe", "").replace("\uffff", "")


def print_report(found: Report, console: Console) -> None:
    """Print findings as a table, then a summary."""
    print_findings(found.findings, console, good=_together)
    seconds = f"{found.seconds:.0f} s"
    console.print(f"\n{escape(found.stack)}: {counted(found.findings)}; {seconds}", highlight=False)


def _together(good: list[Finding]) -> str:
    """Return what is fine, and once what several have in common."""
    subjects: dict[str, list[str]] = {}
    for each in good:
        subjects.setdefault(each.detail, []).append(each.subject)
    return "; ".join(f"{', '.join(names)}: {detail}" for detail, names in subjects.items())
