"""How the comments and issues that the workflows write look on their pages: `make pictures` draws docs/pictures.

The texts are those that the commands write of recorded previews. GitHub's pages are not there to be asked, so that the
style sheet imitates them: colours and widths are ours, the text and its structure are not.
"""

import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt

from bootstrap.delivery.promote.pull_request import body
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.options import ROOT
from bootstrap.platform.ci.comment import Review, to_markdown
from bootstrap.platform.ci.preview import read_preview
from bootstrap.platform.ci.publish import issue_text

FOLDER = ROOT / "docs" / "pictures"
SOURCES = FOLDER / "sources.json"
"""SHA-256 of what each picture was drawn from."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_WIDTH = 860

_STYLE = """
body { margin: 16px; width: 828px; font: 14px/1.5 "Liberation Sans", Arial, sans-serif; color: #1f2328 }
.box { border: 1px solid #d1d9e0; border-radius: 6px }
.top { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px }
.text { padding: 4px 16px 12px }
h3 { font-size: 1.25em; margin: 16px 0 }
code { background: #eff1f3; padding: .2em .4em; border-radius: 6px; font: 85% "DejaVu Sans Mono", monospace }
code { overflow-wrap: anywhere }
pre { background: #f6f8fa; padding: 16px; border-radius: 6px; line-height: 1.45; white-space: pre-wrap }
pre code { background: none; padding: 0; line-height: 1.45 }
.added { background: #dafbe1; display: block } .removed { background: #ffebe9; display: block }
ul { padding-left: 2em } sub { color: #59636e }
blockquote { margin: 0; padding: 0 1em; border-left: .25em solid #d1d9e0; color: #59636e }
.caution { border-color: #cf222e; color: inherit } .caution p:first-child b.kind { color: #cf222e; display: block }
table { border-collapse: collapse } td, th { border: 1px solid #d1d9e0; padding: 6px 13px }
"""

_DRIFT = """\
  ~ azure-native:containerservice:AgentPool: (update)
        [urn=urn:pulumi:prod::aks-bootstrap::aks-bootstrap:azure:NodePool$azure-native:containerservice:AgentPool::pool-apps-g1]
      ~ maxCount: 12 => 8
  ~ azure-native:keyvault:Vault: (update)
      ~ properties: {
          - enablePurgeProtection: true
        }
drift: see above
"""
"""What `bootstrap drift` printed, shortened."""


def texts() -> dict[str, tuple[str, str]]:
    """Return each picture's title and Markdown, by the picture's name."""
    found = {
        f"preview-{name}": (f"github-actions commented on a pull request: {what}", to_markdown(_review(name)))
        for name, what in (
            ("calm", "a preview of stack dev"),
            ("zone", "what would be lost, and the labels that agree to it"),
            ("mistake", "a preview that fails"),
        )
    }
    found["drift"] = ("Stack prod has drifted: an issue", issue_text("prod", _DRIFT))
    edit = Edit(
        tip="0" * 40,
        file=PurePosixPath("gitops/apps/shop/prod.yaml"),
        mode="100644",
        path="image.tag",
        before="9c1f3ab",
        after="4f2a9c1",
        old="# What prod differs in.\nimage:\n  tag: 9c1f3ab\nreplicas: 4\n",
        new="# What prod differs in.\nimage:\n  tag: 4f2a9c1\nreplicas: 4\n",
    )
    request = Request(
        app="shop",
        environment="prod",
        value="4f2a9c1",
        source_repository="example/shop",
        source_run="https://github.com/example/shop/actions/runs/81",
    )
    found["promotion"] = ("deploy: shop prod 4f2a9c1, a pull request", body(edit, request))
    return found


def _review(name: str) -> Review:
    recorded = (ROOT / "tests" / "previews" / f"{name}.json").read_text(encoding="utf-8")
    return Review(stack="dev", preview=read_preview(recorded))


def page(title: str, markdown: str) -> str:
    """Return a text as a page: GitHub's alerts and diffs are what plain Markdown does not have."""
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    shown = re.sub(
        r"<blockquote>\s*<p>\[!CAUTION\]\s*", '<blockquote class="caution"><p><b class="kind">Caution</b>', shown
    )
    shown = re.sub(r'<code class="language-diff">(.*?)</code>', _coloured, shown, flags=re.DOTALL)
    return (
        f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style><div class="box"><div class="top">'
        f'{html.escape(title)}</div><div class="text">{shown}</div></div>'
    )


def _coloured(found: re.Match[str]) -> str:
    kinds = {"+": "added", "-": "removed"}
    lines = [
        f'<span class="{kinds[line[0]]}">{line}</span>' if line[:1] in kinds else f"{line}\n"
        for line in found[1].rstrip("\n").split("\n")
    ]
    return f"<code>{''.join(lines)}</code>"


def sources() -> dict[str, str]:
    """Return the SHA-256 of what each picture is drawn from."""
    return {name: hashlib.sha256(page(*text).encode()).hexdigest() for name, text in texts().items()}


def main() -> int:
    """Draw every picture, and write down what from."""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.stderr.write(f"pictures are drawn by Chromium; none of {', '.join(_BROWSERS)} is on PATH\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts().items():
            source = Path(folder, f"{name}.html")
            measured = "<script>document.title = document.documentElement.scrollHeight</script>"
            source.write_text(page(*text) + measured, encoding="utf-8")
            command = [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                f"--user-data-dir={folder}/profile",
            ]
            address = source.as_uri()
            shown = subprocess.run(
                [*command, f"--window-size={_WIDTH},100", "--dump-dom", address],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            height = re.search(r"<title>(\d+)</title>", shown)
            assert height
            picture = FOLDER / f"{name}.png"
            size = f"--window-size={_WIDTH},{height[1]}"
            subprocess.run([*command, size, f"--screenshot={picture}", address], capture_output=True, check=True)
            sys.stdout.write(f"{picture.relative_to(ROOT)}\n")
    SOURCES.write_text(json.dumps(sources(), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
