"""Programs that workflows call, as recorded answers; each is a script of the test's."""

import sys

PROGRAMS = (
    "az",
    "gh",
    "make setup, scan",
    "pulumi",
    "bootstrap plan, policy, doctor, drift, recover, rehearse, verify",
)
"""Programs that are recorded answers: what they would do is tested elsewhere."""

_LOGGED = '#!/bin/bash\necho "{name} $*" >> "$WORLD/log"\n'

_PULUMI = (
    _LOGGED.format(name="pulumi")
    + """
while test $# -gt 0; do
  case "$1" in
    preview|up|export|destroy) verb="$1" ;;
    --stack) stack="$2" ;;
  esac
  shift
done
case "$verb" in
  preview) cat "$WORLD/previews/$stack.json"; exit "$(cat "$WORLD/previews/$stack.status" 2>/dev/null || echo 0)" ;;
  up) cat "$WORLD/state/$stack.up" 2>/dev/null; exit "$(cat "$WORLD/state/$stack.status" 2>/dev/null || echo 0)" ;;
  destroy) exit "$(cat "$WORLD/state/$stack.destroy" 2>/dev/null || echo 0)" ;;
  export) cat "$WORLD/state/$stack.json" 2>/dev/null || echo '{"deployment": {}}' ;;
esac
"""
)

# .venv of the clone; `bootstrap ci` is the clone's own code
_MAKE = """#!/bin/bash
echo "make $*" >> "$WORLD/log"
case "$*" in *scan*) cat "$WORLD/answers/scan" 2>/dev/null || echo '{"findings": []}'; exit ;; esac
echo "stand-in for make $*"
mkdir -p .venv/bin
cp "$WORLD/bin/bootstrap" .venv/bin/bootstrap
"""

_BOOTSTRAP = """#!/bin/bash
echo "bootstrap $*" >> "$WORLD/log"
answer="$WORLD/answers/$1"
test "$2" != --stack || test ! -e "$answer-$3" || answer="$answer-$3"
if test -e "$answer" && test "$1" != ci; then
  cat "$answer"
  cat "$answer.errors" >&2
  exit "$(cat "$answer.status" 2>/dev/null || echo 0)"
fi
exec {python} -c 'import sys; sys.path.insert(0, "."); from bootstrap.cli import main; main()' "$@"
"""

_GH = (
    _LOGGED.format(name="gh")
    + """
case "$1 $2" in
  "pr view") exit 1 ;;
  "pr list") echo "[]" ;;
  "pr create") test -t 0 || cat > "$WORLD/body.md"; echo "https://example.com/pull/1" ;;
esac
"""
)


def scripts() -> dict[str, str]:
    """Return the programs by name."""
    return {
        "az": _LOGGED.format(name="az"),
        "bootstrap": _BOOTSTRAP.format(python=sys.executable),
        "gh": _GH,
        "make": _MAKE,
        "pulumi": _PULUMI,
    }
