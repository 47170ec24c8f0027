"""What every kind of test shares."""

import signal
import sys
from pathlib import Path

import hypothesis

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# what a shell runs in its background ignores interrupts, and so would every program that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)

# an example may take longer on a machine that does something else too
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


def pytest_addoption(parser):
    parser.addoption(
        "--no-refresh",
        action="store_true",
        help="end-to-end tests of Azure stacks: without options.refresh, as with --refresh=false",
    )
    parser.addoption(
        "--e2e",
        choices=["smoke", "full"],
        default="smoke",
        help="end-to-end tests: those of a few minutes (default), or all of them",
    )
